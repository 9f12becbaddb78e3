import {BaseCommand} from '../../cli/base-command.js'
import type {Column} from '../../cli/table.js'
import type {SignedExam} from '../../domain/exam.js'

const columns: readonly Column<SignedExam>[] = [
  {name: 'from task', value: ({exam}) => exam.fromTask, align: 'right'},
  {name: 'hash', value: ({examHash}) => examHash},
  {name: 'mechanism', value: ({exam}) => `${exam.mechanism} ${exam.mechanismVersion}`},
  {name: 'signed by', value: ({signer}) => signer},
]

export default class ExamList extends BaseCommand {
  static override summary = 'every exam that the owner has published, those to come among them'
  static override examples = ['<%= config.bin %> <%= command.id %>']

  async run(): Promise<{exams: readonly SignedExam[]}> {
    await this.parse(ExamList)
    const app = await this.open('reader')
    const {listExams} = await import('../../app/exam.js')
    const exams = await listExams(app, this.signal)
    this.table(columns, exams)
    return {exams}
  }
}
