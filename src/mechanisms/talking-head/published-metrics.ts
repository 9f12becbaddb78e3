import type {ChallengeResult, ImageResult} from './evidence.js'
import type {TalkingHeadState} from './state.js'

type Json = Record<string, unknown>

/** What `GET /metrics` shows of each hotkey from the end of a round on: the published form, by hotkey. */
export function shownOf(
  state: TalkingHeadState,
  results: readonly ImageResult[],
  atMs: number,
): ReadonlyMap<string, string> {
  const top = Math.max(0, ...results.map(({finalScore}) => finalScore))
  return new Map(
    results
      // What the executor could not do says nothing: what stood there before stays.
      .filter(({outcome}) => outcome !== 'skipped')
      .map((result) => {
        const standing = state.standings.find(({hotkey}) => hotkey === result.hotkey)
        const isOut = result.outcome === 'scored' && standing?.place !== 'carried'
        const metrics: Json = {
          ...metricsOf(result),
          updated_at: new Date(atMs).toISOString(),
          ...(isOut && {
            final_score: 0,
            round_final_score: result.finalScore,
            final_score_diff_from_top: Math.max(0, top - result.finalScore),
            dropped_from_competition: true,
          }),
        }
        return [result.hotkey, JSON.stringify({image_ref: result.imageRef, metrics})]
      }),
  )
}

function metricsOf(result: ImageResult): Json {
  const {challenges, finalScore, quality, reason, outcome, isolation} = result
  return {
    final_score: finalScore,
    quality_score: quality,
    scoring_count: challenges.filter(({metrics}) => metrics !== null).length,
    efficiency: {
      peak_vram_gb: result.peakVramGb,
      peak_memory_gb: result.peakMemoryGb,
      inference_time_sec: result.timeS,
      time_norm: result.timeNorm,
      vram_norm: result.memoryNorm,
      efficiency_factor: result.factor,
      cap_violation: result.capViolation,
    },
    challenge_metrics: challenges.map(challengeOf),
    isolation,
    ...(outcome === 'scored' ? {} : {error: errorOf(outcome, reason)}),
  }
}

/** Published clients know the beginning of it. */
const errorOf = (outcome: ImageResult['outcome'], reason: string | null) =>
  outcome === 'unpullable' ? `Docker pull failed: ${reason ?? ''}` : (reason ?? 'challenge_failed')

function challengeOf({id, success, metrics, reason, timeS, peakVramGb, peakMemoryGb}: ChallengeResult): Json {
  return {
    challenge_id: id,
    success,
    video_url: null,
    ...(metrics && {
      ...{identity: metrics.identity, lipsync: metrics.lipsync, audio: metrics.audio, video: metrics.video},
      ...{temporal: metrics.temporal, penalty: metrics.penalty, wer: metrics.wer, quality_score: metrics.quality},
    }),
    ...(success ? {} : {error: reason}),
    ...{inference_time_sec: timeS, peak_vram_gb: peakVramGb, peak_memory_gb: peakMemoryGb},
  }
}
