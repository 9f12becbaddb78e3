import {expect, it} from 'vitest'
import {Shared} from '../../../src/judge/shared.js'

const {signal} = new AbortController()

it('loads once for all who ask at the same time', async () => {
  const shared = new Shared<string>(2)
  let loads = 0
  const load = async () => `load ${++loads}`

  expect(await Promise.all([1, 2, 3].map(() => shared.get('a', load, signal)))).toEqual(Array(3).fill('load 1'))
})

it('loads once more for all who waited when whoever loaded was stopped', async () => {
  const shared = new Shared<string>(2)
  const stop = new AbortController()
  let loads = 0
  const stopped = shared.get(
    'a',
    () => new Promise((_, reject) => stop.signal.addEventListener('abort', () => reject(new Error('stopped')))),
    stop.signal,
  )
  const load = async () => {
    await new Promise(setImmediate)
    return `load ${++loads}`
  }
  const waiting = [1, 2, 3].map(() => shared.get('a', load, signal))
  stop.abort()

  await expect(stopped).rejects.toThrow('stopped')
  expect(await Promise.all(waiting)).toEqual(Array(3).fill('load 1'))
})

it('keeps no failure: the next who asks may have more luck', async () => {
  const shared = new Shared<string>(2)

  await expect(shared.get('a', () => Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken')
  expect(await shared.get('a', async () => 'whole', signal)).toBe('whole')
})

it('forgets the oldest', async () => {
  const shared = new Shared<number>(2)
  let loads = 0
  const load = async () => ++loads

  for (const key of ['a', 'b', 'c', 'c', 'b', 'a']) await shared.get(key, load, signal)

  expect(loads).toBe(4)
})
