import {giveBack} from '../runtime/memory.js'

/** What a file says of itself. `frames` and `durationS` are claims: decode to know. */
export interface VideoInfo {
  /** `mp4`, `mov`, `matroska`, `webm`, `avi`, … */
  readonly container: string
  /** ffmpeg's name: `h264`, `hevc`, `vp9`, `av1`, … */
  readonly codec: string
  /** Coded size, before rotation. */
  readonly width: number
  readonly height: number
  /** 0, 90, 180 or 270 degrees clockwise. */
  readonly rotation: number
  readonly fps: number
  readonly durationS: number
  readonly videoStreams: number
  readonly audioStreams: number
}

export interface DecodeOptions {
  /** Size of the decoded frames; the picture is scaled to cover it and cropped in the middle. */
  readonly width: number
  readonly height: number
  /** Bytes per pixel: 1 or 3. */
  readonly pixel: 'gray' | 'rgb24'
  /** `all` frames as coded; evenly spaced over the whole video, first and last included; or resampled to a rate. */
  readonly pick: 'all' | {readonly count: number} | {readonly fps: number}
  /** Decoding stops here: a bomb costs this much and no more. */
  readonly maxFrames: number
  /** Decoder threads; 0 lets ffmpeg choose. 1 when several decodes run side by side. */
  readonly threads?: number
}

/** One of several looks at the same file. */
export type View = Omit<DecodeOptions, 'threads'>

export interface Frames {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  /** `count × height × width × channels` bytes, frame after frame. */
  readonly data: Uint8Array
  readonly count: number
  /** True when the file had more frames than `maxFrames`. */
  readonly truncated: boolean
}

/**
 * Gives the memory of frames back at once, for the next ones: they are empty afterwards. Only for whoever owns them alone.
 */
export function release(frames: readonly Frames[]): void {
  for (const {data} of frames) giveBack(data)
}

/** Writes pictures of eight-bit RGB, `width × height × 3` bytes each, as JPEGs, in the given order. */
export interface JpegEncoder {
  encode(
    pictures: readonly {readonly width: number; readonly height: number; readonly rgb: Uint8Array}[],
    signal: AbortSignal,
  ): Promise<Uint8Array[]>
}

export interface CutOptions {
  readonly startS: number
  readonly durationS: number
}

export interface AudioOptions {
  /** Samples per second of the answer. */
  readonly rate: number
  /** Decoding stops here. */
  readonly maxSeconds: number
}

/**
 * Video work through ffmpeg. Every call has a deadline and limits, kills its child on abort, and throws `VIDEO_UNREADABLE`
 * (kind `data`) when the bytes are at fault, `MEDIA_FAILED` (kind `upstream`) when the program is. Inputs are local
 * files; the network is never opened for them.
 */
export interface Media {
  probe(file: string, signal: AbortSignal): Promise<VideoInfo>
  /** Takes a PNG too, as a video of one frame. */
  decode(file: string, options: DecodeOptions, signal: AbortSignal): Promise<Frames>
  /**
   * What `decode` would give for each view, from decoding the file once. Only its first `maxFrames` frames are seen, and
   * whether there are more.
   */
  decodeViews(
    file: string,
    views: readonly View[],
    options: {readonly maxFrames: number; readonly threads?: number},
    signal: AbortSignal,
  ): Promise<Frames[]>
  /**
   * The first sound track, mixed down to one channel: samples of about -1..1. Undefined when there is none. Takes a WAV
   * too.
   */
  audio(file: string, options: AudioOptions, signal: AbortSignal): Promise<Float32Array | undefined>
  /** H.264, CRF 23, no audio, source size and rate. Seeks before the input, so the start is exact to the frame. */
  cut(file: string, to: string, options: CutOptions, signal: AbortSignal): Promise<void>
  /** First frame as PNG, scaled to cover the size and cropped in the middle. */
  firstFrame(file: string, size: {width: number; height: number}, signal: AbortSignal): Promise<Uint8Array>
  /** Scene cuts in seconds, three decimals, ascending; and what was really decoded. */
  sceneCuts(
    file: string,
    threshold: number,
    signal: AbortSignal,
  ): Promise<{cuts: number[]; durationS: number; frames: number}>
}
