import {lineReader} from './lines.js'
import type {RunFfmpeg} from './run.js'

export interface ScanOptions {
  /** A frame whose scene score (0..1) is above this begins a new shot. */
  readonly threshold: number
  /** Length of one frame, for the end of a video of a single frame. */
  readonly frameS: number
  readonly what: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/**
 * ffmpeg's scene score of every frame, at full size, as the published sampler measures it. Scores come through stdout by
 * the `metadata` filter, which prints this one key and nothing that the file says. Times count from the file's start,
 * which is where a cut counts from.
 */
export async function scanScenes(
  run: RunFfmpeg,
  input: readonly string[],
  options: ScanOptions,
): Promise<{cuts: number[]; durationS: number; frames: number}> {
  const {threshold, what, timeoutMs, signal} = options
  const cuts = new Set<number>()
  let frames = 0
  let at = 0
  let frameS = options.frameS
  const read = lineReader((line) => {
    const time = /^frame:\d+\s+pts:\S+\s+pts_time:(\S+)/.exec(line)?.[1]
    if (time !== undefined) {
      const now = Number(time)
      if (frames > 0 && now > at) frameS = now - at
      at = now
      frames++
      return
    }
    const score = /^lavfi\.scene_score=(\S+)/.exec(line)?.[1]
    if (score !== undefined && Number(score) > threshold) cuts.add(Number(at.toFixed(3)))
  })
  const filter = "select='gte(scene,0)',metadata=mode=print:key=lavfi.scene_score:file=-"
  const nowhere = ['-map', '0:V:0', '-vf', filter, '-fps_mode', 'passthrough', '-f', 'null', 'pipe:1']
  await run([...input, ...nowhere], {signal, what, timeoutMs, onOutput: read, maxOutputBytes: 512 * 1024 * 1024})
  const durationS = frames === 0 ? 0 : Number((at + frameS).toFixed(6))
  const inside = [...cuts].filter((cut) => cut > 0 && cut < durationS).sort((a, b) => a - b)
  return {cuts: inside, durationS, frames}
}
