import {VoteAnswer} from '../../src/judge/openai-answer.js'
import type {JpegEncoder} from '../../src/media/port.js'
import {createLogger} from '../../src/runtime/logger.js'
import {openVision, type Vision, type VisionSettings} from '../../src/vision/open.js'
import type {Question} from '../../src/vision/port.js'

/** Time that passes only by sleeping, and remembers for how long. */
export class SleepingTime {
  at = 1_800_000_000_000
  readonly slept: number[] = []

  readonly now = () => this.at

  readonly sleep = async (ms: number, signal: AbortSignal) => {
    signal.throwIfAborted()
    this.slept.push(ms)
    this.at += ms
  }
}

/** Writes the first bytes of a picture, which is enough where nobody looks at it. */
export const plainJpeg: JpegEncoder = {
  encode: async (pictures) => pictures.map(({rgb}) => rgb.slice(0, 3)),
}

export interface VisionSetup extends Partial<VisionSettings> {
  readonly url: string
  readonly dir: string
  readonly time?: SleepingTime
  readonly jpeg?: JpegEncoder
}

/** The real client, with a log that can be read. */
export async function aVision({
  url,
  time = new SleepingTime(),
  jpeg = plainJpeg,
  ...settings
}: VisionSetup): Promise<{vision: Vision; time: SleepingTime; lines: string[]}> {
  const lines: string[] = []
  const log = await createLogger({
    level: 'debug',
    pretty: false,
    secretKeys: [],
    write: (line) => void lines.push(line),
  })
  const vision = openVision(
    {
      baseUrl: url,
      apiKey: 'sk-test-0123456789abcdef',
      timeoutMs: 5_000,
      perHourUsd: 5,
      perTaskUsd: 2,
      prices: {},
      ...settings,
    },
    {jpeg, time, log},
  )
  return {vision, time, lines}
}

export function aQuestion(changes: Partial<Question<VoteAnswer>> = {}): Question<VoteAnswer> {
  return {
    model: 'gpt-6-luna',
    instructions: 'grade this',
    parts: [{text: 'a picture:'}, {picture: {width: 8, height: 8, rgb: new Uint8Array(192).fill(7)}}],
    detail: 'auto',
    answer: {name: 'video_scores', schema: VoteAnswer},
    maxTokens: 1000,
    sampling: {},
    sample: 0,
    account: 'task 1',
    ...changes,
  }
}
