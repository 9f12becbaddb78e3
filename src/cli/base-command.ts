import {Command, Errors} from '@oclif/core'
import type {App} from '../app.js'
import type {Config, Overrides, Role} from '../config/load.js'
import type {Shutdown} from '../runtime/shutdown.js'
import {explain} from './explain.js'
import {renderError} from './render-error.js'
import {type Column, renderTable} from './table.js'

/**
 * What every command shares: `--json`, one place where failures are shown, the same exit code in text and JSON mode, and
 * a program that is put together only when `run` asks for it, so that `--help` loads nothing.
 */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true

  /** A one-shot command that is interrupted has not done its work; a service that is has. */
  protected readonly runsUntilStopped: boolean = false
  #shutdown: Shutdown | undefined

  /** The program, configured for what the command acts as. Values from flags win over the environment. */
  protected async open(role: Role | readonly Role[], overrides: Overrides = {}): Promise<App> {
    const [{loadConfig}, {environment}, {environmentWarnings}] = await Promise.all([
      import('../config/load.js'),
      import('../config/environment.js'),
      import('../config/warnings.js'),
    ])
    const env = environment()
    for (const warning of environmentWarnings(env)) process.stderr.write(`warning: ${warning}\n`)
    return (await this.#compose(loadConfig(role, env, overrides), env)).app
  }

  /**
   * As `open`, for a command that reports what is wrong instead of stopping at it: a wrong value counts as unset, and
   * comes back as the fault.
   */
  protected async openAnyway(role: readonly Role[], tune: (config: Config) => Config = (config) => config) {
    const [{loadConfigAnyway}, {environment}, {environmentWarnings}] = await Promise.all([
      import('../config/load.js'),
      import('../config/environment.js'),
      import('../config/warnings.js'),
    ])
    const env = environment()
    const {config, fault} = loadConfigAnyway(role, env)
    const {app, log, time} = await this.#compose(tune(config), env)
    return {app, log, time, fault, warnings: environmentWarnings(env), searchPath: env.PATH}
  }

  async #compose(config: Config, env: NodeJS.ProcessEnv) {
    const [{createLogger}, {Shutdown}, {createApp}, {systemTime}, {secretKeys, secretValues}] = await Promise.all([
      import('../runtime/logger.js'),
      import('../runtime/shutdown.js'),
      import('../app.js'),
      import('../runtime/clock.js'),
      import('../config/redact.js'),
    ])
    const log = await createLogger({
      // The answer of a one-shot command speaks for itself, unless somebody asked for more.
      level: this.runsUntilStopped || env.LOG_LEVEL ? config.log.level : 'warn',
      pretty: config.log.pretty,
      secretKeys,
      secretValues: secretValues(env),
    })
    this.#shutdown = new Shutdown()
    this.#shutdown.listen()
    const time = systemTime()
    // Prompts stand on stderr and are answered on stdin.
    const hasPerson = process.stdin.isTTY === true && process.stderr.isTTY === true
    const {askSecret} = hasPerson ? await import('./ask-secret.js') : {askSecret: undefined}
    const app = createApp({config, log, time, shutdown: this.#shutdown, ...(askSecret && {askSecret})})
    return {app, log, time}
  }

  /** Aborts when the operator stops the command; valid once the program is open. */
  protected get signal(): AbortSignal {
    if (!this.#shutdown) throw new Error('the program is not open yet')
    return this.#shutdown.signal
  }

  /** Prints rows on stdout, unless the answer goes out as JSON. */
  protected table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
    if (this.jsonEnabled()) return
    const {stdout} = process
    process.stdout.write(renderTable(columns, rows, {width: stdout.isTTY ? stdout.columns : undefined, stream: stdout}))
  }

  protected override async catch(error: unknown): Promise<never> {
    if (error instanceof Errors.ExitError) throw error
    const interrupted = !this.runsUntilStopped && this.#shutdown?.signal.aborted === true
    const failure = explain(error, this.id?.replaceAll(':', ' ') ?? '', interrupted)
    if (this.jsonEnabled()) this.logJson({error: failure.toJSON()})
    else {
      const {isVerbose} = await import('../config/environment.js')
      process.stderr.write(renderError(failure, {stream: process.stderr, verbose: isVerbose()}))
    }
    // Already printed: oclif only has to exit, with our code in text and JSON mode alike.
    throw Object.assign(failure, {skipOclifErrorHandling: true, oclif: {exit: failure.exitCode}})
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    await this.#shutdown?.close()
    await super.finally(error)
  }
}
