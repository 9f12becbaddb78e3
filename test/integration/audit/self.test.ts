import {mkdtempSync, rmSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {expect, it} from 'vitest'
import {AuditReport} from '../../../src/domain/audit.js'
import {buildServer} from '../../../src/http/server.js'
import {Health} from '../../../src/runtime/health.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {LiveChain} from '../../../src/services/audit/live.js'
import {SelfAudit} from '../../../src/services/audit/self.js'
import {verify} from '../../../src/wallet/keypair.js'
import {AuditWorld, owner, video} from '../../helpers/audit-world.js'

const signal = new AbortController().signal

it('an owner audits what is new, remembers what it found, and names what was changed in its store', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-self-audit-'))
  const world = new AuditWorld(dir, {miners: 3, validators: 2, tasks: 2})
  try {
    await world.run(2)
    const api = await world.api()
    let checked = 0
    const newAudit = (now: number) =>
      new SelfAudit({
        ...{store: world.store, mechanism: video, netuid: 99, verify, log: silentLogger()},
        chain: new LiveChain(world.chain, {netuid: 99, mecid: 0}),
        time: {now: () => now, sleep: async () => {}},
        published: (route) => (route === '/ranking' ? api.rankingText(signal) : api.weightsText(signal)),
        verifyAll: async (checks) => {
          checked += checks.length
          return checks.map(({message, signature, hotkey}) => verify(message, signature, hotkey))
        },
      })
    const day = 24 * 3_600_000
    const audit = newAudit(2 * day)

    expect((await audit.turn(signal)).counts).toMatchObject({error: 0, warning: 0})
    expect(checked).toBe(8)
    await world.run(1)
    const report = await audit.turn(signal)
    expect(checked).toBe(8 + 4)
    expect(AuditReport.parse(report)).toMatchObject({
      ok: true,
      ranking: {window: [1, 2, 3], winner: world.miners[0]!.hotkey},
    })
    expect(newAudit(3 * day).last()).toEqual(report)

    const row = world.store.sql.prepare<[]>('SELECT validator, miner, body FROM verdicts WHERE task_id = 1').get() as {
      validator: string
      miner: string
      body: string
    } // The columns of the statement.
    world.store.sql.prepare<[]>('DROP TRIGGER verdicts_are_never_changed').run()
    world.store.sql
      .prepare<[string, string, string]>(
        'UPDATE verdicts SET body = ? WHERE task_id = 1 AND validator = ? AND miner = ?',
      )
      .run(row.body.replace('the boat', 'the goat'), row.validator, row.miner)
    const found = await newAudit(4 * day).turn(signal)
    expect(found.findings.filter(({severity}) => severity === 'error')).toEqual([
      expect.objectContaining({
        code: 'VERDICT_UNTRUSTED',
        object: `verdict of ${row.validator} on ${row.miner} in task 1`,
        who: row.validator,
      }),
    ])
  } finally {
    await world.close()
    rmSync(dir, {recursive: true, force: true})
  }
})

it('weights that differ from the evidence, of the owner or of a validator, stand in the metrics', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-self-audit-'))
  const world = new AuditWorld(dir, {miners: 3, validators: 2, tasks: 2})
  try {
    await world.run(2)
    const api = await world.api()
    let isLying = false
    const time = {now: () => 1_767_225_600_000, sleep: async () => {}}
    const common = {store: world.store, mechanism: video, netuid: 99, verify, time, log: silentLogger()}
    const audit = new SelfAudit({
      ...common,
      chain: new LiveChain(world.chain, {netuid: 99, mecid: 0}),
      published: async (route) => {
        if (route === '/ranking') return api.rankingText(signal)
        const text = await api.weightsText(signal)
        return isLying ? text?.replace(/"winner_uid":\d+/, '"winner_uid":250') : text
      },
      verifyAll: async (checks) => checks.map(({message, signature, hotkey}) => verify(message, signature, hotkey)),
    })
    const app = buildServer({
      ...common,
      ...{scorer: world.scorer, health: new Health(), signer: owner, version: '0.0.0-test', admins: [], audit},
    })
    const metrics = async () => {
      await audit.turn(signal)
      const {body} = await app.inject('/metrics')
      return ['leoma_weights_differ', 'leoma_validators_differing'].map(
        (name) => new RegExp(`^${name} (.*)$`, 'm').exec(body)?.[1],
      )
    }

    expect((await app.inject('/metrics')).body).not.toMatch(/^leoma_weights_differ/m)
    expect(await metrics()).toEqual(['0', '0'])
    isLying = true
    world.onChain.set(2, {uids: [5], values: [65_535], lastUpdate: world.block})
    expect(await metrics()).toEqual(['1', '1'])
    isLying = false
    world.pay()
    expect(await metrics()).toEqual(['0', '0'])
    await app.close()
  } finally {
    await world.close()
    rmSync(dir, {recursive: true, force: true})
  }
})
