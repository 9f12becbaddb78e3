import type {BlacklistEntryBody} from '../../api/schemas.js'
import {BaseCommand} from '../../cli/base-command.js'
import {printable} from '../../cli/printable.js'
import type {Column} from '../../cli/table.js'

const columns: readonly Column<BlacklistEntryBody>[] = [
  {name: 'hotkey', value: ({hotkey}) => hotkey},
  {name: 'since', value: ({created_at: since}) => since ?? '-'},
  {name: 'by', value: ({added_by: by}) => by ?? '-'},
  {name: 'reason', value: ({reason}) => printable(reason ?? '-'), flexible: true},
]

export default class BlacklistList extends BaseCommand {
  static override summary = 'hotkeys that may neither call the API nor be asked, and why'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']

  async run(): Promise<{blacklist: readonly BlacklistEntryBody[]}> {
    await this.parse(BlacklistList)
    const app = await this.open('reader')
    const blacklist = await (await app.blacklist({signed: false})).bans(this.signal)
    if (blacklist.length > 0) this.table(columns, blacklist)
    this.logToStderr(blacklist.length === 0 ? 'empty' : `${blacklist.length} in all`)
    return {blacklist}
  }
}
