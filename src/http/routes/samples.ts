import {
  limitQuery,
  MinerParams,
  SampleBatch,
  SampleBody,
  SampleSubmission,
  SamplesBody,
  TaskSamplesQuery,
  ValidatorParams,
} from '../../api/schemas.js'
import {type Submission, takeVerdicts} from '../../services/verdict-intake.js'
import {listSamples, type StoredSample} from '../../store/samples.js'
import {datetime} from '../datetime.js'
import {Refusal} from '../refusal.js'
import {type Route, route} from '../route.js'
import {callerOf, hotkeyOf, type RouteDeps} from './deps.js'

const maxBatch = 100

export function sampleRoutes(deps: RouteDeps): Route[] {
  const {store} = deps
  const take = async (submission: Submission, signal: AbortSignal) => {
    const result = await takeVerdicts(submission, deps, signal)
    if (!result.ok) throw new Refusal(result.status, result.detail)
    if (result.added > 0) deps.onVerdicts?.()
    return result.samples.map(sampleBody)
  }
  return [
    route({
      method: 'POST',
      path: '/samples',
      summary: 'submit one verdict',
      access: 'validator',
      body: SampleSubmission,
      answer: SampleBody,
      handle: async ({body, caller, signal}) => {
        const validator = callerOf(caller).hotkey
        const [sample] = await take({validator, samples: [body], signature: null}, signal)
        if (!sample) throw new Error('a sample was taken in but not stored')
        return sample
      },
    }),
    route({
      method: 'POST',
      path: '/samples/batch',
      summary: 'submit all verdicts of a task, accepted whole or refused whole',
      access: 'validator',
      body: SampleBatch,
      answer: SamplesBody,
      // A hundred samples at the published field limits are larger than the published body limit.
      maxBodyBytes: 4 * deps.maxBodyBytes,
      handle: async ({body, caller, signal}) => {
        const validator = callerOf(caller).hotkey
        const {samples, signature} = body
        if (samples.length > maxBatch) throw new Refusal(400, `Batch size exceeds limit of ${maxBatch} samples`)
        if (signature !== null && new Set(samples.map(({task_id}) => task_id)).size > 1)
          throw new Refusal(400, 'When signature is provided, all samples must have the same task_id')
        return take({validator, samples, signature}, signal)
      },
    }),
    route({
      method: 'GET',
      path: '/samples/list',
      summary: 'newest samples of settled tasks',
      access: 'public',
      query: limitQuery(200),
      answer: SamplesBody,
      handle: ({query}) => listSamples(store, {settledOnly: true, order: 'newest', limit: query.limit}).map(sampleBody),
    }),
    route({
      method: 'GET',
      path: '/samples/task',
      summary: 'samples of one validator on one settled task, by miner',
      access: 'public',
      query: TaskSamplesQuery,
      answer: SamplesBody,
      handle: ({query}) =>
        listSamples(store, {
          validator: hotkeyOf(query.validator_hotkey),
          taskId: query.task_id,
          settledOnly: true,
          order: 'miner',
        }).map(sampleBody),
    }),
    route({
      method: 'GET',
      path: '/samples/validator/{validator_hotkey}',
      summary: 'newest samples of one validator; of tasks that are open only to itself',
      access: 'validator',
      params: ValidatorParams,
      query: limitQuery(100),
      answer: SamplesBody,
      handle: ({params, query, caller}) => {
        const validator = hotkeyOf(params.validator_hotkey)
        const settledOnly = callerOf(caller).hotkey !== validator
        return listSamples(store, {validator, settledOnly, order: 'newest', limit: query.limit}).map(sampleBody)
      },
    }),
    route({
      method: 'GET',
      path: '/samples/miner/{miner_hotkey}',
      summary: 'newest samples on one miner in settled tasks',
      access: 'validator',
      params: MinerParams,
      query: limitQuery(100),
      answer: SamplesBody,
      handle: ({params, query}) =>
        listSamples(store, {
          miner: hotkeyOf(params.miner_hotkey),
          settledOnly: true,
          order: 'newest',
          limit: query.limit,
        }).map(sampleBody),
    }),
  ]
}

function sampleBody(sample: StoredSample) {
  return {
    id: sample.id,
    task_id: sample.taskId,
    validator_hotkey: sample.validator,
    miner_hotkey: sample.miner,
    prompt: sample.prompt,
    s3_bucket: sample.bucket,
    s3_prefix: sample.prefix,
    passed: sample.passed,
    confidence: sample.confidence,
    reasoning: sample.reasoning,
    evaluated_at: datetime(sample.evaluatedAt),
    latency_ms: sample.latencyMs,
  }
}
