import {afterEach, beforeEach, expect, it} from 'vitest'
import {LeomaError} from '../../../src/errors.js'
import {Sampler} from '../../../src/mechanisms/video/sampler.js'
import type {Models} from '../../../src/models/port.js'
import {miners, VideoWorld} from '../../helpers/video-world.js'

const {signal} = new AbortController()
let world: VideoWorld

beforeEach(async () => {
  world = new VideoWorld()
  await world.addSource('a.mp4', 0)
  world.nextRound()
})
afterEach(() => world.close())

async function round(warm: NonNullable<Models['warm']>) {
  const ports = await world.ports('sampler')
  const models: Models = {
    chute: (id, inner) => ports.models.chute(id, inner),
    model: (name, revision, inner) => ports.models.model(name, revision, inner),
    warm,
  }
  await new Sampler({...ports, models}).turn({at: 0, signal})
}

it('every chute of a valid miner is woken before anybody is asked', async () => {
  const story: string[] = []
  const answering = world.answering
  world.answering = (chute, request, limits) => {
    story.push('asked')
    return answering(chute, request, limits)
  }

  await round(async (chuteIds) => void story.push(`woke ${chuteIds.length}`))

  expect(story).toEqual([`woke ${miners.length}`, ...miners.map(() => 'asked')])
  expect(world.api.tasks).toHaveLength(1)
})

it('a round goes on when nobody could be woken', async () => {
  await round(async () => {
    throw new LeomaError('upstream', 'CHUTES_UNREACHABLE', 'no answer')
  })

  expect(world.api.tasks).toHaveLength(1)
})
