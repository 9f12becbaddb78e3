import {afterEach, beforeEach, expect, it} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import type {DeploymentPolicy} from '../../../src/domain/deployment.js'
import type {ChuteEvidence} from '../../../src/models/port.js'
import {validateMinersOnce} from '../../../src/services/miner-validation.js'
import {findMiner} from '../../../src/store/miners.js'
import {miners, netuid, OwnerWorld, revisionOf} from '../../helpers/owner-world.js'

let world: OwnerWorld
beforeEach(() => {
  world = new OwnerWorld()
})
afterEach(() => world.close())

const hotkey = miners[0]?.hotkey ?? ('' as never)
const modelName = `user/leoma-${hotkey}`
const modelRevision = revisionOf(modelName)
const image = 'leoma/video-gen:1.0'
const code = {
  sha256: sha256('code'),
  template: {modelName, modelRevision, image},
  repositories: [modelName],
  revisions: [modelRevision],
}

async function reasonFor(evidence: ChuteEvidence | undefined, binding: Pick<DeploymentPolicy, 'images' | 'code'>) {
  const chute = world.models.chutes.get(`chute-${hotkey}`)
  if (!chute || chute instanceof Error) throw new Error('no chute')
  world.models.chutes.set(`chute-${hotkey}`, {...chute, ...(evidence ? {evidence} : {})})
  const {store, chain, models, time, log} = world
  await validateMinersOnce({store, chain, models, netuid, time, log, limits: {binding}}, new AbortController().signal)
  return findMiner(store, hotkey)?.invalidReason
}

const strict: Pick<DeploymentPolicy, 'images' | 'code'> = {images: [image], code: 'template'}

it.each([
  ['an allowed image and the template filled with this model', {image, code}, null],
  ['another image', {image: 'eve/own:1', code}, 'image_not_allowed:eve/own:1'],
  ['an image that is not told', {image: null, code}, 'chute_image_unknown'],
  ['code that cannot be read', {image, code: null}, 'chute_code_unreadable'],
  ['code that is no template', {image, code: {...code, template: null}}, 'code_is_not_the_template'],
  [
    'the template filled with another model',
    {image, code: {...code, template: {...code.template, modelName: 'a/b'}}},
    'code_is_not_the_template',
  ],
  ['nothing at all', undefined, 'chute_image_unknown'],
])('under a strict policy: %s', async (_, evidence, reason) => {
  expect(await reasonFor(evidence, strict)).toBe(reason)
})

it.each([
  ['names both', code, null],
  ['names both in a module of its own', {...code, template: null}, null],
  ['names another model', {...code, repositories: ['a/b']}, 'code_names_another_model'],
  ['names another commit', {...code, revisions: []}, 'code_names_another_model'],
])('where code has to name the model: %s', async (_, found, reason) => {
  expect(await reasonFor({image: 'any/image:1', code: found}, {images: [], code: 'names'})).toBe(reason)
})

it('asks for nothing where the exam asks for nothing', async () => {
  expect(await reasonFor({image: 'eve/own:1', code: null}, {images: [], code: 'any'})).toBe(null)
})
