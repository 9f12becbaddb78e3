import {existsSync, readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {execa} from 'execa'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {sha256} from '../../src/domain/canonical.js'
import {talkingHead} from '../../src/mechanisms/talking-head/index.js'
import {TalkingHeadWorld} from '../helpers/talking-head-world.js'

const profiles = talkingHead.cast.map(({name}) => name)
const folder = path.join(import.meta.dirname, `../../node_modules/.cache/cast-${process.pid}`)
const hostFiles = ['/etc/hostname', '/etc/passwd']
let world: TalkingHeadWorld
let before: string[]
/** Everything that was looked at as somebody's answer, or as what answers are compared with. */
const measured = new Set<string>()

/** The whole cast in real containers, in one round. */
beforeAll(async () => {
  before = hostFiles.map((file) => readFileSync(file, 'utf8'))
  world = await TalkingHeadWorld.make({isolation: 'podman', profiles, folder})
  const {quality} = world
  world.quality = {
    ...{name: quality.name, version: quality.version},
    measure: (request, signal) => {
      for (const file of [request.video, request.face, request.audio]) measured.add(sha256(readFileSync(file)))
      return quality.measure(request, signal)
    },
  }
  world.start()
  world.submit(profiles)
  await world.turn()
}, 900_000)
afterAll(() => world.close())

test.each(talkingHead.cast)('$name: $about', ({name, expects}) => {
  const result = world.results().get(name)
  // A copy is not even run.
  if (expects === 'rejected:copy') return expect(result).toBeUndefined()
  const outcomes = {wins: 'scored', passes: 'scored', fails: 'failed', 'rejected:unpullable': 'unpullable'} as const

  expect(result).toMatchObject({outcome: outcomes[expects as keyof typeof outcomes]})
  if (result?.outcome === 'scored') return expect(result.isolation).toBe('podman')
  expect(result).toMatchObject({finalScore: 0, quality: 0, factor: 0})
  expect(result?.reason).toMatch(/^[\x20-\x7e]{8,300}$/)
})

test('the good one wins, and each fault costs what it should', () => {
  const scores = Object.fromEntries([...world.results()].map(([name, {finalScore}]) => [name, finalScore]))
  const score = (name: string) => scores[name] ?? Number.NaN

  expect(score('good')).toBeGreaterThan(0.6)
  for (const name of ['slow', 'memory-hungry']) {
    expect(score(name)).toBeLessThan(score('good'))
    expect(score(name)).toBeGreaterThan(score('silent'))
  }
  for (const name of ['silent', 'frozen']) expect(score(name)).toBeLessThan(score('good') / 4)
  const paid = Object.entries(scores).filter(([, value]) => value > 0)
  expect(paid.map(([name]) => name).sort()).toEqual(['frozen', 'good', 'memory-hungry', 'silent', 'slow'])
})

test('each failure is told as what it was', () => {
  const reason = (name: string) => world.results().get(name)?.reason ?? ''

  expect(reason('symlink')).toContain('no plain file')
  expect(reason('hangs')).toContain('timed out')
  expect(reason('prints')).toContain('printed-too-much')
  expect(reason('missing')).toContain('cannot be had')
  for (const name of ['network', 'writes-outside', 'forks', 'fills-disk', 'replaces-reference'])
    expect(reason(name)).toContain('ended')
  for (const name of ['writes-outside', 'replaces-reference']) expect(reason(name)).toContain('Error: EROFS')
})

test('fault 2, a link leads the host to any of its files: what it leads to is never read, let alone measured or published', () => {
  const secret = sha256(readFileSync('/etc/hostname'))
  const result = world.results().get('symlink')

  expect(result?.reason).toBe('in a warm-up run answered with something that is no plain file')
  expect(result?.challenges).toEqual([])
  expect(measured.has(world.results().get('good')?.challenges[0]?.outputSha256 ?? '')).toBe(true)
  expect(measured.has(secret)).toBe(false)
  expect(JSON.stringify(world.rounds())).not.toContain(secret)
})

test('fault 6 and 7, root inside, no quota, and everything on the host is pruned: nothing got out, nothing is left, and what was not ours is still there', async () => {
  const {stdout: containers} = await execa('podman', ['ps', '--all', '--quiet', '--filter', 'label=io.leoma.sandbox'])
  const {stdout: images} = await execa('podman', ['images', '--format', '{{.Repository}}'])

  expect(containers).toBe('')
  expect(images).toContain('localhost/leoma-head-good')
  expect(hostFiles.map((file) => readFileSync(file, 'utf8'))).toEqual(before)
  expect(existsSync('/escaped')).toBe(false)
  expect(readdirSync(path.join(folder, 'work')).filter((name) => name.startsWith('leoma-'))).toEqual([])
})
