import type {Clock} from './clock.js'

/** Something that runs for months: it says what it does and how often, and the clock owns when. */
export interface Service {
  readonly name: string
  /** Registers the service's jobs; opens what must be open before the first turn (a listening port). */
  start(clock: Clock): Promise<void> | void
}
