import path from 'node:path'
import {performance} from 'node:perf_hooks'
import {OpenAiJudge} from '../../src/judge/openai.js'
import {openAiJudgeDefaults} from '../../src/judge/openai-options.js'
import {Evaluator} from '../../src/mechanisms/video/evaluator.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {FfmpegJpeg} from '../../src/media/jpeg.js'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {openVision} from '../../src/vision/open.js'
import {OpenAiServer} from '../fakes/openai-server.js'
import {gatesWithCopies, run, VideoWorld} from '../helpers/video-world.js'
import {publishTask} from './evaluate.js'
import type {Measured} from './run.js'

const outputs = 24
const latencyMs = 2_000
const repeats = 2
const ways = ['together', 'one-by-one'] as const
type Way = (typeof ways)[number]

/** A task of 24 outputs of 832×480 before a vision judge that takes two seconds, as the program does it and one by one. */
export async function bench(): Promise<Measured[]> {
  const server = await new OpenAiServer().open()
  const judge = {...defaults.judge, name: 'openai', version: 1, options: {...openAiJudgeDefaults, recheck: null}}
  const world = new VideoWorld({request: defaults.request, gates: gatesWithCopies, judge})
  try {
    await publishTask(world, outputs)
    server.latencyMs = latencyMs
    const taken = {together: Number.POSITIVE_INFINITY, 'one-by-one': Number.POSITIVE_INFINITY}
    // The better of two each, alternating: other work on the machine must not decide.
    for (let repeat = 0; repeat < repeats; repeat++)
      for (const name of ways) taken[name] = Math.min(taken[name], await evaluate(world, server, name, repeat))
    const {together, 'one-by-one': oneByOne} = taken
    return [
      {
        name: `a task of ${outputs} outputs, vision judge of ${latencyMs / 1000} s`,
        ratio: oneByOne / together,
        limit: 8,
        bad: 'under',
        note: `${(oneByOne / 1000).toFixed(1)} s one by one, ${(together / 1000).toFixed(1)} s as it is done`,
      },
    ]
  } finally {
    await server.close()
    await world.close()
  }
}

async function evaluate(world: VideoWorld, server: OpenAiServer, name: Way, repeat: number): Promise<number> {
  const ports = await world.ports(`validator-${name}-${repeat}`)
  const vision = openVision(
    {
      ...{baseUrl: server.url, apiKey: server.key, timeoutMs: 60_000, perHourUsd: 100, perTaskUsd: 100, prices: {}},
      dir: path.join(world.dir, `vision-${name}-${repeat}`),
    },
    {jpeg: new FfmpegJpeg(run), time: systemTime(), log: silentLogger()},
  )
  const judge = new OpenAiJudge({vision, media: world.media})
  if (name === 'one-by-one') Object.assign(judge, {concurrency: 1})
  try {
    const settings = {...ports.settings, maxConcurrentJudgements: name === 'one-by-one' ? 1 : 2}
    const startedAt = performance.now()
    await new Evaluator({...ports, judges: [judge], settings}).turn({at: 0, signal: world.stop.signal})
    const taken = performance.now() - startedAt
    const judged = ports.journal.verdictsOf(1).length
    if (judged !== outputs) throw new Error(`${judged} of ${outputs} outputs were judged`)
    return taken
  } finally {
    ports.close()
  }
}
