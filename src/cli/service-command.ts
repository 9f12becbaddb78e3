import type {App} from '../app.js'
import type {Role} from '../config/load.js'
import {BaseCommand} from './base-command.js'

export type ServiceName = Parameters<App['run']>[0][number] & Role

export interface Stopped {
  readonly stopped: readonly ServiceName[]
}

/** Runs services in this process until it is told to stop; starting, logging and stopping are the same for all. */
export abstract class ServiceCommand extends BaseCommand {
  protected abstract readonly services: readonly ServiceName[]
  protected override readonly runsUntilStopped = true

  async run(): Promise<Stopped> {
    await this.parse()
    const app = await this.open(this.services)
    await app.run([...this.services])
    return {stopped: this.services}
  }
}
