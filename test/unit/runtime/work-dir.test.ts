import {access, mkdir, mkdtemp, readdir, rm} from 'node:fs/promises'
import {hostname, tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {Shutdown} from '../../../src/runtime/shutdown.js'
import {openWorkDir} from '../../../src/runtime/work-dir.js'

let root: string
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'leoma-work-'))
})
afterEach(() => rm(root, {recursive: true, force: true}))

const mine = `run-${hostname().replace(/[^A-Za-z0-9]+/g, '_')}-`

test('the folder is gone when the process has ended', async () => {
  const shutdown = new Shutdown()
  await openWorkDir(root, shutdown)
  expect(await readdir(root)).toHaveLength(1)

  await shutdown.close()

  expect(await readdir(root)).toEqual([])
})

test('two in one process do not take each other for orphans', async () => {
  const [first, second] = [new Shutdown(), new Shutdown()]
  await openWorkDir(root, first)
  await openWorkDir(root, second)

  expect(await readdir(root)).toHaveLength(2)
  await first.close()
  await second.close()
})

test('many that are opened at the same moment all keep theirs', async () => {
  const shutdowns = Array.from({length: 200}, () => new Shutdown())
  const opening: Promise<string>[] = []

  for (const shutdown of shutdowns) {
    opening.push(openWorkDir(root, shutdown))
    // One is being made while another looks around.
    await access(root)
  }
  const made = await Promise.all(opening)

  expect((await readdir(root)).sort()).toEqual(made.map((folder) => path.basename(folder)).sort())
  await Promise.all(shutdowns.map((shutdown) => shutdown.close()))
})

test('what a killed process left behind is removed; what others use is not', async () => {
  // A number that no process has; one that certainly lives; our own, from before a restart; another machine's.
  const names = [
    `${mine}999999999-a`,
    `${mine}${process.ppid}-b`,
    `${mine}${process.pid}-c`,
    'run-elsewhere-999999999-d',
    'hidden',
  ]
  for (const name of names) await mkdir(path.join(root, name))
  const shutdown = new Shutdown()

  await openWorkDir(root, shutdown)
  await shutdown.close()

  expect((await readdir(root)).sort()).toEqual(
    [`${mine}${process.ppid}-b`, 'run-elsewhere-999999999-d', 'hidden'].sort(),
  )
})
