import path from 'node:path'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {LocalChain} from '../../src/chain/local.js'
import GetRank from '../../src/commands/get-rank.js'
import MinerSubmit from '../../src/commands/miner/submit.js'
import {sha256} from '../../src/domain/canonical.js'
import {mechanism} from '../../src/mechanisms/registry.js'
import {systemTime} from '../../src/runtime/clock.js'
import {OwnMechanism} from '../../src/services/own-mechanism.js'
import {createHotkey} from '../../src/wallet/files.js'
import {verify, walletReady} from '../../src/wallet/keypair.js'
import type {Signer} from '../../src/wallet/port.js'
import {netuid, never, OwnerWorld, owner, validators} from '../helpers/owner-world.js'
import {runCommand} from '../helpers/run-command.js'
import {aLog} from '../helpers/talking-head.js'
import {tempFolder} from '../helpers/temp-folder.js'

const talkingHead = mechanism('talking-head')
const image = `docker.io/alice/head@sha256:${sha256('a')}`
const other = `docker.io/alice/head@sha256:${sha256('b')}`

let world: OwnerWorld
let own: OwnMechanism
let alice: Signer
let url: string
let dataDir: string

/** An owner's API that listens, a wallet whose hotkey is registered, and no chain but where a test makes one. */
beforeEach(async () => {
  await walletReady()
  dataDir = tempFolder()
  alice = await createHotkey(path.join(dataDir, 'wallets'), 'alice', 'first', new Uint8Array(32).fill(2))
  world = new OwnerWorld()
  world.nowMs = systemTime().now()
  world.chain.neurons.push(world.neuron(20, alice.hotkey))
  const {store, chain, time, log} = world
  own = new OwnMechanism({
    ...{store, chain, time, log, netuid, verify, mecid: 1, signer: owner},
    mechanism: talkingHead,
    params: talkingHead.defaults,
  })
  own.prepare()
  await world.ready()
  await own.turn(never)
  const app = world.server({own: [own]})
  url = await app.listen({host: '127.0.0.1', port: 0})
})

afterEach(() => world.close())

function submit(argv: readonly string[], env: Record<string, string> = {}) {
  return runCommand(MinerSubmit, 'miner:submit', ['--coldkey=alice', '--hotkey=first', ...argv], {
    ...{NETWORK: 'localnet', LEOMA_DATA: dataDir, API_URL: url},
    ...env,
  })
}

test('shows what is signed, sends it, and says from which block on it counts', async () => {
  const {code, stdout, stderr} = await submit([`--image-ref=${image}`, '--yes', '--json'])

  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    submission: {mechanism: 'talking-head', hotkey: alice.hotkey, offer: image},
    answer: {status: 'accepted', block: 100, next_in_s: 345_600},
  })
  expect(stderr).toContain(`to      ${url}/submit`)
  expect(own.submissions()).toMatchObject([{hotkey: alice.hotkey, text: `{"image_ref": "${image}"}`}])
})

test('takes the image from the environment, and asks before it sends', async () => {
  const {code, stderr} = await submit([], {IMAGE_REF: image})

  expect(code).toBe(2)
  expect(stderr).toContain('add --yes to go on without being asked')
  expect(own.submissions()).toEqual([])
})

test('with --dry-run sends nothing', async () => {
  const {code, stdout} = await submit([`--image-ref=${image}`, '--dry-run', '--json'])

  expect([code, JSON.parse(stdout).sent]).toEqual([0, false])
  expect(own.submissions()).toEqual([])
})

test('says how long to wait when the last submission is too recent', async () => {
  await submit([`--image-ref=${image}`, '--yes'])
  world.nowMs += 1000
  const {code, stderr} = await submit([`--image-ref=${other}`, '--yes'])

  expect(code).toBe(6)
  expect(stderr).toContain('SUBMITTED_TOO_SOON')
  expect(stderr).toContain('come again in 3 days 23 hours')
})

test.each([
  ['no image', [], 'give --image-ref or set IMAGE_REF'],
  ['a tag', ['--image-ref=alice/head:latest'], 'name the image by the digest of its manifest'],
  ['an option', [`--image-ref=--privileged@sha256:${sha256('a')}`], 'image ref invalid'],
  ['an unknown mechanism', [`--image-ref=${image}`, '--mechanism=none'], 'there is no mechanism none'],
  ['a mechanism of models', [`--image-ref=${image}`, '--mechanism=video'], 'use leoma miner commit'],
])('refuses %s before anybody is asked', async (_, argv, said) => {
  const {code, stderr} = await submit([...argv, '--yes'], {API_URL: 'http://127.0.0.1:1'})

  expect([2, 3]).toContain(code)
  expect(stderr).toContain(said)
})

test('says so when somebody else submitted the image first, and when nobody answers', async () => {
  own.submit({hotkey: validators[0]?.hotkey ?? owner.hotkey, text: `{"image_ref": "${image}"}`, proof: null})
  const claimed = await submit([`--image-ref=${image}`, '--yes'])
  const silent = await submit([`--image-ref=${image}`, '--yes'], {API_URL: 'http://127.0.0.1:1'})

  expect([claimed.code, silent.code]).toEqual([6, 6])
  expect(claimed.stderr).toContain('SUBMISSION_CLAIMED')
  expect(silent.stderr).toContain('check API_URL')
})

test('tells a hotkey that is not on the subnet to register', async () => {
  world.chain.neurons = world.chain.neurons.filter(({hotkey}) => hotkey !== alice.hotkey)
  await own.turn(never)
  const {code, stderr} = await submit([`--image-ref=${image}`, '--yes'])

  expect(code).toBe(4)
  expect(stderr).toContain('HOTKEY_NOT_REGISTERED')
})

test('commits on the chain without any API, and not over a model', async () => {
  const chain = LocalChain.open({path: path.join(dataDir, 'chain.db'), time: systemTime(), verify, blockTimeMs: 50})
  const subnet = {netuid, coldkey: owner.hotkey, stakeRao: 0n}
  chain.registerSubnet({netuid, ownerHotkey: owner.hotkey})
  chain.registerNeuron({...subnet, hotkey: owner.hotkey})
  chain.registerNeuron({...subnet, hotkey: alice.hotkey})

  const first = await submit([`--image-ref=${image}`, '--on-chain', '--yes', '--json'], {API_URL: 'http://127.0.0.1:1'})
  expect(first.code).toBe(0)
  expect(JSON.parse(first.stdout).committed.plan).toMatchObject({text: `{"image_ref": "${image}"}`, replaces: null})
  const again = await submit([`--image-ref=${image}`, '--on-chain', '--yes'])
  expect([again.code, again.stderr.includes('COMMIT_UNCHANGED')]).toEqual([2, true])

  const text = `{"model_name": "a/leoma", "model_revision": "${'ab'.repeat(20)}", "chute_id": "chute-1"}`
  await chain.commit(netuid, text, alice, never)
  await systemTime().sleep(200, never)
  const over = await submit([`--image-ref=${other}`, '--on-chain', '--yes'])
  expect([over.code, over.stderr.includes('COMMIT_IN_USE')]).toEqual([2, true])
  await chain.close()
})

test('get-rank shows the ranking of a mechanism by the evidence of a validator', async () => {
  const reader = (argv: readonly string[]) => runCommand(GetRank, 'get-rank', argv, {API_URL: url})
  const before = await reader(['--mechanism=talking-head'])
  expect([before.code, before.stderr.includes('no ranking yet')]).toEqual([0, true])

  await submit([`--image-ref=${image}`, '--yes'])
  const [validator] = validators
  if (!validator) throw new Error('there are validators')
  const rounds = [{results: [{name: 'a', hotkey: alice.hotkey, finalScore: 0.5}]}]
  for (const record of aLog(rounds, validator, own.exam().examHash)) own.takeRecord(record, validator.hotkey)

  const {code, stdout} = await reader(['--mechanism=talking-head', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    mechanism: 'talking-head',
    author: validator.hotkey,
    ranks: [{rank: 1, uid: 20, hotkey: alice.hotkey, score: 0.5, weight: 1}],
  })
  expect((await reader(['--mechanism=talking-head'])).stdout).toMatch(/0\.5000\s+100\.0 %/)
})
