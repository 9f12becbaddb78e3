import {beforeAll, describe, expect, it} from 'vitest'
import {videoAttacks} from '../../src/services/localnet/attack-videos.js'
import type {Measurement} from './attack.js'
import {ownerAttacks} from './owner.js'
import {rules} from './rules.js'
import {exceptions, measureEverything, tableInReadme, tableOf} from './table.js'

const names = [...videoAttacks, ...rules, ...ownerAttacks].map(({name}) => name)
const measured = new Map<string, Measurement>()

beforeAll(async () => {
  for (const line of await measureEverything()) measured.set(line.name, line)
})

const of = (name: string): Measurement => {
  const line = measured.get(name)
  if (!line) throw new Error(`${name} was not measured`)
  return line
}

describe('an attack', () => {
  it.each(names)('%s works where nothing stands against it', (name) => {
    expect(of(name).without).toBeGreaterThan(0)
  })

  it.each(names.filter((name) => !(name in exceptions)))('%s brings nothing as the program is shipped', (name) => {
    expect(of(name).with).toBeLessThanOrEqual(0)
  })

  it.each(Object.keys(exceptions))('%s brings less than without its defence, and is explained', (name) => {
    expect(of(name).with).toBeLessThan(of(name).without)
  })
})

it('the table in the README has these figures', async () => {
  expect(names.length).toBeGreaterThanOrEqual(25)
  expect(await tableInReadme()).toBe(tableOf([...measured.values()]))
})
