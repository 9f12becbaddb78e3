import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {performance} from 'node:perf_hooks'
import {ReferenceJudge} from '../../src/judge/reference.js'
import {Evaluator} from '../../src/mechanisms/video/evaluator.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {Sampler} from '../../src/mechanisms/video/sampler.js'
import {fileArgument} from '../../src/media/run.js'
import {createSigner} from '../../src/wallet/keypair.js'
import {gatesWithCopies, netuid, owner, run, VideoWorld} from '../helpers/video-world.js'
import type {Measured} from './run.js'

const outputs = 12

interface Taken {
  readonly wallMs: number
  /** Of this process and the children that have ended; 0 where the system does not say. */
  readonly cpuMs: number
}
const repeats = 3

/** A whole task as a validator sees it (fetching, gates, judge, signature, journal), judged one by one and two by two. */
export async function bench(): Promise<Measured[]> {
  const world = new VideoWorld({request: defaults.request, gates: gatesWithCopies})
  try {
    await publishTask(world, outputs)
    const timings = new Map<number, Taken[]>([
      [1, []],
      [2, []],
    ])
    // Alternating, so that a machine that gets slower or faster does so for both.
    let gain = 0
    for (let repeat = 0; repeat < repeats; repeat++) {
      gain = Math.max(gain, await gainOfTwo(world))
      for (const [concurrency, taken] of timings)
        taken.push(await evaluate(world, concurrency, `${concurrency}-${repeat}`))
    }
    const [one, two] = [...timings.values()].map((taken) => taken.reduce((a, b) => (a.wallMs <= b.wallMs ? a : b)))
    if (!one || !two) throw new Error('nothing was measured')
    const seconds = ({wallMs}: Taken) => `${(wallMs / 1000).toFixed(2)} s`
    const cores = ({wallMs, cpuMs}: Taken) => cpuMs / wallMs
    const faster: Measured = {
      name: 'evaluating a task, concurrency 2 against 1',
      ratio: one.wallMs / two.wallMs,
      limit: 1.7,
      bad: 'under',
      // One output alone keeps more than one core busy: twice as fast is not to be had of two.
      note: `${seconds(one)} on ${cores(one).toFixed(2)} cores one by one, ${seconds(two)} two by two, ${outputs} outputs`,
    }
    const able: Measured = {
      name: 'the same, of what two bare decodes gain here',
      ratio: one.wallMs / two.wallMs / gain,
      limit: 0.9,
      bad: 'under',
      note: `two at once are ${gain.toFixed(2)} times as fast as one after the other on this machine at this time`,
    }
    const busy: Measured = {
      name: 'evaluating a task two by two, cores kept busy of 2',
      ratio: cores(two),
      limit: 1.7,
      bad: 'under',
      note: `${(two.cpuMs / 1000).toFixed(2)} s of processor time, ffmpeg's included`,
    }
    return one.cpuMs > 0 ? [faster, able, busy] : [faster, able]
  } finally {
    await world.close()
  }
}

/** How much faster two processes decode side by side than one after the other: what the machine has to give. */
async function gainOfTwo(world: VideoWorld): Promise<number> {
  const source = path.join(world.dir, 'bars.mp4')
  const decode = async () => {
    const input = ['-stream_loop', '20', '-threads', '1', '-i', fileArgument(source)]
    await run([...input, '-f', 'null', '-'], {signal: world.stop.signal, what: 'a bare decode'})
  }
  const startedAt = performance.now()
  for (const _ of [1, 2]) await decode()
  const betweenAt = performance.now()
  await Promise.all([decode(), decode()])
  return (betweenAt - startedAt) / (performance.now() - betweenAt)
}

/** One task that this many miners have answered, each with other bytes. */
export async function publishTask(world: VideoWorld, outputs: number): Promise<void> {
  await world.addSource('bars.mp4', 0)
  world.api.minersInForce = Array.from({length: outputs}, (_, index) => ({
    uid: index + 1,
    hotkey: createSigner({uri: `//Bench${index}`}).hotkey,
    ...{model_name: 'user/leoma', model_revision: 'a'.repeat(40), model_hash: null, chute_slug: null},
    chute_id: String(index),
    ...{is_valid: true, invalid_reason: null, block: index, last_validated_at: null},
  }))
  world.api.votersInForce = [{hotkey: owner.hotkey, uid: 0, stakeRao: '1'}]
  world.answering = async ({chuteId}, {width, height, fps, frames}, {to}) => {
    const clip = fileArgument(to.replace(/[^/]+$/, 'original_clip.mp4'))
    const graph = `fps=${fps},scale=${width}:${height},tpad=stop=-1:stop_mode=clone`
    // Another quality for each: equal bytes would be judged only once.
    const encoding = ['-c:v', 'libx264', '-preset', 'ultrafast', '-crf', String(14 + Number(chuteId))]
    const {signal} = world.stop
    await run(['-i', clip, '-vf', graph, '-frames:v', String(frames), ...encoding, '-y', fileArgument(to)], {
      ...{signal, what: 'an output'},
    })
    const {sha256, sizeBytes} = await world.samples.putFile(`scratch/${chuteId}.mp4`, to, 'video/mp4', signal)
    return {outcome: 'ok', reason: null, latencyMs: 1, attempts: 1, file: {sha256, sizeBytes}}
  }
  world.nextRound()
  const ports = await world.ports('sampler')
  try {
    await new Sampler(ports).turn({at: 0, signal: world.stop.signal})
  } finally {
    ports.close()
  }
  const answers = world.api.tasks.at(-1)?.manifest.answers ?? []
  const ok = answers.filter(({outcome}) => outcome === 'ok').length
  if (ok !== outputs) throw new Error(`${ok} of ${outputs} outputs passed the gates on subnet ${netuid}`)
}

async function evaluate(world: VideoWorld, concurrency: number, name: string): Promise<Taken> {
  const ports = await world.ports(`validator-${name}`)
  try {
    const evaluator = new Evaluator({
      ...ports,
      judges: [new ReferenceJudge({media: world.media})],
      settings: {...ports.settings, maxConcurrentJudgements: concurrency},
    })
    const [startedAt, cpuBefore] = [performance.now(), cpuMs()]
    await evaluator.turn({at: 0, signal: world.stop.signal})
    const taken = {wallMs: performance.now() - startedAt, cpuMs: cpuMs() - cpuBefore}
    const judged = ports.journal.verdictsOf(1).length
    if (judged !== outputs) throw new Error(`${judged} of ${outputs} outputs were judged`)
    return taken
  } finally {
    ports.close()
  }
}

/** Fields 14 to 17 of /proc/self/stat, in hundredths of a second: own and children's time, in and out of the kernel. */
function cpuMs(): number {
  if (!existsSync('/proc/self/stat')) return 0
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0)
}
