import {z} from 'zod'
import {BurnRatioBody, HistoryBody, SubmittedBody} from '../../api/mechanism-schemas.js'
import {Hotkey} from '../../domain/ids.js'
import {spell} from '../../services/duration.js'
import type {OwnMechanism} from '../../services/own-mechanism.js'
import {submissionHistory} from '../../store/submissions.js'
import {listValidators} from '../../store/validators.js'
import {datetime} from '../datetime.js'
import {Refusal} from '../refusal.js'
import {type Route, route} from '../route.js'
import {callerOf, type RouteDeps} from './deps.js'

/** Submissions by signed request: the paths that a mechanism's own ecosystem calls, with its own signature. */
export function submissionRoutes(deps: RouteDeps): Route[] {
  return (deps.own ?? []).flatMap((mechanism) => routesOf(mechanism, deps))
}

const historyLimit = 100
/** Said to whoever signs as published clients do: it is taken, but validators of this program do not take our word. */
const unproven =
  'the signature does not cover what is submitted, so validators that check it will not run it: sign the whole request ' +
  '(leoma miner submit does), or commit it on the chain'

function routesOf(own: OwnMechanism, {store, time}: RouteDeps): Route[] {
  const {requests: paths} = own.mechanism
  if (!paths) return []
  const isMember = (hotkey: string) => {
    const isRegistered = own.isRegistered(hotkey)
    if (isRegistered === undefined) throw new Refusal(503, 'The chain has not answered yet', {'retry-after': '5'})
    return isRegistered
  }
  const isValidator = (hotkey: string) => listValidators(store).some((validator) => validator.hotkey === hotkey)
  const windowS = () => own.mechanism.rule(own.exam().exam).submissionWindowS
  return [
    route({
      method: 'POST',
      path: paths.submit,
      summary: `offer something to ${own.name}; 429 with the time left when the last offer is too recent`,
      access: 'call',
      mayCall: isMember,
      body: z.object({hotkey: Hotkey, [paths.field]: z.string().max(4096)}),
      answer: SubmittedBody,
      handle: ({body, caller}) => {
        const {hotkey, proof = null} = callerOf(caller)
        if (body.hotkey !== hotkey) throw new Refusal(403, 'A hotkey submits for itself and nobody else')
        const text = JSON.stringify({[paths.field]: body[paths.field]})
        const submitted = own.submit({hotkey, text, proof})
        switch (submitted.status) {
          case 'invalid':
            throw new Refusal(400, `This cannot be submitted: ${submitted.reason}`)
          case 'claimed':
            throw new Refusal(409, `${submitted.by} submitted this first: it stays theirs`)
          case 'too-soon':
            throw new Refusal(
              429,
              `This hotkey submitted something else before; the next submission is taken in ${spell(submitted.waitS)}`,
              {'retry-after': String(submitted.waitS)},
            )
          case 'accepted':
          case 'unchanged': {
            const {submission} = submitted
            const nextMs = submission.at + windowS() * 1000 - time.now()
            return {
              ...{status: submitted.status, hotkey, block: submission.block},
              next_in_s: Math.max(0, Math.ceil(nextMs / 1000)),
              ...(submission.proof === null && submission.source === 'api' ? {warning: unproven} : {}),
            }
          }
        }
      },
    }),
    route({
      method: 'GET',
      path: `${paths.submit}/history`,
      summary: `what the caller has offered to ${own.name}, the newest first`,
      access: 'call',
      mayCall: isMember,
      answer: HistoryBody,
      handle: ({caller}) => ({
        submissions: submissionHistory(store, own.name, callerOf(caller).hotkey, historyLimit).map(
          ({text, block, at, source, isCurrent}) => ({
            ...{text, block, source},
            submitted_at: datetime(at),
            is_current: isCurrent,
          }),
        ),
      }),
    }),
    route({
      method: 'GET',
      path: paths.list,
      summary: `what is offered to ${own.name} and in force, in the form of its own ecosystem`,
      access: 'call',
      mayCall: isValidator,
      answer: z.array(z.record(z.string(), z.json())),
      handle: () =>
        own.submissions().flatMap(({hotkey, text, at, block, claimBlock, isBlacklisted, copyOf}) =>
          copyOf !== null
            ? []
            : [
                {
                  hotkey,
                  [paths.field]: isBlacklisted ? paths.banned : offered(text, paths.field),
                  submit_time: Math.floor(at / 1000),
                  submit_block: block,
                  claim_block: claimBlock,
                },
              ],
        ),
    }),
    route({
      method: 'GET',
      path: paths.burnRatio,
      summary: `share of the emission of ${own.name} that is burned, as its exam says`,
      access: 'call',
      mayCall: isValidator,
      answer: BurnRatioBody,
      handle: () => ({burn_ratio: own.mechanism.rule(own.exam().exam).burnShare}),
    }),
  ]
}

/** Stored texts are in the mechanism's one form: an object with this field. */
function offered(text: string, field: string): string {
  return z.record(z.string(), z.string()).parse(JSON.parse(text))[field] ?? ''
}
