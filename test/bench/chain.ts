import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {SubtensorChain} from '../../src/chain/subtensor/chain.js'
import {MetadataCache} from '../../src/chain/subtensor/metadata-cache.js'
import {Rpc} from '../../src/chain/subtensor/rpc.js'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {createHotkey} from '../../src/wallet/files.js'
import {createSigner, walletReady} from '../../src/wallet/keypair.js'
import {SubtensorServer} from '../fakes/subtensor-server.js'
import {finneyMetadata} from '../helpers/finney.js'
import type {Measured} from './run.js'

const {signal} = new AbortController()
const netuid = 99
const neurons = 256
const limits = {requests: 4, fewerRequests: 5, cachedBytes: 0.05, rssBytes: 200e6}

/** A subnet of 256 neurons, each with a commitment, at a node with finney's metadata on this machine. */
export async function bench(): Promise<Measured[]> {
  if (!finneyMetadata) return []
  await walletReady()
  const folder = mkdtempSync(path.join(tmpdir(), 'leoma-bench-'))
  const server = await SubtensorServer.start({metadata: finneyMetadata})
  try {
    const validator = await createHotkey(path.join(folder, 'wallets'), 'default', 'default')
    const hotkeys = [
      validator.hotkey,
      ...Array.from({length: neurons - 1}, (_, uid) => createSigner({uri: `//n${uid}`}).hotkey),
    ]
    server.addSubnet(
      netuid,
      hotkeys.map((hotkey, uid) => ({hotkey, totalStake: uid, lastUpdate: 990})),
      {
        weightsSetRateLimit: 100_000,
      },
    )
    for (const hotkey of hotkeys) {
      const text = `0x${Buffer.from(`{"model_name": "a/leoma-${hotkey}", "model_revision": "${'ab'.repeat(20)}"}`).toString('hex')}`
      server.store('commitments', 'revealedCommitments', [netuid, hotkey], [[text, 900]])
    }
    return [...(await reading(server)), ...(await connecting(server, folder)), ...(await resident(server, folder))]
  } finally {
    await server.stop()
    rmSync(folder, {recursive: true, force: true})
  }
}

function open(server: SubtensorServer, cache?: MetadataCache): SubtensorChain {
  return new SubtensorChain({
    network: 'bench',
    endpoints: [server.url],
    time: systemTime(),
    log: silentLogger(),
    ...(cache && {cache}),
  })
}

async function reading(server: SubtensorServer): Promise<Measured[]> {
  const chain = open(server)
  await chain.head(signal)
  const before = server.asked.length
  const startedAt = performance.now()
  const [{neurons: found}, commitments] = await Promise.all([
    chain.metagraph(netuid, signal),
    chain.commitments(netuid, signal),
  ])
  const ms = performance.now() - startedAt
  const requests = server.asked.length - before
  if (found.length !== neurons || commitments.length !== neurons) throw new Error('not everything was read')
  const single = await oneByOne(server)
  await chain.close()
  const note = `${requests} requests, ${ms.toFixed(0)} ms; one per uid: ${single.requests} requests, ${single.ms.toFixed(0)} ms`
  return [
    {name: 'requests for metagraph and commitments, 256 uids', ratio: requests, limit: limits.requests, note},
    {
      name: 'one request per uid / ours',
      ratio: single.requests / requests,
      limit: limits.fewerRequests,
      bad: 'under',
      note,
    },
  ]
}

/** The hotkeys alone, as one would read them uid by uid. */
async function oneByOne(server: SubtensorServer): Promise<{requests: number; ms: number}> {
  const rpc = await Rpc.open(server.url, {connectTimeoutMs: 5000, requestTimeoutMs: 5000}, signal)
  const keys = server.runtime.storage('subtensorModule', 'keys')
  if (!keys) throw new Error('no keys')
  const startedAt = performance.now()
  for (let uid = 0; uid < neurons; uid++) {
    await rpc.request('state_getStorage', [server.runtime.storageKey(keys, [netuid, uid])], signal)
  }
  const ms = performance.now() - startedAt
  const {requests} = rpc.stats
  rpc.close()
  return {requests, ms}
}

async function connecting(server: SubtensorServer, folder: string): Promise<Measured[]> {
  const cache = new MetadataCache(path.join(folder, 'cache'))
  const first = await timeToReady(server, cache)
  const again = await timeToReady(server, cache)
  const note = (['first', 'again'] as const)
    .map((which) => {
      const {bytes, ms} = which === 'first' ? first : again
      return `${which} ${ms.toFixed(0)} ms and ${(bytes / 1000).toFixed(1)} kB`
    })
    .join(', ')
  return [
    {
      name: 'bytes until ready: metadata on disk / not',
      ratio: again.bytes / first.bytes,
      limit: limits.cachedBytes,
      note,
    },
  ]
}

async function timeToReady(server: SubtensorServer, cache: MetadataCache): Promise<{ms: number; bytes: number}> {
  const before = server.bytesSent
  const startedAt = performance.now()
  const chain = open(server, cache)
  await chain.head(signal)
  const ms = performance.now() - startedAt
  const bytes = server.bytesSent - before
  await chain.close()
  return {ms, bytes}
}

/** The built program as a validator that has nothing to do, a while after its start. */
async function resident(server: SubtensorServer, folder: string): Promise<Measured[]> {
  if (process.platform !== 'linux') return []
  const api = createServer((_, response) => response.writeHead(503).end()).listen(0, '127.0.0.1')
  await once(api, 'listening')
  const env = {
    ...process.env,
    NETWORK: server.url,
    NETUID: String(netuid),
    LEOMA_DATA: folder,
    BT_WALLET_PATH: path.join(folder, 'wallets'),
    API_URL: `http://127.0.0.1:${(api.address() as AddressInfo).port}`,
    LOG_FORMAT: 'json',
    LOG_LEVEL: 'warn',
  }
  const bin = path.resolve(import.meta.dirname, '../../bin/run.js')
  const child = spawn(process.execPath, [bin, 'servers', 'validator'], {env, stdio: ['ignore', 'ignore', 'inherit']})
  try {
    const time = systemTime()
    for (let block = 0; block < 20; block++) {
      await time.sleep(1000, signal)
      if (child.exitCode !== null) throw new Error(`the validator ended with ${child.exitCode}`)
      server.newBlock()
    }
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    const rss = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024
    const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024
    const note = `${(rss / 1e6).toFixed(0)} MB after 20 blocks of 256 uids, peak ${(peak / 1e6).toFixed(0)} MB`
    return [{name: 'memory of an idle validator / 200 MB', ratio: rss / limits.rssBytes, limit: 1, note}]
  } finally {
    child.kill('SIGKILL')
    api.close()
  }
}
