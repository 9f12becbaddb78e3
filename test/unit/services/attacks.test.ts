import {expect, it} from 'vitest'
import {z} from 'zod'
import {aspects, type Judge} from '../../../src/judge/port.js'
import {
  allAttackProfiles,
  attackProfiles,
  attackResults,
  attackVideo,
  favouringJudge,
  localAttacks,
} from '../../../src/services/localnet/attacks.js'
import type {LocalnetResult, MinerResult} from '../../../src/services/localnet/events.js'
import {aHotkey} from '../../helpers/video.js'

it('a copier commits after whom it copies, and others need no victim', () => {
  expect(attackProfiles(['looped', 'copy-shifted']).map(({name}) => name)).toEqual([
    'stray',
    'attack-looped',
    'attack-copy-shifted',
  ])
  expect(attackProfiles(['looped']).map(({name}) => name)).toEqual(['attack-looped'])
})

it('every attack has a video, a key and a line that says what it does', () => {
  const keys = allAttackProfiles().map(({name}) => name)
  for (const {name, about} of localAttacks) {
    expect(attackVideo(`attack-${name}`)).toBeTypeOf('function')
    expect(keys).toContain(`attack-${name}`)
    expect(about.length).toBeGreaterThan(20)
  }
  expect(attackVideo('oracle')).toBeUndefined()
})

it('a favouring judge gives full marks to its friend and passes on what the judge says of the others', async () => {
  const scores = Object.fromEntries(aspects.map((aspect) => [aspect, 20])) as Record<(typeof aspects)[number], number>
  const judge: Judge = {
    name: 'reference',
    version: 1,
    options: z.strictObject({}),
    score: async () => ({
      aspects: scores,
      confidence: 50,
      reasoning: 'poor',
      strengths: [],
      issues: ['poor'],
      measurements: {},
    }),
  }
  const bribed = favouringJudge(judge, 'friend')
  const request = {clip: 'c', firstFrame: undefined, prompt: '', frames: 81, fps: 16, width: 832, height: 480}
  const {signal} = new AbortController()

  expect((await bribed.score({...request, output: 'outputs/friend.mp4'}, signal)).aspects.motion_quality).toBe(100)
  expect((await bribed.score({...request, output: 'outputs/other.mp4'}, signal)).aspects.motion_quality).toBe(20)
  expect([bribed.name, bribed.version]).toEqual(['reference', 1])
})

it('what an attack brought follows from the result of the run', () => {
  const miner = (profile: string): MinerResult => ({
    ...{uid: 1, hotkey: aHotkey(profile), profile, isValid: true, invalidReason: null},
    ...{evaluated: 2, passed: 1, passRate: 0.5, rank: 1, outcomes: {ok: 1, 'rejected:detail': 1}},
  })
  const winner = miner('attack-upscaled-stamp')
  const result: LocalnetResult = {
    ...{rounds: 2, tasks: [], miners: [miner('oracle'), winner], winner, weights: null, api: 'http://127.0.0.1:1'},
  }

  expect(attackResults(result)).toEqual([
    {attack: 'upscaled-stamp', outcomes: {ok: 1, 'rejected:detail': 1}, passed: 1, evaluated: 2, weight: 1},
  ])
})
