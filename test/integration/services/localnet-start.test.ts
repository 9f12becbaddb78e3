import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {expect, it} from 'vitest'
import {openLocalnet} from '../../../src/app/localnet.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {placeClips} from '../../helpers/generated-clips.js'
import {tempFolder} from '../../helpers/temp-folder.js'

it('a localnet whose part cannot start says why, and not that the part could not be closed', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => other.once('listening', done))
  // Of a server that listens on TCP.
  const {port} = other.address() as AddressInfo
  const dataDir = tempFolder()
  await placeClips(dataDir)
  try {
    const opening = openLocalnet(
      {miners: ['oracle'], validators: 1, blockTimeMs: 250, dataDir, port},
      {env: {PATH: process.env.PATH, FFMPEG_PATH: process.env.FFMPEG_PATH}, log: silentLogger(), onEvent: () => {}},
      new AbortController().signal,
    )
    await expect(opening).rejects.toMatchObject({name: 'LeomaError', code: 'PORT_IN_USE'})
  } finally {
    other.close()
  }
})
