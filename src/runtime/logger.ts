import {pino} from 'pino'

/** Fields first, then a fixed sentence, so that lines can be grouped. */
export type Log = (fields: Record<string, unknown>, message: string) => void

export interface Logger {
  readonly debug: Log
  readonly info: Log
  readonly warn: Log
  readonly error: Log
  child(fields: Record<string, unknown>): Logger
}

export interface LoggerOptions {
  readonly level: string
  /** Pretty lines for people; otherwise one JSON object per line. */
  readonly pretty: boolean
  /** Keys whose values are never written, at any depth up to three. */
  readonly secretKeys: readonly string[]
  /** Values that are never written, wherever they stand in a message. */
  readonly secretValues?: readonly string[]
  readonly write?: (line: string) => void
  /** Makes of each JSON line what is written, in place of `pretty`; what it makes empty is not written. */
  readonly render?: ((line: string) => string) | undefined
}

/** Logs go to stderr: stdout is the answer. */
export async function createLogger(options: LoggerOptions): Promise<Logger> {
  const paths = options.secretKeys.flatMap((key) => ['', '*.', '*.*.'].map((depth) => `${depth}${key}`))
  const secrets = (options.secretValues ?? []).filter((value) => value.length >= 6)
  const write = options.write ?? ((line: string) => void process.stderr.write(line))
  const render = options.render ?? (options.pretty ? await prettyLines() : undefined)
  const logger = pino<never>(
    {level: options.level, redact: {paths, censor: '[hidden]'}, base: null},
    {
      write: (line: string) => {
        let text = line
        for (const secret of secrets) text = text.replaceAll(secret, '[hidden]')
        const shown = render ? render(text) : text
        if (shown !== '') write(shown)
      },
    },
  )
  return logger
}

async function prettyLines(): Promise<(line: string) => string> {
  const {prettyFactory} = await import('pino-pretty')
  return prettyFactory({colorize: false, ignore: 'pid,hostname'})
}

/** A logger that says nothing, for one-shot commands and tests. */
export function silentLogger(): Logger {
  return pino<never>({level: 'silent'})
}
