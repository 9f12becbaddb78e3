import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {mkdir, readFile, rm, stat} from 'node:fs/promises'
import {createServer} from 'node:net'
import path from 'node:path'
import {afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi} from 'vitest'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {type OpenedSandbox, openSandbox} from '../../src/sandbox/open.js'
import type {
  Guarantee,
  ImageName,
  Isolation,
  PulledImage,
  Running,
  Sandbox,
  SandboxLimits,
} from '../../src/sandbox/port.js'
import {trySandbox} from '../../src/sandbox/trial.js'
import {tempFolder} from '../helpers/temp-folder.js'

export const never = new AbortController().signal
const probe = readFileSync(path.join(import.meta.dirname, 'sandbox-probe.mjs'), 'utf8')
const mebibyte = 1024 ** 2

export const limits: SandboxLimits = {
  memoryBytes: 512 * mebibyte,
  cpus: 1,
  pids: 96,
  outputBytes: 24 * mebibyte,
  tmpBytes: 8 * mebibyte,
  logBytes: 4 * mebibyte,
  openFiles: 1024,
  imageBytes: 2048 * mebibyte,
  gpu: false,
}

export function open(isolation: Isolation, folder: string, owner: string): Promise<OpenedSandbox> {
  return openSandbox(
    {
      ...{choice: isolation, time: systemTime(), log: silentLogger(), owner},
      env: {PATH: '/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/bin', HOME: folder},
      workDir: path.join(folder, 'work'),
      imagesDir: path.join(folder, 'images'),
    },
    never,
  )
}

/** What every adapter must do; where it declares no guarantee, that it says so. */
export function sandboxContract(isolation: Isolation): void {
  describe(`${isolation} keeps the sandbox contract`, () => {
    const root = `${import.meta.dirname}/../../node_modules/.cache/sandbox-${isolation}-${process.pid}`
    const owner = `contract${process.pid}`
    const running: Running[] = []
    let opened: OpenedSandbox
    let sandbox: Sandbox
    let name: ImageName
    let image: PulledImage
    const keeps = (guarantee: Guarantee) => sandbox.info.guarantees.includes(guarantee)

    beforeAll(async () => {
      await mkdir(root, {recursive: true})
      opened = await open(isolation, root, owner)
      sandbox = opened.sandbox
      name = await opened.images.make({name: 'leoma-probe', files: {'probe.mjs': probe}, args: ['probe.mjs']}, never)
      image = await sandbox.pull(name, limits, never)
    })
    afterEach(async () => {
      await Promise.all(running.splice(0).map((each) => each.stop()))
    })
    afterAll(async () => {
      await rm(root, {recursive: true, force: true})
    })

    async function start(trial: string, target = '', over: Partial<SandboxLimits> = {}): Promise<Running> {
      const run = await sandbox.start(image, {limits: {...limits, ...over}, env: {TRIAL: trial, TARGET: target}}, never)
      running.push(run)
      return run
    }

    async function told(run: Running): Promise<Record<string, unknown>> {
      const folder = tempFolder()
      await vi.waitFor(async () => expect(run.hasEnded || (await run.has('told.json'))).toBe(true), {
        timeout: 20_000,
        interval: 20,
      })
      if (run.hasEnded) throw new Error(`ended: ${JSON.stringify(await run.ended)}`)
      const taken = await run.take('told.json', path.join(folder, 'told'), mebibyte)
      expect(taken.ok).toBe(true)
      return JSON.parse(await readFile(path.join(folder, 'told'), 'utf8')) as Record<string, unknown> // our own probe's
    }

    it('hands over what is put in, and takes what is answered', async () => {
      const run = await start('copy')
      await run.put('task.json', Buffer.from([1, 2, 3]))
      await told(run)
      const to = path.join(tempFolder(), 'answer')

      const taken = await run.take('answer.bin', to, 100)

      expect(taken).toMatchObject({ok: true, bytes: 3, sha256: expect.stringMatching(/^[0-9a-f]{64}$/)})
      expect([...(await readFile(to))]).toEqual([3, 2, 1])
      expect((await stat(to)).mode & 0o777).toBe(0o600)
      expect(await run.has('nothing')).toBe(false)
      expect(await run.take('nothing', `${to}2`, 100)).toEqual({ok: false, reason: 'absent'})
    })

    it('says when a task appeared and an answer was done, however late it is asked and whatever the program says', async () => {
      const run = await start('ahead')
      await vi.waitFor(async () => expect(await run.has('early.bin')).toBe(true), {timeout: 20_000, interval: 20})
      const asked = Date.now()
      const appeared = await run.put('task.json', Buffer.from('{}'))
      const put = Date.now()
      await told(run)
      await systemTime().sleep(300, never)
      const late = Date.now()
      const taken = await run.take('answer.bin', path.join(tempFolder(), 'answer'), 100)

      // The clock of files ticks a few times in a hundredth of a second.
      expect(appeared).toBeGreaterThanOrEqual(asked - 20)
      expect(appeared).toBeLessThanOrEqual(put)
      expect(taken).toMatchObject({ok: true})
      const doneAt = taken.ok ? taken.doneAtMs : Number.NaN
      expect(doneAt).toBeGreaterThanOrEqual(appeared)
      expect(doneAt).toBeLessThanOrEqual(late - 250)
    })

    it('is named and labelled, and knows what it keeps', () => {
      expect(sandbox.info).toMatchObject({isolation, version: expect.stringMatching(/\d/)})
      expect(keeps('digest')).toBe(true)
      expect(image).toMatchObject({name, isNew: false, contentSha256: expect.stringMatching(/^[0-9a-f]{64}$/)})
    })

    it('keeps what it promises when it is tried out', async () => {
      const {kept, broken} = await trySandbox(opened, systemTime(), never)

      expect(broken).toEqual([])
      if (keeps('network'))
        expect(kept).toEqual(expect.arrayContaining(['network', 'files', 'input', 'privileges', 'output']))
    })

    it('runs nothing whose digest is not the one that was asked for', async () => {
      const other = '0'.repeat(64)
      const asked = {imageRef: name.imageRef.replace(name.digest, other), digest: other}

      await expect(sandbox.pull(asked, limits, never)).rejects.toMatchObject({code: 'IMAGE_UNAVAILABLE', kind: 'data'})
    })

    it('refuses an image that is larger than allowed, and leaves one that it did not bring', async () => {
      await expect(sandbox.pull(name, {imageBytes: 10}, never)).rejects.toMatchObject({code: 'IMAGE_TOO_LARGE'})
      await expect(sandbox.pull(name, limits, never)).resolves.toMatchObject({handle: image.handle})
    })

    it('tells how a program ended, with the end of what it printed as harmless text', async () => {
      const run = await start('exit')

      const ending = await run.ended

      expect(ending).toMatchObject({reason: 'exited', exitCode: 7})
      expect(ending.said).toContain('first')
      expect(ending.said).toContain('?[31mlast words?')
      expect(run.hasEnded).toBe(true)
    })

    it('takes plain files only: no link, folder, pipe, socket or file with two names', async () => {
      const secret = path.join(tempFolder(), 'secret')
      writeFileSync(secret, 'the host')
      const run = await start('odd', secret)
      await told(run)
      const folder = tempFolder()
      const take = async (file: string) => {
        const taken = await run.take(file, path.join(folder, file), 1000)
        return taken.ok ? taken.bytes : taken.reason
      }

      expect(await take('link')).toBe('not-a-file')
      expect(await take('proc')).toBe('not-a-file')
      expect(await take('folder')).toBe('not-a-file')
      expect(await take('one')).toBe('not-a-file')
      expect(await take('socket')).toBe('not-a-file')
      expect(['not-a-file', 'absent']).toContain(await take('fifo'))
      expect(await take('sparse')).toBe('too-large')
      await expect(run.take('../told.json', path.join(folder, 'x'), 1)).rejects.toThrow('plain file name')
      await expect(run.take('.hidden', path.join(folder, 'x'), 1)).rejects.toThrow('plain file name')
      await expect(run.put('a/b', Buffer.alloc(1))).rejects.toThrow('plain file name')
    })

    it('lets nothing outside be written, least of all the reference', async () => {
      const outside = path.join(tempFolder(), 'outside')
      const run = await start('write', outside)
      await run.stop()
      running.length = 0
      if (!keeps('files')) return expect(sandbox.info.guarantees).not.toContain('input')

      const again = await sandbox.start(image, {limits, env: {TRIAL: 'write', TARGET: outside}}, never)
      running.push(again)
      await again.put('reference.bin', Buffer.from('the reference'))
      const tale = await told(again)

      expect(Object.entries(tale).filter(([, how]) => how === 'done')).toEqual([])
      expect(() => readFileSync(outside)).toThrow('ENOENT')
      for (const folder of ['/', '/etc', '/usr', '/dev', '/var'])
        expect(() => readFileSync(path.join(folder, 'escaped'))).toThrow('ENOENT')
    })

    it('shows no file of this machine, no process and no variable', async () => {
      const secret = path.join(tempFolder(), 'secret')
      writeFileSync(secret, 'the host')
      vi.stubEnv('LEOMA_TEST_SECRET', 'hidden')
      onTestFinished(() => void vi.unstubAllEnvs())

      const facts = await told(await start('facts'))
      const tale = await told(await start('read', secret))

      expect(JSON.stringify(facts.env)).not.toContain('LEOMA_TEST_SECRET')
      if (!keeps('files')) return
      expect(tale.target).toBe('ENOENT')
      expect(Number(tale.processes)).toBeLessThan(5)
    })

    it('runs as nobody, without capabilities or a way to new ones', async () => {
      if (!keeps('privileges')) return expect(isolation).toMatch(/process|docker/)

      const facts = await told(await start('facts'))

      expect(facts).toMatchObject({uid: 65532, caps: '0000000000000000', newPrivileges: '1'})
      expect(facts.bounding).toBe('0000000000000000')
    })

    it('has no network, not even to this machine', async () => {
      let calls = 0
      const server = createServer(() => calls++).listen(0, '127.0.0.1')
      onTestFinished(() => void server.close())
      await vi.waitFor(() => expect(server.listening).toBe(true))
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0

      const tale = await told(await start('network', String(port)))

      if (!keeps('network')) return expect(tale.how).toBe('connected')
      expect(tale.how).not.toBe('connected')
      expect(calls).toBe(0)
    })

    it('ends a program that prints without end, and keeps the last words', async () => {
      const run = await start('print')

      const ending = await run.ended

      expect(ending.reason).toBe('printed-too-much')
      expect(ending.said.length).toBeLessThanOrEqual(4096)
    })

    it('gives no more room for output than was agreed', async () => {
      const run = await start('fill')

      if (!keeps('output')) return expect((await run.ended).reason).toBe('wrote-too-much')
      const tale = await told(run)
      expect(tale).toMatchObject({how: 'ENOSPC', written: expect.any(Number)})
      expect(Number(tale.written)).toBeLessThanOrEqual(24)
    })

    it('ends a program that takes more memory than was agreed', async () => {
      const run = await start('remember', '', {memoryBytes: 256 * mebibyte})

      const {reason, exitCode} = await run.ended

      expect(`${reason} ${exitCode}`).toMatch(/^out-of-memory|^exited 137/)
      // Podman's monitor notes it down where it was started.
      expect(existsSync('oom')).toBe(false)
    })

    it('bounds the number of processes, and leaves none of them behind', async () => {
      // Where nothing but watching bounds them, only a few: the machine is not ours alone.
      const run = await start('fork', keeps('pids') ? '400' : '3')
      const tale = await told(run)

      if (keeps('pids')) expect(Number(tale.made)).toBeLessThan(96)
      const usage = await run.usage()
      await run.stop()

      expect(usage.peakMemoryBytes ?? 0).toBeGreaterThan(10 * mebibyte)
      expect((await run.ended).reason).toBe('stopped')
      if (keeps('tree')) expect(await sleepers()).toEqual([])
    })

    it('ends one that listens to nobody', async () => {
      const run = await start('hang')
      await told(run)

      await run.stop()

      expect(run.hasEnded).toBe(true)
      expect((await run.ended).reason).toBe('stopped')
      expect(await run.take('told.json', path.join(tempFolder(), 'x'), 1000).catch(() => 'closed')).not.toMatchObject({
        ok: true,
      })
    })

    it('clears away what a process that was killed has left, and nothing of others', async () => {
      await start('hang')
      const left = running.splice(0)
      const {sandbox: stranger} = await open(isolation, root, `other${process.pid}`)
      const {sandbox: next} = await open(isolation, root, owner)

      expect(await stranger.sweep(never)).toBe(0)
      expect(await next.sweep(never)).toBe(1)

      await Promise.all(left.map((run) => run.ended))
      expect(await next.sweep(never)).toBe(0)
    })
  })
}

/** Processes on this machine that only the probe starts. */
async function sleepers(): Promise<string[]> {
  const {execa} = await import('execa')
  const {stdout} = await execa('ps', ['-eo', 'args'])
  return stdout
    .split('\n')
    .filter(
      (line) => line.includes("setInterval(() => {}, 1000)'") || /-e setInterval\(\(\) => \{\}, 1000\)$/.test(line),
    )
}
