import {mkdtempSync, rmSync} from 'node:fs'
import {availableParallelism, tmpdir} from 'node:os'
import path from 'node:path'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {audit} from '../../src/services/audit/audit.js'
import {verify, walletReady} from '../../src/wallet/keypair.js'
import {VerifyPool} from '../../src/wallet/verify-pool.js'
import {AuditWorld, video} from '../helpers/audit-world.js'
import type {Measured} from './run.js'

const size = {miners: 65, validators: 8, tasks: 100}
const limitS = 60

/**
 * A whole window through the owner's API over HTTP: every signature, hash, choice and vote, the ranking and the weights.
 * The 65th miner is the one that the gates reject, so that 64 are judged: 51,200 verdicts. Artefacts are a few bytes each.
 */
export async function bench(): Promise<Measured[]> {
  await walletReady()
  const dir = mkdtempSync(path.join(tmpdir(), 'leoma-bench-audit-'))
  const time = systemTime()
  const signal = new AbortController().signal
  const world = new AuditWorld(dir, {...size, ranking: {window: size.tasks}})
  const pool = new VerifyPool({time, log: silentLogger(), threads: availableParallelism()})
  try {
    await world.run(size.tasks)
    const source = await world.source()
    const started = performance.now()
    const cpu = process.cpuUsage()
    const report = await audit(
      {mechanism: video, netuid: 99, range: {of: 'window'}, artefacts: true, regate: 0, rejudge: 0},
      {source, verify, verifyAll: pool.verifyAll, time, workDir: path.join(dir, 'work')},
      signal,
    )
    const seconds = (performance.now() - started) / 1000
    const {user, system} = process.cpuUsage(cpu)
    const verdicts = report.checks.find(({check}) => check === 'verdicts')?.looked ?? 0
    if (!report.ok || verdicts !== 51_200)
      throw new Error(`not the audit that was meant: ${JSON.stringify(report.counts)}, ${verdicts}`)
    const memory = Math.round(process.memoryUsage.rss() / 2 ** 20)
    return [
      {
        name: 'audit of 100 tasks, 64 miners, 8 validators: s / 60',
        ratio: seconds / limitS,
        limit: 1,
        note: `${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of processor time with the API's own, ${verdicts} verdicts, ${memory} MiB with the world it audits`,
      },
    ]
  } finally {
    await pool.close()
    await world.close()
    rmSync(dir, {recursive: true, force: true})
  }
}
