import {z} from 'zod'
import type {Hotkey} from '../../domain/ids.js'
import type {ExecutorBook} from '../../store/executor-port.js'
import type {Records} from '../../store/record-port.js'
import type {ServedAnswer, ServedRoute} from '../types.js'
import type {Executor} from './executor.js'
import {parseImageRef} from './submission.js'
import {blacklisted, recordsPath, SubmissionRows} from './wire.js'

interface RouteDeps {
  readonly book: ExecutorBook
  readonly records: Records
  readonly author: Hotkey
  readonly executor: Pick<Executor, 'progress'>
}

const Shown = z.object({image_ref: z.string(), metrics: z.record(z.string(), z.json())})
const Page = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(100).default(20),
})

/** What an executor answers to its validator; whoever calls has shown by then that it may. */
export function executorRoutes({book, records, author, executor}: RouteDeps): ServedRoute[] {
  return [
    {
      method: 'POST',
      path: '/update',
      handle: ({body}) => {
        const rows = SubmissionRows.safeParse(body)
        if (!rows.success) return fault(422, rows.error.issues[0]?.message ?? 'the body is no list of submissions')
        book.tell(
          rows.data
            .filter(({image_ref}) => image_ref === blacklisted || parseImageRef(image_ref).ok)
            .filter(({hotkey}, at, all) => all.findIndex((other) => other.hotkey === hotkey) === at)
            .map((row) => ({
              ...{hotkey: row.hotkey, imageRef: row.image_ref, submitTime: row.submit_time},
              submitBlock: row.submit_block ?? 0,
              claimBlock: row.claim_block ?? row.submit_block ?? 0,
            })),
        )
        return {status: 200, body: {count: rows.data.length}}
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      handle: ({ifNoneMatch}) => {
        const etag = `W/"metrics-${book.version()}"`
        if (isKnown(ifNoneMatch, etag)) return {status: 304, headers: {etag}}
        const rows = book.rows().flatMap(({hotkey, submitTime, committed}) => {
          if (committed === null) return []
          const {image_ref, metrics} = Shown.parse(JSON.parse(committed))
          return {hotkey, image_ref, submit_time: submitTime, metrics}
        })
        return {status: 200, headers: {etag}, body: rows}
      },
    },
    {
      method: 'GET',
      path: recordsPath,
      handle: ({query}) => {
        const page = Page.safeParse(query)
        if (!page.success) return fault(422, 'after and limit are whole numbers, limit at most 100')
        return {status: 200, body: {records: records.after('talking-head', author, page.data.after, page.data.limit)}}
      },
    },
    {method: 'GET', path: '/progress', handle: () => ({status: 200, body: executor.progress()})},
  ]
}

const fault = (status: number, detail: string): ServedAnswer => ({status, body: {detail}})

/** A list of entity tags with commas between, or a star; weak and strong are the same here (RFC 9110, 13.1.2). */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const bare = (tag: string) => tag.trim().replace(/^W\//, '')
  return ifNoneMatch?.split(',').some((tag) => tag.trim() === '*' || bare(tag) === bare(etag)) ?? false
}
