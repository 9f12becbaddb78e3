import {threadId} from 'node:worker_threads'
import {workOf} from '../../src/runtime/threads.js'

/** What the threads' test has done beside. */
export function add(numbers: ArrayLike<number>): number {
  return Array.from(numbers).reduce((sum, number) => sum + number, 0)
}
export function where(): number {
  return threadId
}
export function fail(why: string): never {
  throw new Error(why)
}
export function end(): void {
  process.exit(3)
}
export function wait(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

export const adding = workOf(import.meta.url, add)
export const whereabouts = workOf(import.meta.url, where)
export const failing = workOf(import.meta.url, fail)
export const ending = workOf(import.meta.url, end)
export const slow = workOf(import.meta.url, wait)
