import {beforeAll, describe, expect, it} from 'vitest'
import {hashOf as serverHash, sha256, signingMessage} from '../../../src/domain/canonical.js'
import {signValue} from '../../../src/domain/signed.js'
import type {SignedManifest, TaskManifest} from '../../../src/domain/task.js'
import type {SignedVerdict} from '../../../src/domain/verdict.js'
import {createSigner, walletReady} from '../../../src/wallet/keypair.js'
import {hashOf, isSigned, messageOf, publicKeyOf} from '../../../src/web/verify-keys.js'
import {type Check, verifyTask} from '../../../src/web/verify-task.js'

beforeAll(walletReady)

const alice = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'

describe('keys and signatures in the browser', () => {
  it('know a signature that another library made', () => {
    const message = new TextEncoder().encode(`${sha256('')}:1700000000`)
    const signature =
      '0xc4e180c94597af2918a8272ca8d18ac222447eb24ec0d1988026b0206bc92905d8cd3fc4514d7df334c79f5414af44b4305d6c94475e7837b11a1b76a40ac18f'

    expect(isSigned(message, signature, alice)).toBe(true)
    expect(isSigned(message.with(0, 0), signature, alice)).toBe(false)
    expect(isSigned(message, signature, '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty')).toBe(false)
    expect(isSigned(message, `0x${'00'.repeat(64)}`, alice)).toBe(false)
    expect(isSigned(message, 'nothing', alice)).toBe(false)
  })

  it('read the key out of an address, and refuse a mistyped one', () => {
    expect(Buffer.from(publicKeyOf(alice)!).toString('hex')).toBe(
      'd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d',
    )
    expect(publicKeyOf(alice.replace('G', 'H'))).toBeUndefined()
    expect(publicKeyOf('0OIl')).toBeUndefined()
  })

  it('write what is signed exactly as the program does', async () => {
    const value = {b: [1.5, 'ü\n'], a: {z: null, y: true}, '\u20ac': -0}
    expect(await hashOf(value)).toBe(serverHash(value))
    expect(messageOf('verdict', await hashOf(value))).toEqual(signingMessage('verdict', value))
  })
})

const owner = createSigner({uri: '//Owner'})
const [bob, charlie] = ['//Bob', '//Charlie'].map((uri) => createSigner({uri})) as [typeof owner, typeof owner]
const miner = createSigner({uri: '//Dave'}).hotkey
const files: Readonly<Record<string, string>> = {'clip.mp4': 'the clip', [`outputs/${miner}.mp4`]: 'the output'}

function world() {
  const artefact = (name: string) => ({key: `1/${name}`, sha256: sha256(files[name]!), sizeBytes: 10})
  const output = artefact(`outputs/${miner}.mp4`)
  const manifest: TaskManifest = {
    ...{version: 1, mechanism: 'video', netuid: 99, taskId: 1, kind: 't2v', examHash: sha256('exam')},
    block: {number: 1, hash: `0x${'ab'.repeat(32)}`},
    createdAt: '2026-01-01T00:00:00.000Z',
    source: {
      ...{
        key: 'a',
        sha256: sha256('a'),
        index: 0,
        corpusSha256: sha256('b'),
        corpusSize: 1,
        durationS: 9,
        clipStartS: 0,
      },
      ...{clipDurationS: 5, shotStartS: 0, shotEndS: 9, cutCount: 0},
    },
    prompt: {text: 'x', author: 'y'},
    clip: artefact('clip.mp4'),
    firstFrame: null,
    answers: [
      {hotkey: miner, uid: 1, commitmentBlock: 1, outcome: 'ok', reason: null, latencyMs: 1, attempts: 1, output},
    ],
    voters: [
      {hotkey: bob.hotkey, uid: 2, stakeRao: '100'},
      {hotkey: charlie.hotkey, uid: 3, stakeRao: '101'},
    ],
  }
  const task: SignedManifest = {manifest, signer: owner.hotkey, signature: signValue('task', manifest, owner)}
  const verdictOf = (validator: typeof owner, passed: boolean): SignedVerdict => {
    const verdict: SignedVerdict['verdict'] = {
      ...{
        version: 1,
        mechanism: 'video',
        netuid: 99,
        taskId: 1,
        examHash: manifest.examHash,
        validator: validator.hotkey,
        miner,
      },
      artefacts: {output: output.sha256, clip: manifest.clip.sha256, firstFrame: null},
      ...{judge: {name: 'reference', version: 1}, passed, overall: 50, aspects: {}, confidence: 1, gate: null},
      ...{reasoning: '', strengths: [], issues: []},
    }
    return {verdict, signature: signValue('verdict', verdict, validator)}
  }
  return {
    exam: undefined,
    task,
    // The one with more stake says no.
    verdicts: [verdictOf(bob, true), verdictOf(charlie, false)],
    results: new Map<string, boolean | null>([[miner, false]]),
    nameOf: () => 'uid 1',
    bytesOf: async (path: string) => new TextEncoder().encode(files[path]!).buffer,
  }
}

async function run(source: Parameters<typeof verifyTask>[0]): Promise<Check[]> {
  const checks: Check[] = []
  for await (const check of verifyTask(source)) checks.push(check)
  return checks
}
const failing = (checks: readonly Check[]) => checks.filter(({state}) => state === 'fails').map(({about}) => about)

describe('a task that is checked again', () => {
  it('holds when it is genuine, and says what could not be looked at', async () => {
    const checks = await run(world())
    expect(failing(checks)).toEqual([])
    expect(checks.map(({about, state}) => `${about} ${state}`)).toEqual([
      'exam skipped',
      'manifest holds',
      'file holds',
      'file holds',
      'verdict holds',
      'verdict holds',
      'vote holds',
    ])
  })

  it('fails in the manifest when a word of it was changed', async () => {
    const source = world()
    const manifest = {...source.task.manifest, prompt: {text: 'another', author: 'y'}}
    expect(failing(await run({...source, task: {...source.task, manifest}}))).toEqual(['manifest'])
  })

  it('fails in the file that was changed', async () => {
    const bytesOf = async (path: string) =>
      new TextEncoder().encode(path === 'clip.mp4' ? 'the clap' : files[path]!).buffer
    expect(failing(await run({...world(), bytesOf}))).toEqual(['file'])
  })

  it('fails in a verdict that was changed, or is about something else', async () => {
    const source = world()
    const [first, second] = source.verdicts as [SignedVerdict, SignedVerdict]
    const changed = {...first, verdict: {...first.verdict, overall: 51}}
    const elsewhere = {...second, verdict: {...second.verdict, taskId: 2}}
    expect(failing(await run({...source, verdicts: [changed, elsewhere]}))).toEqual(['verdict', 'verdict'])
  })

  it('fails in the vote when the API says another result than the stakes do', async () => {
    expect(failing(await run({...world(), results: new Map([[miner, true]])}))).toEqual(['vote'])
  })
})
