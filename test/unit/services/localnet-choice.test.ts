import {expect, test} from 'vitest'
import {talkingHead} from '../../../src/mechanisms/talking-head/index.js'
import {chooseProfiles} from '../../../src/services/localnet/stage.js'

const both = ['video', 'talking-head']
const names = (profiles: readonly {readonly name: string}[]) => profiles.map(({name}) => name)

test('a mechanism of whose cast nobody is named has all of it, so that its rounds come to an end', () => {
  const {video, heads} = chooseProfiles(['oracle', 'drift'], both)

  expect(names(video)).toEqual(['oracle', 'drift'])
  expect(names(heads)).toEqual(names(talkingHead.cast))
  expect(names(chooseProfiles(['good'], both).heads)).toEqual(['good'])
  expect(names(chooseProfiles(['good'], both).video)).toContain('oracle')
})

test('a name in both casts is one of each, and a mechanism that does not run has nobody', () => {
  const {video, heads} = chooseProfiles(['frozen'], both)

  expect([names(video), names(heads)]).toEqual([['frozen'], ['frozen']])
  expect(chooseProfiles(['oracle'], ['video']).heads).toEqual([])
  expect(() => chooseProfiles(['good'], ['video'])).toThrow('there is no miner profile good')
})
