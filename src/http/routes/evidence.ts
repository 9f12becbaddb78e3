import {z} from 'zod'
import {ExamParams, ExamTakenBody, TaskParams} from '../../api/schemas.js'
import {AuditReport} from '../../domain/audit.js'
import {SignedExam} from '../../domain/exam.js'
import {Sha256} from '../../domain/ids.js'
import {SignedManifest} from '../../domain/task.js'
import {takeExam} from '../../services/exam.js'
import {evidencePieces, findSettled} from '../../store/evidence.js'
import {examTexts, findExam} from '../../store/exams.js'
import {manifestText} from '../../store/tasks.js'
import {Refusal} from '../refusal.js'
import {JsonText, type Route, route, TextPieces} from '../route.js'
import type {RouteDeps} from './deps.js'

/** One JSON text a line: a line that is damaged spoils no other. */
const lines = 'application/x-ndjson; charset=utf-8'
const asLines = (texts: readonly string[]) => texts.map((text) => `${text}\n`).join('')

function* inLines(pieces: Iterable<readonly string[]>): Generator<string> {
  for (const texts of pieces) yield asLines(texts)
}

/** What an auditor reads: every signed piece as it was signed, one by one, and for ever the same. */
export function evidenceRoutes(deps: RouteDeps): Route[] {
  const {store} = deps
  return [
    route({
      method: 'GET',
      path: '/exams',
      summary: 'every signed exam in the order of publication, one a line',
      access: 'public',
      answer: z.string(),
      contentType: lines,
      keep: {maxAgeS: 60, basis: () => [store.changes.of('exams')]},
      handle: () => new JsonText(asLines(examTexts(store))),
    }),
    route({
      method: 'POST',
      path: '/exams',
      summary: "publish an exam that the subnet's owner signed, from a task on that is yet to come",
      access: 'admin',
      body: SignedExam,
      answer: ExamTakenBody,
      handle: async ({body}) => {
        const {mechanism, netuid, verify, time, signer} = deps
        if (!signer) throw new Refusal(422, 'This API does not know the key of its owner')
        const fault = await deps.judgeFault?.(body.exam)
        if (fault !== undefined) throw new Refusal(422, `The exam is refused, nobody could judge under it: ${fault}`)
        const at = time.now()
        const taken = takeExam(body, {store, mechanism, netuid, verify, ownerHotkey: signer.hotkey, at})
        if (!taken.ok) throw new Refusal(taken.status, taken.detail)
        deps.log.info({exam: body.examHash, fromTask: body.exam.fromTask}, 'exam taken in')
        return {exam_hash: body.examHash, from_task: body.exam.fromTask, in_force: taken.current}
      },
    }),
    route({
      method: 'GET',
      path: '/exams/{exam_hash}',
      summary: 'one signed exam by its hash',
      access: 'public',
      params: ExamParams,
      answer: SignedExam,
      handle: ({params}) => {
        const hash = Sha256.safeParse(params.exam_hash)
        const exam = hash.success ? findExam(store, hash.data) : undefined
        if (!exam) throw new Refusal(404, 'Exam not found')
        return exam
      },
    }),
    route({
      method: 'GET',
      path: '/audit',
      summary: "the owner's last audit of itself: what agrees, what differs, and who set which weights",
      access: 'public',
      answer: AuditReport,
      keep: {maxAgeS: 30, basis: () => [deps.audit?.last()]},
      handle: () => {
        const report = deps.audit?.last()
        if (!report) throw new Refusal(404, 'No audit yet')
        return report
      },
    }),
    route({
      method: 'GET',
      path: '/tasks/{task_id}/manifest',
      summary: 'the signed manifest of one published task',
      access: 'public',
      params: TaskParams,
      answer: SignedManifest,
      isFinal: true,
      handle: ({params}) => new JsonText(found(manifestText(store, params.task_id))),
    }),
    route({
      method: 'GET',
      path: '/tasks/{task_id}/evidence',
      summary: 'one settled task, one piece a line: its signed manifest, its signed verdicts, and when it settled',
      access: 'public',
      params: TaskParams,
      answer: z.string(),
      contentType: lines,
      isFinal: true,
      handle: ({params}) => new TextPieces(inLines(evidencePieces(found(findSettled(store, params.task_id))))),
    }),
  ]
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Refusal(404, 'Task not found')
  return value
}
