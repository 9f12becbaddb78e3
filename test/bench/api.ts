import {mkdtempSync, rmSync} from 'node:fs'
import {connect} from 'node:net'
import os from 'node:os'
import path from 'node:path'
import {performance} from 'node:perf_hooks'
import {setTimeout as delay} from 'node:timers/promises'
import {Pool} from 'undici'
import {TasksBody} from '../../src/api/schemas.js'
import {signRequest2} from '../../src/api/signature.js'
import {walletReady} from '../../src/wallet/keypair.js'
import {holds} from './api-holds.js'
import {Server} from './api-process.js'
import {batches, fillStore, netuid, openTasks, settledTasks} from './api-world.js'
import type {Measured} from './run.js'

/** 256 miners, 16 validators, 102 400 verdicts; the server in a process of its own. */
export async function bench(): Promise<Measured[]> {
  await walletReady()
  const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-bench-api-'))
  const file = path.join(dir, 'owner.db')
  console.error('  writing 102 400 verdicts …')
  fillStore(file)
  const server = await Server.start(file)
  try {
    return [
      ...(await reads(server)),
      await rescoring(server),
      ...(await intake(server)),
      await settling(server),
      ...(await holds(server, file)),
    ]
  } finally {
    server.stop()
    rmSync(dir, {recursive: true, force: true})
  }
}

const connections = 8
const pipelined = 8
const firstLine = 'HTTP/1.1 200'

/** Requests without waiting for each answer, counted and not read: the client must not be what is measured. */
async function flood(url: string, target: string, total: number): Promise<number> {
  const {hostname, port} = new URL(url)
  const request = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  const started = performance.now()
  await Promise.all(
    Array.from({length: connections}, () => {
      const socket = connect(Number(port), hostname)
      let [left, open] = [total / connections, 0]
      return new Promise<void>((resolve, reject) => {
        const send = () => {
          while (open < pipelined && left > 0) {
            open++
            left--
            socket.write(request)
          }
          if (open === 0 && left === 0) socket.end(resolve)
        }
        socket.on('connect', send)
        socket.on('error', reject)
        let rest = Buffer.alloc(0)
        socket.on('data', (chunk: Buffer) => {
          // No answer holds these words but in its first line; a line may be cut in two.
          const text = Buffer.concat([rest, chunk])
          for (let at = text.indexOf(firstLine); at >= 0; at = text.indexOf(firstLine, at + firstLine.length)) open--
          rest = text.subarray(Math.max(text.lastIndexOf(firstLine) + 1, text.length - firstLine.length + 1))
          send()
        })
      })
    }),
  )
  return total / ((performance.now() - started) / 1000)
}

async function reads(server: Server): Promise<Measured[]> {
  const total = 8_000
  const measured: Measured[] = []
  for (const target of ['/weights', '/scores/rank']) {
    const best = {kept: 0, bare: 0}
    // Alternating, so that a machine that gets slower or faster does so for both; the first turn warms up.
    for (let turn = 0; turn < 4; turn++) {
      const bare = await flood(server.bareUrl, target, total)
      const kept = await flood(server.url, target, total)
      if (turn === 0) continue
      best.kept = Math.max(best.kept, kept)
      best.bare = Math.max(best.bare, bare)
    }
    measured.push({
      name: `GET ${target} against a bare route with the same bytes`,
      ratio: best.kept / best.bare,
      limit: 0.6,
      bad: 'under',
      note: `${Math.round(best.kept)} against ${Math.round(best.bare)} a second`,
    })
  }
  return measured
}

async function rescoring(server: Server): Promise<Measured> {
  const turns = [await server.tell({do: 'rescore'}), await server.tell({do: 'rescore'})]
  const seconds = Math.min(...turns.map((turn) => turn.seconds ?? Number.NaN))
  return {
    name: 'ranking 102 400 stored verdicts from nothing, in seconds',
    ratio: seconds,
    limit: 1,
    note: `read from the store, folded, hashed, weighed and saved`,
  }
}

const readEveryMs = 5

/** Batches as fast as four validators at a time can send them, while others read. */
async function intake(server: Server): Promise<Measured[]> {
  const pool = new Pool(server.url, {connections: 8})
  const {tasks} = TasksBody.parse(
    await (await fetch(`${server.url}/tasks/log?after=${settledTasks}&limit=${openTasks}`)).json(),
  )
  console.error('  signing batches …')
  const prepared = [...batches(tasks.slice(0, 8))].map(({validator, samples}) => ({
    validator,
    body: Buffer.from(JSON.stringify({signature: null, samples})),
  }))
  const target = '/samples/batch'
  const post = async ({validator, body}: (typeof prepared)[number]) => {
    const headers = signRequest2(validator, {netuid, method: 'POST', target, body}, Date.now())
    const answer = await pool.request({path: target, method: 'POST', headers, body})
    await answer.body.dump()
    if (answer.statusCode !== 200) throw new Error(`a batch was answered with ${answer.statusCode}`)
  }
  for (const batch of prepared.splice(0, 16)) await post(batch)

  const latencies: number[] = []
  const done = new AbortController()
  const reading = (async () => {
    for (let i = 0; !done.signal.aborted; i++) {
      const started = performance.now()
      const answer = await pool.request({path: i % 2 === 0 ? '/weights' : '/miners/list', method: 'GET'})
      await answer.body.dump()
      latencies.push(performance.now() - started)
      await delay(readEveryMs)
    }
  })()
  await server.tell({do: 'start watching'})
  const total = prepared.length
  const started = performance.now()
  await Promise.all(
    Array.from({length: 4}, async () => {
      for (let batch = prepared.shift(); batch; batch = prepared.shift()) await post(batch)
    }),
  )
  const seconds = (performance.now() - started) / 1000
  const {maxMs = Number.NaN, p99Ms = Number.NaN} = await server.tell({do: 'stop watching'})
  done.abort()
  await reading
  await pool.close()
  latencies.sort((a, b) => a - b)
  const p99 = latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN
  return [
    {
      name: 'POST /samples/batch of 100 signed verdicts, a second',
      ratio: total / seconds,
      limit: 20,
      bad: 'under',
      note: `${total} batches in ${seconds.toFixed(1)} s, ${Math.round((100 * total) / seconds)} signatures a second`,
    },
    {
      name: 'reads meanwhile, 99th percentile in milliseconds',
      ratio: p99,
      limit: 50,
      note: `${latencies.length} reads, median ${latencies[Math.floor(latencies.length / 2)]?.toFixed(1)} ms`,
    },
    {
      name: 'event loop while verdicts come in, longest in ms',
      ratio: maxMs,
      limit: 50,
      note: `99th percentile ${p99Ms.toFixed(1)} ms`,
    },
  ]
}

/** A task with 3 200 verdicts settles, and the ranking follows. */
async function settling(server: Server): Promise<Measured> {
  await server.tell({do: 'start watching'})
  const started = performance.now()
  const {settled} = await server.tell({do: 'settle', block: 1000 + settledTasks + 1 + 300})
  const ms = performance.now() - started
  const {maxMs = Number.NaN} = await server.tell({do: 'stop watching'})
  return {
    name: 'event loop while a task settles and ranks, longest in ms',
    ratio: maxMs,
    limit: 50,
    note: `${settled} task settled and the ranking made in ${ms.toFixed(0)} ms`,
  }
}
