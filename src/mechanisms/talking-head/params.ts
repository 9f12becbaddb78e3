import {z} from 'zod'
import {isolations} from '../../sandbox/port.js'

const share = z.number().min(0).max(1)
const ms = z.number().int().min(1)
const gb = z.number().positive()

/** How an image was shut in. Only engines of containers keep all promises of the sandbox; the others say so. */
export const Isolation = z.enum(isolations)

/**
 * The exam of the talking-head mechanism: every number that can change a score or a rank. Defaults are those of the
 * published subnet's second generation, except where its sheet lists them as a fault.
 */
export const TalkingHeadParams = z.strictObject({
  submissions: z.strictObject({
    /** Seconds between two submissions of one hotkey. */
    windowS: z.number().int().min(0),
  }),
  challenges: z.strictObject({
    /** Run first and not scored. */
    warmUp: z.number().int().min(0).max(100),
    scored: z.number().int().min(1).max(100),
    /** What every task says. */
    seed: z.number().int().min(0),
    fps: z.number().positive().max(120),
    resolution: z.number().int().min(16).max(4096),
    maxSeconds: z.number().positive().max(60),
  }),
  limits: z.strictObject({
    pullAttempts: z.number().int().min(1).max(20),
    pullMs: ms,
    readyMs: ms,
    challengeMs: ms,
    /** For one image in one round, from its start to its last result; one slow image must not hold up the others. */
    imageMs: ms,
    cpus: z.number().positive().max(256),
    memoryMb: z.number().int().min(16),
    pids: z.number().int().min(4),
    tmpMb: z.number().int().min(1),
    /** Bytes of everything in /output at any time. */
    outputMb: z.number().int().min(1),
    /** Of an image as it is stored, unpacked. */
    imageMb: z.number().int().min(1),
    /**
     * Of stdout and stderr together, from the start to the end; who prints more is ended. Honest programs print a progress
     * bar for each run. Only the end of it is ever kept, a few kilobytes, whatever this says.
     */
    logBytes: z.number().int().min(0),
    gpu: z.boolean(),
  }),
  /** Which metrics are measured, and by whom: two metric sets are two exams. */
  quality: z.strictObject({
    /** `embedded` is the CPU subset of this program, `service` asks the HTTP metric services as well. */
    metrics: z.enum(['embedded', 'service']),
    version: z.number().int().positive(),
  }),
  efficiency: z.strictObject({
    /** Whose peak counts: video memory, or resident memory on machines without a GPU. Never the one for the other. */
    memory: z.enum(['vram', 'resident']),
    maxMemoryGb: gb,
    maxTimeS: z.number().positive(),
    timeRefS: z.number().positive(),
    memoryRefGb: gb,
    timeWeight: z.number().min(0),
    memoryWeight: z.number().min(0),
    /** What beyond the maximum of time or memory remains of the score: `penalty` times `capFactor`, `reject` nothing. */
    onCap: z.enum(['penalty', 'reject']),
    capFactor: share,
  }),
  rounds: z.strictObject({
    /** A round's challenges are drawn by the hash of a block whose number is a multiple of this; one round per such block. */
    everyBlocks: z.number().int().min(1),
  }),
  ranking: z.strictObject({
    /** The best so many of a round run again in the next one, whether they submit anew or not. */
    carryOver: z.number().int().min(1).max(256),
    /** Closer than this, time and then memory decide, then the earlier submission. */
    tieEpsilon: share,
    /** What a challenger must score more than the winner of the round before, when that one still competes. */
    lead: share,
    /** Share of the emission that is burned. */
    burnShare: share,
    /** Rounds whose images ran otherwise pay nobody. */
    isolation: z.array(Isolation).min(1),
  }),
})
export type TalkingHeadParams = z.infer<typeof TalkingHeadParams>

export const defaults: TalkingHeadParams = {
  submissions: {windowS: 345_600},
  challenges: {warmUp: 2, scored: 5, seed: 123, fps: 25, resolution: 512, maxSeconds: 5},
  limits: {
    pullAttempts: 5,
    pullMs: 900_000,
    readyMs: 600_000,
    challengeMs: 120_000,
    imageMs: 1_500_000,
    cpus: 8,
    memoryMb: 16_384,
    pids: 256,
    tmpMb: 1024,
    outputMb: 512,
    imageMb: 40_960,
    logBytes: 16_777_216,
    gpu: true,
  },
  quality: {metrics: 'service', version: 1},
  efficiency: {
    memory: 'vram',
    maxMemoryGb: 10,
    maxTimeS: 30,
    timeRefS: 30,
    memoryRefGb: 8,
    timeWeight: 0.15,
    memoryWeight: 0.1,
    onCap: 'penalty',
    capFactor: 0.01,
  },
  rounds: {everyBlocks: 300},
  ranking: {carryOver: 5, tieEpsilon: 1e-5, lead: 0, burnShare: 0, isolation: ['podman', 'docker']},
}
