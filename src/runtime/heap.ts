import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'

/**
 * Keeps V8 from enlarging its nursery. Loading the wallet's libraries makes so many short-lived objects that it grows to
 * 130 MB and stays that large for good, in a process that afterwards keeps some 50 MB alive; without growth the same
 * start is no slower. Must be called before those libraries are loaded.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}

/**
 * Tells V8 to prefer memory to speed, for a process that mostly waits: a validator that only sets weights then keeps
 * 145 MB instead of 225. Not for one that computes.
 */
export function preferMemoryToSpeed(): void {
  setFlagsFromString('--optimize-for-size')
}

/**
 * Collects garbage now. V8 sees small objects and is in no hurry, while the videos that hang on them lie outside its heap:
 * for a process in which a whole subnet lives, at a moment when a pause of some 50 ms disturbs nobody.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
}
