import {z} from 'zod'
import {DeploymentPolicy} from '../../domain/deployment.js'
import {TaskKind} from '../../domain/task.js'
import {aspects} from '../../judge/port.js'

const share = z.number().min(0).max(1)
const score = z.number().int().min(0).max(100)

/**
 * The exam of the video mechanism. Every number here can change a verdict or a rank, hence none of them is an environment
 * variable. Defaults are the published subnet's, except where its sheet lists them as a fault.
 */
export const VideoParams = z.strictObject({
  /** Task n has kind `kinds[n mod length]`. */
  kinds: z.array(TaskKind).min(1).max(16),
  /** The clip is chosen by the hash of a block whose number is a multiple of this, so that the sampler cannot shop. */
  everyBlocks: z.number().int().min(1),
  clip: z.strictObject({
    durationS: z.number().positive(),
    /** ffmpeg scene score, 0..1. */
    sceneThreshold: share,
    boundaryMarginS: z.number().min(0),
    safeStartOffsetS: z.number().min(0),
    minSourceBytes: z.number().int().min(0),
    maxSourceBytes: z.number().int().positive(),
    /** A source is not used again before this many other tasks, or all but one source if there are fewer. */
    restTasks: z.number().int().min(0),
  }),
  request: z.strictObject({
    width: z.number().int().min(16).max(4096),
    height: z.number().int().min(16).max(4096),
    frames: z.number().int().min(2).max(1000),
    fps: z.number().positive().max(120),
    deadlineMs: z.number().int().min(1000).max(600_000),
    maxBytes: z.number().int().min(1024),
  }),
  gates: z.strictObject({
    containers: z.array(z.string()).min(1),
    codecs: z.array(z.string()).min(1),
    /** Pixels, in both dimensions. */
    sizeTolerance: z.number().int().min(0),
    /** Frames per second, either way. */
    fpsTolerance: z.number().min(0),
    /** A longer video is accepted up to this many frames more; a shorter one never. */
    extraFrames: z.number().int().min(0),
    /** Mean absolute luma change of 8×8 cells over half a second, 0..255, below which nothing moves. */
    minMotion: z.number().min(0).max(255),
    /** Mean absolute luma difference to the conditioning frame, 0..255; beyond it no judge is needed. */
    maxFirstFrameDistance: z.number().min(0).max(255),
    /** Share of frames that may merely hold the one before while something moves, see `pictures.ts`; any when absent. */
    maxHeldShare: z.exactOptional(share),
    /** Of the conditioning frame's fine detail that the first second must keep, see `pictures.ts`; any when absent. */
    minDetail: z.exactOptional(share),
    /**
     * An output that repeats an earlier-committed miner's of the same task is `rejected:duplicate`; copies are allowed
     * when absent. Distances are those of `video-hash.ts`.
     */
    duplicateOutputs: z.exactOptional(
      z.strictObject({
        /** Of the way from either output to the hidden clip: two that lie nearer to each other are one. */
        maxShare: share,
        /** Outputs that are nearer than this to the hidden clip are alike because they are right. */
        minDeviation: z.number().min(0).max(2),
        /** Frames by which a copy may be moved, either way. */
        maxShift: z.number().int().min(0).max(16),
      }),
    ),
  }),
  judge: z.strictObject({
    name: z.string(),
    version: z.number().int().positive(),
    options: z.record(z.string(), z.json()),
    /** Weights of the aspects; they sum to 1. */
    weights: z.strictObject(
      Object.fromEntries(aspects.map((aspect) => [aspect, share])) as Record<(typeof aspects)[number], typeof share>,
    ),
    passThreshold: score,
    /** Below this in a critical aspect an output fails whatever its overall. */
    criticalThreshold: score,
    critical: z.array(z.enum(aspects)),
  }),
  /** What ties a miner's deployment to the model that it committed; nothing is asked when absent. */
  deployment: z.exactOptional(DeploymentPolicy),
  ranking: z
    .strictObject({
      /** Who of the eligible wins (README). Absent in exams from before there was a choice: then the published rule. */
      rule: z.exactOptional(z.enum(['dominance-1', 'dominance-2'])),
      /** Settled tasks that count. */
      window: z.number().int().min(1).max(10_000),
      /** No ranking before this many have settled. */
      minTasks: z.number().int().min(1),
      completeness: share,
      /**
       * The lead that a later miner needs: under `dominance-1` in pass rate, over every earlier one; under `dominance-2` in
       * tasks that one passed and the other did not, net, as a share of the window, over the holder.
       */
      dominance: share,
      /** `dominance-2` alone: chance may explain a lead once in this many windows at most. */
      oddsAgainst: z.exactOptional(z.number().int().min(2).max(1_000_000_000)),
      /** `dominance-2` alone: newest settled tasks over which two miners are compared; at least the window. */
      memory: z.exactOptional(z.number().int().min(1).max(10_000)),
      /** A winner must have passed this often: nobody wins with nothing. */
      minPassed: z.number().int().min(0),
      /** Busy, transient and permanent outcomes per window that are forgiven; the rest count as tasks not passed. */
      forgivenMisses: z.number().int().min(0),
      /** Verdicts are taken until every voter has judged every output, or for this many blocks after the task's. */
      settleBlocks: z.number().int().min(1),
    })
    .refine(({rule, oddsAgainst}) => (rule === 'dominance-2') === (oddsAgainst !== undefined), {
      path: ['oddsAgainst'],
      error: 'dominance-2 needs it, and no other rule knows it',
    })
    .refine(({rule, memory, window}) => (rule === 'dominance-2' ? (memory ?? 0) >= window : memory === undefined), {
      path: ['memory'],
      error: 'dominance-2 needs one of at least the window, and no other rule knows it',
    }),
})
export type VideoParams = z.infer<typeof VideoParams>

/** What each rule comes with. The README says how the figures of the second were found. */
export const dominanceDefaults = {
  'dominance-1': {rule: 'dominance-1', dominance: 0.05},
  'dominance-2': {rule: 'dominance-2', dominance: 0.02, oddsAgainst: 20, memory: 400},
} as const satisfies Record<string, Partial<VideoParams['ranking']>>
export type DominanceRule = keyof typeof dominanceDefaults

export const defaults: VideoParams = {
  kinds: ['ti2v'],
  everyBlocks: 100,
  clip: {
    durationS: 5,
    sceneThreshold: 0.18,
    boundaryMarginS: 0.15,
    safeStartOffsetS: 2,
    minSourceBytes: 1_000_000,
    maxSourceBytes: 200_000_000,
    restTasks: 100,
  },
  request: {width: 832, height: 480, frames: 81, fps: 16, deadlineMs: 300_000, maxBytes: 64_000_000},
  gates: {
    containers: ['mp4'],
    codecs: ['h264', 'hevc', 'vp9', 'av1'],
    sizeTolerance: 32,
    fpsTolerance: 0.5,
    extraFrames: 16,
    // Measured: a frozen picture 0.01, with visible grain 0.2, a pan of ten pixels a second 1.8.
    minMotion: 0.4,
    // Measured: the same picture encoded again 1.5, unrelated pictures 40 to 125, which is the judge's to say.
    maxFirstFrameDistance: 150,
    // Measured: real and generated footage 0.11 at most, every second frame held 0.5.
    maxHeldShare: 0.4,
    // Measured: footage 0.56 at least, mostly over 0.8; enlarged from an eighth of the size 0.23 to 0.6.
    minDetail: 0.45,
    // Measured (`npm run bench -- duplicates`): copies lie at 0.00 to 0.25 of the way, different renderings from 0.7 on.
    duplicateOutputs: {maxShare: 0.3, minDeviation: 0.07, maxShift: 2},
  },
  judge: {
    name: 'reference',
    version: 2,
    options: {},
    weights: {
      first_frame_fidelity: 0.25,
      prompt_adherence: 0.25,
      temporal_consistency: 0.2,
      motion_quality: 0.15,
      visual_quality: 0.1,
      camera_composition: 0.05,
    },
    passThreshold: 75,
    criticalThreshold: 50,
    critical: ['first_frame_fidelity', 'prompt_adherence', 'temporal_consistency', 'visual_quality'],
  },
  ranking: {
    window: 100,
    minTasks: 10,
    completeness: 0.8,
    ...dominanceDefaults['dominance-2'],
    minPassed: 1,
    forgivenMisses: 5,
    settleBlocks: 300,
  },
}
