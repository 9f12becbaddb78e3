import {existsSync} from 'node:fs'
import path from 'node:path'
import {beforeAll, expect, test} from 'vitest'
import {ensureBuilt, run, start} from '../helpers/program.js'
import {tempFolder} from '../helpers/temp-folder.js'

beforeAll(ensureBuilt)

const small = [
  'localnet',
  '--miners',
  'oracle,frozen,copycat',
  '--validators',
  '1',
  '--block-time',
  '250',
  '--port',
  '0',
]

test('--rounds with --json ends by itself and prints one object', async () => {
  const {code, stdout, stderr} = await run([...small, '--rounds', '1', '--json'])

  expect({code, stderr: code === 0 ? '' : stderr}).toEqual({code: 0, stderr: ''})
  const result = JSON.parse(stdout)
  const [oracle, frozen, copycat] = result.miners
  expect(result).toEqual({
    rounds: 1,
    tasks: [
      {
        taskId: 1,
        source: expect.stringMatching(/\.mp4$/),
        clipStart: expect.any(Number),
        prompt: expect.any(String),
        examHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ],
    miners: [
      {
        ...{uid: oracle.uid, hotkey: oracle.hotkey, profile: 'oracle', isValid: true, invalidReason: null},
        ...{evaluated: 1, passed: 1, passRate: 1, rank: 1, outcomes: {ok: 1}},
      },
      {
        ...{uid: frozen.uid, hotkey: frozen.hotkey, profile: 'frozen', isValid: true, invalidReason: null},
        ...{evaluated: 1, passed: 0, passRate: 0, rank: null, outcomes: {'rejected:motion': 1}},
      },
      {
        ...{uid: copycat.uid, hotkey: copycat.hotkey, profile: 'copycat', isValid: false},
        ...{invalidReason: `duplicate_model:earliest_uid=${oracle.uid}`, evaluated: 0, passed: 0, passRate: 0},
        ...{rank: null, outcomes: {}},
      },
    ],
    winner: {uid: oracle.uid, hotkey: oracle.hotkey, profile: 'oracle'},
    weights: {block: expect.any(Number), uids: [oracle.uid], values: [65_535]},
    api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
  })
})

test('while it runs, other commands can ask it; Ctrl-C ends it with 0 and leaves only the folder it was given', async () => {
  const dataDir = path.join(tempFolder(), 'net')
  const program = start([...small, '--data', dataDir])
  await program.sees('set weights at block')
  await program.sees('(oracle)')
  const api = /API_URL=(\S+)/.exec(program.said.stderr)?.[1] ?? ''

  const asked = await run(['get-rank', '--json'], {env: {NETWORK: 'localnet', LEOMA_DATA: dataDir, API_URL: api}})
  program.child.kill('SIGINT')

  expect(asked.code).toBe(0)
  expect(JSON.parse(asked.stdout).ranks[0]).toMatchObject({rank: 1, weight: 1})
  expect(await program.ended).toBe(0)
  expect(program.said.stdout).toContain('oracle')
  expect(existsSync(path.join(dataDir, 'chain.db'))).toBe(true)
  expect(existsSync(path.join(dataDir, 'work', 'rendered'))).toBe(false)
})
