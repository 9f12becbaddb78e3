import path from 'node:path'
import type {JpegEncoder} from '../media/port.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import type {Service} from '../runtime/service.js'
import type {VisionModel} from './port.js'
import type {Price} from './prices.js'
import {UsageMeter, type UsageReport} from './usage.js'

export interface VisionSettings {
  readonly baseUrl: string
  readonly apiKey: string | undefined
  readonly timeoutMs: number
  readonly perHourUsd: number
  readonly perTaskUsd: number
  readonly prices: Readonly<Record<string, Price>>
  /** Folder of answers and of what was spent. */
  readonly dir: string
}

export interface VisionDeps {
  readonly jpeg: JpegEncoder
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
}

export interface Vision extends VisionModel {
  /** What was asked since the process started, and what it cost. */
  usage(): UsageReport
  /** Logs a line a minute while something was asked. */
  readonly service: Service
}

const everyMs = 60_000

/** Nothing is loaded, and no key is missed, before the first question. */
export function openVision(settings: VisionSettings, {jpeg, time, log}: VisionDeps): Vision {
  const meter = new UsageMeter()
  let opening: Promise<VisionModel> | undefined
  const open = async (): Promise<VisionModel> => {
    const [{OpenAiVision}, {Budget}, {AnswerStore}] = await Promise.all([
      import('./openai.js'),
      import('./budget.js'),
      import('./answers.js'),
    ])
    const {dir, perHourUsd, perTaskUsd, ...rest} = settings
    return new OpenAiVision({
      ...rest,
      ...{jpeg, meter, time, log},
      budget: new Budget({perHourUsd, perAccountUsd: perTaskUsd, file: path.join(dir, 'spent.json'), time}),
      answers: new AnswerStore(path.join(dir, 'answers'), time),
    })
  }
  return {
    async ask(question, signal) {
      opening ??= open()
      return (await opening).ask(question, signal)
    },
    usage: () => meter.report(),
    service: usageService(meter, log),
  }
}

function usageService(meter: UsageMeter, log: Logger): Service {
  let last = JSON.stringify(meter.report())
  return {
    name: 'model usage',
    start: (clock) =>
      clock.every('model usage', {ms: everyMs}, async () => {
        const report = meter.report()
        const now = JSON.stringify(report)
        if (now === last) return
        last = now
        const {calls, latencyMs, usd, ...counts} = report
        const meanLatencyMs = calls === 0 ? 0 : Math.round(latencyMs / calls)
        log.info({calls, usd: Number(usd.toFixed(4)), meanLatencyMs, ...counts}, 'vision models asked')
      }),
  }
}
