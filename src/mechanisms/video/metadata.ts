import type {TaskManifest} from '../../domain/task.js'
import type {VideoParams} from './params.js'

/** `metadata.json` in the published shape, for readers that do not know manifests. It decides nothing. */
export function publishedMetadata(manifest: TaskManifest, params: VideoParams, sourceBucket: string): object {
  const {source, answers, prompt} = manifest
  const delivered = answers.filter(({outcome}) => outcome === 'ok')
  return {
    task_id: manifest.taskId,
    created_at: manifest.createdAt,
    source: {
      bucket: sourceBucket,
      key: source.key,
      full_duration_seconds: source.durationS,
      clip_start_seconds: source.clipStartS,
      clip_duration_seconds: source.clipDurationS,
      one_shot_segment_start_seconds: source.shotStartS,
      one_shot_segment_end_seconds: source.shotEndS,
      scene_cut_count: source.cutCount,
      scene_detection_threshold: params.clip.sceneThreshold,
    },
    prompt: {model: prompt.author, text: prompt.text, description_source: 'full_clip_video'},
    miners: delivered.map(({hotkey}) => hotkey),
    miner_latencies_ms: Object.fromEntries(
      delivered.flatMap(({hotkey, latencyMs}) => (latencyMs === null ? [] : [[hotkey, latencyMs]])),
    ),
  }
}
