import {createServer, type Server} from 'node:http'
import {afterEach, expect, it} from 'vitest'
import {openLocalnet} from '../../../src/app/localnet.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import type {LocalnetEvent} from '../../../src/services/localnet/events.js'
import {choosePort} from '../../../src/services/localnet/free-port.js'
import {placeClips} from '../../helpers/generated-clips.js'
import {tempFolder} from '../../helpers/temp-folder.js'

let other: Server
afterEach(() => other.close())

const env = {PATH: process.env.PATH, FFMPEG_PATH: process.env.FFMPEG_PATH}
const open = (dataDir: string, port: number, onEvent: (event: LocalnetEvent) => void) =>
  openLocalnet(
    {miners: ['oracle'], validators: 1, blockTimeMs: 250, dataDir, port},
    {env, log: silentLogger(), onEvent},
    new AbortController().signal,
  )

it('a localnet is refused a port that is taken before it has done anything', async () => {
  const port = await choosePort(0)
  other = createServer()
  await new Promise<void>((done) => other.listen(port, '127.0.0.1', done))
  const events: LocalnetEvent[] = []

  const opening = open(tempFolder(), port, (event) => events.push(event))

  await expect(opening).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    hints: [expect.stringContaining('--port'), expect.anything()],
  })
  expect(events).toEqual([])
})

it('a localnet whose part cannot start says why, and not that the part could not be closed', async () => {
  const port = await choosePort(0)
  const dataDir = tempFolder()
  await placeClips(dataDir)

  // Another program is quicker, just before the owner's API opens.
  const opening = open(dataDir, port, (event) => {
    if (event.type === 'step' && event.step === 'api') other = createServer().listen(port, '127.0.0.1')
  })

  await expect(opening).rejects.toMatchObject({name: 'LeomaError', kind: 'config', code: 'PORT_IN_USE'})
})
