import {writeFileSync} from 'node:fs'
import path from 'node:path'
import {pathToFileURL} from 'node:url'
import {afterEach, beforeAll, describe, expect, it} from 'vitest'
import {systemTime} from '../../../src/runtime/clock.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {createSigner, walletReady} from '../../../src/wallet/keypair.js'
import type {Check} from '../../../src/wallet/port.js'
import {VerifyBeside} from '../../../src/wallet/verify-beside.js'
import {tempFolder} from '../../helpers/temp-folder.js'

beforeAll(walletReady)

const signers = ['//Alice', '//Bob'].map((uri) => createSigner({uri}))
const never = new AbortController().signal
const opened: VerifyBeside[] = []
afterEach(async () => {
  for (const beside of opened.splice(0)) await beside.close()
})

function open(program?: URL): VerifyBeside {
  const beside = new VerifyBeside({time: systemTime(), log: silentLogger(), ...(program && {program})})
  opened.push(beside)
  return beside
}

/** Every third is wrong in one way or another. */
function batch(size: number): {checks: Check[]; expected: boolean[]} {
  const all = Array.from({length: size}, (_, index): [Check, boolean] => {
    const signer = signers[index % 2]!
    const message = new TextEncoder().encode(`message ${index}`)
    const signature = signer.sign(message)
    if (index % 3 !== 0) return [{message, signature, hotkey: signer.hotkey}, true]
    const wrong = [
      {message: new Uint8Array(1), signature, hotkey: signer.hotkey},
      {message, signature: signature.subarray(1), hotkey: signer.hotkey},
      {message, signature, hotkey: signers[(index + 1) % 2]!.hotkey},
      {message, signature, hotkey: 'nobody'},
    ]
    return [wrong[index % wrong.length]!, false]
  })
  return {checks: all.map(([check]) => check), expected: all.map(([, valid]) => valid)}
}

describe('signatures that are checked beside the event loop', () => {
  it.each([0, 1, 11, 12, 100])('are told right from wrong, %i at once', async (size) => {
    const {checks, expected} = batch(size)

    expect(await open().verifyAll(checks, never)).toEqual(expected)
  })

  it('keep their order when several batches are under way', async () => {
    const beside = open()
    const batches = [batch(40), batch(13), batch(5), batch(60)]

    const answers = await Promise.all(batches.map(({checks}) => beside.verifyAll(checks, never)))

    expect(answers).toEqual(batches.map(({expected}) => expected))
  })

  it('are checked here when their thread dies, and by a new one after it', async () => {
    const program = path.join(tempFolder(), 'dies.mjs')
    writeFileSync(
      program,
      "import {parentPort} from 'node:worker_threads'\nparentPort.on('message', () => process.exit(3))",
    )
    const beside = open(pathToFileURL(program))
    const {checks, expected} = batch(20)

    for (let i = 0; i < 5; i++) expect(await beside.verifyAll(checks, never)).toEqual(expected)
  })

  it('are checked here when there is no such program', async () => {
    const {checks, expected} = batch(20)

    expect(await open(new URL('file:///nowhere/at-all.mjs')).verifyAll(checks, never)).toEqual(expected)
  })

  it('end when the work is called off', async () => {
    const {checks} = batch(20)

    await expect(open().verifyAll(checks, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop')
  })
})
