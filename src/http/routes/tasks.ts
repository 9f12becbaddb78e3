import {z} from 'zod'
import {
  LatestTaskBody,
  LogQuery,
  MinerTasksBody,
  MinerTasksQuery,
  SettledBody,
  TaskDetailBody,
  TaskMinerBody,
  TaskMinerParams,
  TaskParams,
  TasksBody,
} from '../../api/schemas.js'
import {SignedManifest} from '../../domain/task.js'
import {publishTask} from '../../services/task-intake.js'
import {settledPieces} from '../../store/evidence.js'
import {countValidators, listSamples, type StoredSample} from '../../store/samples.js'
import {
  findTask,
  latestTaskId,
  manifestPiecesAfter,
  resultsOfMiner,
  resultsOfTask,
  type StoredTask,
} from '../../store/tasks.js'
import {datetime} from '../datetime.js'
import {Refusal} from '../refusal.js'
import {type Route, route, TextPieces} from '../route.js'
import {hotkeyOf, type RouteDeps} from './deps.js'
import {minerTasks} from './miners.js'

/** A page of settled tasks ends here, so that an answer of a large subnet stays one that a client will read. */
const maxPageBytes = 8 * 1024 * 1024
/** An exam of 4,096 answers and as many voters, with room. */
const maxManifestBytes = 8 * 1024 * 1024

export function taskRoutes(deps: RouteDeps): Route[] {
  const {store} = deps
  const url = (key: string) => deps.mediaUrl?.(key) ?? Promise.resolve(null)
  return [
    route({
      method: 'GET',
      path: '/tasks/latest',
      summary: 'id of the newest published task',
      access: 'public',
      answer: LatestTaskBody,
      keep: {maxAgeS: 2, basis: () => [store.changes.of('tasks')]},
      handle: () => {
        const taskId = latestTaskId(store)
        if (taskId === 0) throw new Refusal(404, 'No task sampled yet')
        return {task_id: taskId}
      },
    }),
    route({
      method: 'GET',
      path: '/tasks/log',
      summary: 'signed manifests of published tasks, ascending',
      access: 'public',
      query: LogQuery,
      answer: TasksBody,
      handle: ({query}) =>
        new TextPieces(listed('tasks', joined(manifestPiecesAfter(store, query.after, query.limit)))),
    }),
    route({
      method: 'GET',
      path: '/tasks/settled',
      summary: 'settled tasks with all their verdicts, ascending: everything a ranking follows from',
      access: 'public',
      query: LogQuery,
      answer: SettledBody,
      handle: ({query}) =>
        new TextPieces(listed('settled', settledPieces(store, query.after, query.limit, maxPageBytes))),
    }),
    route({
      method: 'GET',
      path: '/tasks',
      summary: 'results of one miner in settled tasks, newest first',
      access: 'public',
      query: MinerTasksQuery,
      answer: MinerTasksBody,
      handle: ({query}) => minerTasks(resultsOfMiner(store, hotkeyOf(query.miner_hotkey), query)),
    }),
    route({
      method: 'POST',
      path: '/tasks',
      summary: 'publish the next task; the same one twice is one publication',
      access: 'admin',
      body: SignedManifest,
      answer: LatestTaskBody,
      maxBodyBytes: Math.max(deps.maxBodyBytes, maxManifestBytes),
      handle: ({body}) => {
        const result = publishTask(body, deps)
        if (!result.ok) throw new Refusal(result.status, result.detail)
        return {task_id: body.manifest.taskId}
      },
    }),
    route({
      method: 'GET',
      path: '/tasks/{task_id}',
      summary: 'one settled task: who delivered, and who passed',
      access: 'public',
      params: TaskParams,
      answer: TaskDetailBody,
      handle: async ({params}) => {
        const task = settledTask(deps, params.task_id)
        const judged = resultsOfTask(store, params.task_id).filter(({passed}) => passed !== null)
        if (judged.length === 0) throw new Refusal(404, 'Task not found')
        const miners = judged.map((result) => ({
          miner_hotkey: result.miner,
          passed: result.passed === true,
          validator_count: result.votes,
          latency_ms: result.latencyMs,
          updated: datetime(result.judgedAt),
        }))
        return {
          ...(await taskPaths(task, url)),
          miner_count: miners.length,
          validator_count: countValidators(store, params.task_id),
          // Those that passed first; both halves stay in the order of hotkeys.
          miners: [...miners.filter(({passed}) => passed), ...miners.filter(({passed}) => !passed)],
          exam_hash: task.task.manifest.examHash,
          settled_at_block: task.settledAtBlock ?? 0,
        }
      },
    }),
    route({
      method: 'GET',
      path: '/tasks/{task_id}/miner/{miner_hotkey}',
      summary: 'one output in one settled task, with every verdict',
      access: 'public',
      params: TaskMinerParams,
      answer: TaskMinerBody,
      handle: async ({params}) => {
        const hotkey = hotkeyOf(params.miner_hotkey)
        const task = settledTask(deps, params.task_id)
        const samples = listSamples(store, {
          taskId: params.task_id,
          miner: hotkey,
          settledOnly: true,
          order: 'oldest',
        })
        const result = resultsOfTask(store, params.task_id).find(({miner}) => miner === hotkey)
        if (samples.length === 0 || !result) throw new Refusal(404, 'No evaluations for this task/miner')
        const stakes = new Map<string, string>(task.task.manifest.voters.map((voter) => [voter.hotkey, voter.stakeRao]))
        const generated = `${params.task_id}/generated_videos/${hotkey}.mp4`
        return {
          ...(await taskPaths(task, url)),
          miner_hotkey: hotkey,
          generated_video_path: generated,
          generated_video_url: await url(generated),
          validators: samples.map((sample) => validatorResult(sample, stakes.get(sample.validator))),
          final_passed: result.passed === true,
          latency_ms: result.latencyMs,
        }
      },
    }),
  ]
}

/** A task whose verdicts may still come shows nothing: copied votes are worth nothing once nobody can copy. */
function settledTask({store}: RouteDeps, taskId: number): StoredTask {
  const task = findTask(store, taskId)
  if (!task || task.settledAtBlock === null) throw new Refusal(404, 'Task not found')
  return task
}

async function taskPaths({task}: StoredTask, url: (key: string) => Promise<string | null>) {
  const {taskId, prompt, clip, firstFrame} = task.manifest
  return {
    task_id: taskId,
    description: prompt.text === '' ? null : prompt.text,
    s3_prefix: String(taskId),
    first_frame_path: firstFrame?.key ?? `${taskId}/first_frame.png`,
    original_clip_path: clip.key,
    first_frame_url: firstFrame ? await url(firstFrame.key) : null,
    original_clip_url: await url(clip.key),
  }
}

const Scores = z.object({
  aspect_scores: z.record(z.string(), z.unknown()).optional().catch(undefined),
  overall_score: z.number().optional().catch(undefined),
})

function validatorResult(sample: StoredSample, stakeRao: string | undefined) {
  const scores = scoresOf(sample.generatedArtifacts)
  return {
    validator_hotkey: sample.validator,
    passed: sample.passed,
    // Whole units, as published: what the vote weighs is the rao in the manifest.
    stake: Number(stakeRao ?? 0) / 1e9,
    evaluated_at: datetime(sample.evaluatedAt),
    confidence: sample.confidence,
    reasoning: sample.reasoning,
    ...scores,
  }
}

/** Numbers of the published artefact text, cut towards zero; null when it is not what it should be. */
function scoresOf(text: string | null): {aspect_scores: Record<string, number> | null; overall_score: number | null} {
  const parsed = Scores.safeParse(parseJson(text))
  if (!parsed.success) return {aspect_scores: null, overall_score: null}
  const {aspect_scores: aspects, overall_score: overall} = parsed.data
  return {
    aspect_scores: aspects
      ? Object.fromEntries(
          Object.entries(aspects).flatMap(([name, value]) =>
            typeof value === 'number' ? [[name, Math.trunc(value)]] : [],
          ),
        )
      : null,
    overall_score: overall === undefined ? null : Math.trunc(overall),
  }
}

/** A JSON object with one list. */
function* listed(name: string, items: Iterable<string>): Generator<string> {
  yield `{"${name}":[`
  yield* items
  yield ']}'
}

function* joined(pieces: Iterable<readonly string[]>): Generator<string> {
  let separator = ''
  for (const piece of pieces) {
    yield separator + piece.join(',')
    separator = ','
  }
}

function parseJson(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}
