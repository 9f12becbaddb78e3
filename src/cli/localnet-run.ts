import {openLocalnet} from '../app/localnet.js'
import {environment} from '../config/environment.js'
import {loadConfig} from '../config/load.js'
import {secretKeys, secretValues} from '../config/redact.js'
import {LeomaError} from '../errors.js'
import {createLogger, type Logger} from '../runtime/logger.js'
import {Shutdown} from '../runtime/shutdown.js'
import {attackResults} from '../services/localnet/attacks.js'
import type {LocalnetEvent, LocalnetResult} from '../services/localnet/events.js'
import type {LocalnetOptions} from '../services/localnet/parts.js'
import {headsText} from './localnet-heads.js'
import {attacksText, type LiveRegion, LocalnetView, pointAt, rankingText, weightsText} from './localnet-view.js'
import {isTold, logLine} from './log-line.js'

type RankingEvent = Extract<LocalnetEvent, {type: 'ranking'}>

/** Runs a localnet in front of a person, or of a program that wants the result as JSON. */
export async function runLocalnet(
  options: Omit<LocalnetOptions, 'port'>,
  {port, json}: {readonly port: number | undefined; readonly json: boolean},
): Promise<LocalnetResult> {
  const shutdown = new Shutdown()
  shutdown.listen()
  const view = new LocalnetView({stream: process.stderr, live: await liveRegion()})
  let ranking: RankingEvent | undefined
  const env = environment()
  const {log: logging} = loadConfig('all', env)
  const format = formatOf(env.LOG_FORMAT, json)
  const hidden = {secretKeys, secretValues: secretValues(env)}
  const log = await createLogger({
    // The view tells the story; logs are for when it goes wrong, or for whoever asked for them.
    level: env.LOG_LEVEL ? logging.level : 'warn',
    pretty: format === 'pretty',
    // Which job fails the view tells once, instead of each of its turns.
    ...(format === 'text' && {render: (line) => (!env.LOG_LEVEL && isTold(line) ? '' : logLine(line))}),
    ...hidden,
    write: format === 'json' ? (line) => void process.stderr.write(line) : view.note,
  })
  const events = format === 'json' ? await createLogger({level: 'info', pretty: false, ...hidden}) : undefined
  try {
    const localnet = await openLocalnet(
      {...options, port},
      {
        env,
        log,
        onEvent: (event) => {
          if (event.type === 'ranking') ranking = event
          if (events) logEvent(events, event)
          else view.show(event)
        },
      },
      shutdown.signal,
    )
    shutdown.add('localnet', () => localnet.close())
    const result = await untilStopped(localnet, shutdown.signal, options.rounds !== undefined)
    view.stop()
    const attacks = attackResults(result)
    if (!json && ranking) {
      process.stdout.write(
        `${rankingText(ranking, process.stdout, localnet.facts.judge)}${weightsText(localnet.facts, result)}${attacksText(attacks)}`,
      )
    }
    if (!json && result.heads) process.stdout.write(headsText(result.heads, localnet.facts, process.stdout))
    if (!json && (ranking || result.heads)) {
      if (options.dataDir !== undefined) {
        process.stderr.write(`kept in ${localnet.facts.dataDir}; while it runs: ${pointAt(localnet.facts)}\n`)
      }
    }
    return attacks.length > 0 ? {...result, attacks} : result
  } catch (error) {
    view.stop()
    if (!shutdown.signal.aborted) throw error
    throw new LeomaError('interrupted', 'INTERRUPTED', 'stopped before it was done', {cause: error})
  } finally {
    await shutdown.close()
  }
}

/**
 * Everything on stderr in one form: text for people, unless a program reads along, which `LOG_FORMAT=json` says, or `--json`
 * where stderr is no terminal. `LOG_FORMAT=pretty` gives the logs times and fields.
 */
function formatOf(named: string | undefined, json: boolean): 'text' | 'pretty' | 'json' {
  if (named === 'json' || named === 'pretty') return named
  return json && !process.stderr.isTTY ? 'json' : 'text'
}

/** What the view would tell, as a line of the log. Troubles are told twice a second while they last: the log has them already. */
function logEvent(events: Logger, event: LocalnetEvent): void {
  if (event.type !== 'trouble') events.info({event}, event.type)
}

type Opened = Awaited<ReturnType<typeof openLocalnet>>

/** Without a number of rounds, Ctrl-C is how it ends: the figures of that moment are its result. */
async function untilStopped(localnet: Opened, signal: AbortSignal, hasEnd: boolean): Promise<LocalnetResult> {
  try {
    return await localnet.run()
  } catch (error) {
    if (!signal.aborted || hasEnd) throw error
    return localnet.result()
  }
}

async function liveRegion(): Promise<LiveRegion | undefined> {
  const {stderr} = process
  if (!stderr.isTTY || environment().TERM === 'dumb') return undefined
  const {createLogUpdate} = await import('log-update')
  // The cursor stays visible: hiding it would need exit handlers, and those are ours.
  return createLogUpdate(stderr, {showCursor: true})
}
