import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import {formatModelCommitment} from '../../../src/domain/commitment.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import {addToBlacklist} from '../../../src/store/blacklist.js'
import {findMiner, listMiners, weightFilesOf} from '../../../src/store/miners.js'
import {miners, OwnerWorld, revisionOf} from '../../helpers/owner-world.js'

let world: OwnerWorld
beforeEach(() => {
  world = new OwnerWorld()
})
afterEach(() => world.close())

const [dave, eve, ferdie, one] = miners.map(({hotkey}) => hotkey) as [Hotkey, Hotkey, Hotkey, Hotkey]
const reasons = () =>
  Object.fromEntries(listMiners(world.store).map(({hotkey, invalidReason}) => [hotkey, invalidReason]))
const modelOf = (hotkey: string) => `user/leoma-${hotkey}`
const chuteOf = (hotkey: string) => `chute-${hotkey}`

function commit(hotkey: Hotkey, text: string, block = 50): void {
  world.chain.offers = [...world.chain.offers.filter((offer) => offer.hotkey !== hotkey), {hotkey, text, block}]
}
function changeChute(hotkey: string, changes: object): void {
  const chute = world.models.chutes.get(chuteOf(hotkey))
  if (!chute || chute instanceof Error) throw new Error('no such chute')
  world.models.chutes.set(chuteOf(hotkey), {...chute, ...changes})
}
function changeModel(hotkey: string, changes: object): void {
  const model = world.models.models.get(modelOf(hotkey))
  if (!model || model instanceof Error) throw new Error('no such model')
  world.models.models.set(modelOf(hotkey), {...model, ...changes})
}

it('finds everybody valid who offers a model of its own, and remembers what it is', async () => {
  expect(await world.validate()).toEqual({total: 4, valid: 4})

  expect(findMiner(world.store, dave)).toMatchObject({
    uid: 10,
    modelName: modelOf(dave),
    modelRevision: revisionOf(modelOf(dave)),
    modelHash: sha256(sha256(dave)),
    chuteId: chuteOf(dave),
    isValid: true,
    invalidReason: null,
    block: 10,
    lastValidatedAt: world.nowMs,
  })
})

describe('the published reasons', () => {
  const json = (fields: object) => JSON.stringify(fields)
  const good = {model_name: modelOf(dave), model_revision: revisionOf(modelOf(dave)), chute_id: chuteOf(dave)}
  it.each([
    ['missing_model_name', json({})],
    ['missing_model_name', 'not json'],
    ['missing_model_name', '[]'],
    ['missing_model_name', json({...good, model_name: 7})],
    ['missing_model_name', json({...good, model_name: {deep: []}})],
    ['missing_model_name', json({...good, model_name: 'x'.repeat(256)})],
    ['missing_model_revision', json({...good, model_revision: null})],
    ['missing_model_revision', json({...good, model_revision: 'x'.repeat(65)})],
    ['missing_chute_id', json({...good, chute_id: ''})],
    ['model_name_must_start_with_leoma', json({...good, model_name: `user/other-${dave}`})],
    ['model_name_must_end_with_hotkey', json({...good, model_name: `user/leoma-${eve}`})],
    ['model_name_must_end_with_hotkey', json({...good, model_name: `user/leoma-${dave.toLowerCase()}`})],
    ['chute_fetch_failed', json({...good, chute_id: 'nobody'})],
  ])('%s', async (reason, text) => {
    commit(dave, text)

    await world.validate()

    expect(reasons()).toEqual({[dave]: reason, [eve]: null, [ferdie]: null, [one]: null})
  })

  it.each([
    ['chute_not_running', () => changeChute(dave, {hot: false})],
    ['revision_mismatch:chute=abc', () => changeChute(dave, {revision: 'abc'})],
    ['hf_model_fetch_failed', () => world.models.models.delete(modelOf(dave))],
    ['hf_model_fetch_failed', () => changeModel(dave, {weights: []})],
    ['hf_model_fetch_failed', () => changeModel(dave, {isPublic: false})],
    ['revision_mismatch:hf=def', () => changeModel(dave, {sha: 'def'})],
    ['chute_fetch_failed', () => world.models.chutes.set(chuteOf(dave), new Error('down'))],
    ['hf_model_fetch_failed', () => world.models.models.set(modelOf(dave), new Error('down'))],
  ])('%s', async (reason, change) => {
    change()

    await world.validate()

    expect(reasons()).toMatchObject({[dave]: reason, [eve]: null})
  })

  it('takes a chute that does not say its revision', async () => {
    changeChute(dave, {revision: null})

    await world.validate()

    expect(reasons()).toMatchObject({[dave]: null})
  })

  it('asks in the published order: blacklist, then number of commitments, then the rest', async () => {
    for (const block of [51, 52]) world.chain.offers.push({hotkey: dave, text: '{}', block})
    await world.validate()
    expect(findMiner(world.store, dave)).toMatchObject({invalidReason: 'max_commits_exceeded_2', block: 52})

    addToBlacklist(world.store, {hotkey: dave, reason: 'spam', addedBy: null}, 0)
    await world.validate()

    expect(findMiner(world.store, dave)).toMatchObject({invalidReason: 'blacklisted', block: null, modelName: null})
  })

  it('counts a commitment in the open while it stands, and nothing that it has replaced', async () => {
    const text = JSON.stringify(good)
    const open = (block: number) => {
      world.chain.offers = world.chain.offers.filter(({hotkey, isOpen}) => hotkey !== dave || !isOpen)
      world.chain.offers.push({hotkey: dave, text, block, isOpen: true})
      return world.validate()
    }

    // The second of two; how often it is changed leaves no trace on the chain, but moves its author behind the others.
    for (const block of [60, 70, 80]) {
      await open(block)
      expect(findMiner(world.store, dave)).toMatchObject({isValid: true, block})
    }

    world.chain.offers.push({hotkey: dave, text, block: 55})
    await open(90)
    expect(findMiner(world.store, dave)).toMatchObject({invalidReason: 'max_commits_exceeded_2', block: 90})
  })

  it('goes by the last commitment, and moves a miner that commits again to its block', async () => {
    world.chain.offers.push({
      hotkey: dave,
      text: formatModelCommitment({
        modelName: modelOf(dave),
        modelRevision: revisionOf(modelOf(dave)),
        chuteId: chuteOf(dave),
      }),
      block: 77,
    })

    await world.validate()

    expect(findMiner(world.store, dave)).toMatchObject({isValid: true, block: 77})
  })
})

it('lets a hostile commitment harm only its author', async () => {
  for (const text of ['\u0000', '"\\ud800"', '{'.repeat(5000), '9'.repeat(4000), `{"model_name":${'['.repeat(2000)}`]) {
    commit(dave, text)
    await world.validate()
    expect(reasons()).toMatchObject({[dave]: 'missing_model_name', [eve]: null, [ferdie]: null})
  }
})

describe('a provider that does not answer', () => {
  it('changes nothing at first, and makes a miner invalid when it goes on', async () => {
    await world.validate()
    world.models.chutes.set(chuteOf(dave), new Error('503'))

    for (let turn = 1; turn <= 3; turn++) {
      await world.validate()
      expect(findMiner(world.store, dave)).toMatchObject({isValid: true, failures: turn, chuteSlug: 'slug-10'})
    }
    await world.validate()

    expect(findMiner(world.store, dave)).toMatchObject({isValid: false, invalidReason: 'chute_fetch_failed'})
  })

  it('starts counting anew after one answer, and a restart does not forget the count', async () => {
    await world.validate()
    world.models.models.set(modelOf(dave), new Error('down'))
    await world.validate()
    world.reopen()
    await world.validate()
    expect(findMiner(world.store, dave)).toMatchObject({isValid: true, failures: 2})

    world.offer(dave, 10)
    await world.validate()

    expect(findMiner(world.store, dave)).toMatchObject({isValid: true, failures: 0})
  })

  it('does not dethrone over one cold chute', async () => {
    await world.validate()
    changeChute(dave, {hot: false})

    await world.validate()

    expect(findMiner(world.store, dave)?.isValid).toBe(true)
  })

  it('does not carry validity over to another offer', async () => {
    await world.validate()
    world.offer(dave, 60)
    world.models.chutes.set(chuteOf(dave), new Error('503'))

    await world.validate()

    expect(findMiner(world.store, dave)).toMatchObject({isValid: false, invalidReason: 'chute_fetch_failed', block: 60})
  })

  it('leaves everything as it was when the chain fails, and does not believe in an empty chain at once', async () => {
    await world.validate()
    world.chain.fails = true
    await expect(world.validate()).rejects.toThrow('no answer')
    world.chain.fails = false
    world.chain.offers = []

    for (let turn = 1; turn <= 3; turn++) expect(await world.validate()).toEqual({total: 4, valid: 4})
    await world.validate()

    expect(listMiners(world.store)).toEqual([])
    expect(findMiner(world.store, dave)).toMatchObject({uid: null, isValid: false})
  })
})

describe('uids', () => {
  it('lets two miners swap theirs in one pass', async () => {
    await world.validate()
    world.chain.neurons = world.chain.neurons.map((neuron) =>
      neuron.hotkey === dave ? {...neuron, uid: 11} : neuron.hotkey === eve ? {...neuron, uid: 10} : neuron,
    )

    await world.validate()

    expect(findMiner(world.store, dave)?.uid).toBe(11)
    expect(findMiner(world.store, eve)?.uid).toBe(10)
  })

  it('keeps the row of a miner that was replaced, without uid and validity', async () => {
    await world.validate()
    world.chain.neurons = world.chain.neurons.filter(({hotkey}) => hotkey !== dave)
    world.chain.neurons = world.chain.neurons.map((neuron) => (neuron.hotkey === eve ? {...neuron, uid: 10} : neuron))

    await world.validate()

    expect(findMiner(world.store, dave)).toMatchObject({uid: null, isValid: false, modelName: modelOf(dave)})
    expect(listMiners(world.store).map(({uid}) => uid)).toEqual([10, 12, 13])
  })

  it('checks a miner that comes back instead of believing its old row', async () => {
    await world.validate()
    const neurons = world.chain.neurons
    world.chain.neurons = neurons.filter(({hotkey}) => hotkey !== dave)
    await world.validate()
    world.chain.neurons = neurons
    world.models.chutes.set(chuteOf(dave), new Error('503'))

    await world.validate()

    expect(findMiner(world.store, dave)).toMatchObject({isValid: false, invalidReason: 'chute_fetch_failed'})
  })
})

describe('copies', () => {
  it('finds the same weights offered later, whoever has the lower uid', async () => {
    world.offer(dave, 30, [['weights', 100]])
    world.offer(ferdie, 20, [['weights', 100]])

    await world.validate()

    expect(reasons()).toMatchObject({[ferdie]: null, [dave]: 'duplicate_model:earliest_uid=12'})
  })

  it('goes by uid within one block', async () => {
    world.offer(dave, 30, [['weights', 100]])
    world.offer(eve, 30, [['weights', 100]])

    await world.validate()

    expect(reasons()).toMatchObject({[dave]: null, [eve]: 'duplicate_model:earliest_uid=10'})
  })

  it('knows the files of what is offered now, and goes on knowing them', async () => {
    const files = (...of: (readonly [string, number])[]) =>
      of.map(([content, sizeBytes]) => ({sha256: sha256(content), sizeBytes}))
    world.offer(dave, 10, [
      ['encoder', 500],
      ['transformer', 400],
    ])
    await world.validate()
    await world.validate()
    expect(weightFilesOf(world.store, dave)).toEqual(files(['encoder', 500], ['transformer', 400]))

    world.offer(dave, 12, [['another', 300]])
    await world.validate()
    expect(weightFilesOf(world.store, dave)).toEqual(files(['another', 300]))

    addToBlacklist(world.store, {hotkey: dave, reason: null, addedBy: null}, 0)
    await world.validate()
    expect(weightFilesOf(world.store, dave)).toEqual([])
  })

  it('finds a copy with a small file added, and lets a fine-tune of the same base live', async () => {
    world.offer(dave, 10, [
      ['encoder', 500],
      ['transformer', 500],
    ])
    world.offer(eve, 11, [
      ['encoder', 500],
      ['transformer', 500],
      ['padding', 10],
    ])
    world.offer(ferdie, 12, [
      ['encoder', 500],
      ['own transformer', 500],
    ])

    await world.validate()

    expect(reasons()).toMatchObject({[dave]: null, [eve]: 'duplicate_model:earliest_uid=10', [ferdie]: null})
  })

  it('remains a copy while the deployment of its original is down', async () => {
    world.offer(dave, 10, [['weights', 100]])
    world.offer(eve, 11, [['weights', 100]])
    await world.validate()
    world.models.chutes.set(chuteOf(dave), new Error('503'))

    for (let turn = 0; turn < 5; turn++) await world.validate()

    expect(reasons()).toMatchObject({[dave]: 'chute_fetch_failed', [eve]: 'duplicate_model:earliest_uid=10'})
  })

  it('does not count an original that was blacklisted', async () => {
    world.offer(dave, 10, [['weights', 100]])
    world.offer(eve, 11, [['weights', 100]])
    addToBlacklist(world.store, {hotkey: dave, reason: null, addedBy: null}, 0)

    await world.validate()

    expect(reasons()).toMatchObject({[dave]: 'blacklisted', [eve]: null})
  })
})
