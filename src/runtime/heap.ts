import {setFlagsFromString} from 'node:v8'

/**
 * Keeps V8 from enlarging its nursery. Loading the wallet's libraries makes so many short-lived objects that it grows to
 * 130 MB and stays that large for good, in a process that afterwards keeps some 50 MB alive; without growth the same
 * start is no slower. Must be called before those libraries are loaded.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
