import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {expect, onTestFinished, test} from 'vitest'
import GetRank from '../../src/commands/get-rank.js'
import {runCommand} from '../helpers/run-command.js'

const winner = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const other = '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty'

const row = (hotkey: string, rank: number | null, sentence: string) => ({
  hotkey,
  uid: rank ?? 9,
  rank,
  eligible: rank !== null,
  weight: rank === 1 ? 1 : 0,
  block: 100,
  numbers: {passRate: rank === 1 ? 0.875 : 0.5, passed: 7, evaluated: 8, charged: 6, completeness: 1},
  sentence,
})

const ranking = {
  mechanism: 'video',
  mechanismVersion: 1,
  examHash: 'a'.repeat(64),
  block: 321,
  stateHash: 'b'.repeat(64),
  window: [1, 2],
  rows: [row(winner, 1, 'wins: passed 7 of 8'), row(other, null, 'not ranked: \u001b[31mred\u001b[0m\nline')],
  decision: 'pay',
  summary: 'uid 1 takes all',
}

const json = (body: unknown) => ({status: 200, body: JSON.stringify(body)})

/** An owner's API that knows only these paths. */
async function anApi(paths: Record<string, {status: number; body: string}>): Promise<string> {
  const server = createServer((request, response) => {
    const {status, body} = paths[request.url ?? ''] ?? {status: 404, body: '{"detail":"Not Found"}'}
    response.writeHead(status, {'content-type': 'application/json', connection: 'close'}).end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => new Promise<void>((done) => server.close(() => done())))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const getRank = (url: string, ...argv: string[]) =>
  runCommand(GetRank, 'get-rank', argv, {API_URL: url, API_MAX_RETRIES: '1'})

test('prints a tab-separated table on stdout when piped, and the summary on stderr', async () => {
  const url = await anApi({'/ranking': json({ranking, view: {block: 321, neurons: [], miners: []}})})

  const {stdout, stderr, code} = await getRank(url)

  expect(code).toBe(0)
  expect(stdout.split('\n')[0]).toBe('rank\tuid\thotkey\tpass rate\tpassed\tblock\teligible\twhy')
  expect(stdout.split('\n')[1]).toBe(`1\t1\t${winner}\t87.5 %\t7/14\t100\tyes\twins: passed 7 of 8`)
  expect(stderr).toBe('uid 1 takes all\n')
})

test('text from the API cannot break out of its cell or reach the terminal as a control sequence', async () => {
  const url = await anApi({'/ranking': json({ranking, view: {block: 321, neurons: [], miners: []}})})

  const {stdout} = await getRank(url)

  expect(stdout.split('\n')).toHaveLength(4)
  expect(stdout.split('\n')[2]).toBe(`-\t9\t${other}\t50.0 %\t7/14\t100\tno\tnot ranked:  [31mred [0m line`)
})

test('--json prints one object with numbers as numbers', async () => {
  const url = await anApi({'/ranking': json({ranking, view: {block: 321, neurons: [], miners: []}})})

  const {stdout, stderr} = await getRank(url, '--json')

  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({
    api: url,
    mechanism: 'video',
    block: 321,
    summary: 'uid 1 takes all',
    ranks: [{rank: 1, uid: 1, hotkey: winner, passRate: 0.875, passed: 7, evaluated: 14, weight: 1}, {rank: null}],
  })
})

test('reads the rank list of an owner who runs the published API', async () => {
  const published = {
    miner_hotkey: winner,
    uid: 4,
    rank: 1,
    passed_count: 3,
    pass_rate: 0.75,
    block: 50,
    eligible: true,
    is_valid: true,
    invalid_reason: null,
    explain: 'leads',
  }
  const url = await anApi({'/scores/rank': json({ranks: [published]})})

  const {stdout} = await getRank(url)

  expect(stdout.split('\n')[1]).toBe(`1\t4\t${winner}\t75.0 %\t3/?\t50\tyes\tleads`)
})

test('says that there is no ranking yet, and exits 0', async () => {
  const url = await anApi({'/scores/rank': json({ranks: []})})

  const {stdout, stderr, code} = await getRank(url)

  expect({stdout, code}).toEqual({stdout: '', code: 0})
  expect(stderr).toContain('no ranking yet')
})

test('exits 6 with a hint when nobody answers', async () => {
  const {stdout, stderr, code} = await getRank('http://127.0.0.1:1')

  expect({stdout, code}).toEqual({stdout: '', code: 6})
  expect(stderr).toContain('[API_UNREACHABLE]')
  expect(stderr).toContain('try: check API_URL')
})

test('a failure has the same exit code with --json, and is one object on stdout', async () => {
  const {stdout, code} = await getRank('http://127.0.0.1:1', '--json')

  expect(code).toBe(6)
  expect(JSON.parse(stdout)).toMatchObject({
    error: {kind: 'upstream', code: 'API_UNREACHABLE', hints: expect.anything()},
  })
})

test('exits 6 when the answer is not of this protocol', async () => {
  const url = await anApi({'/ranking': {status: 200, body: '<html>'}})

  expect(await getRank(url)).toMatchObject({code: 6, stderr: expect.stringContaining('[API_ANSWER_INVALID]')})
})

test('a wrong setting exits 3, one for another role does not matter', async () => {
  const url = await anApi({'/scores/rank': json({ranks: []})})

  const wrong = await runCommand(GetRank, 'get-rank', [], {API_URL: 'ftp://nowhere', API_REQUEST_TIMEOUT: 'long'})
  const irrelevant = await runCommand(GetRank, 'get-rank', [], {API_URL: url, EPOCH_LEN: 'soon', API_PORT: 'x'})

  expect(wrong.code).toBe(3)
  expect(wrong.stderr).toContain('API_URL')
  expect(wrong.stderr).toContain('API_REQUEST_TIMEOUT')
  expect(irrelevant.code).toBe(0)
})

test('an unknown flag exits 2 and names the help', async () => {
  expect(await getRank('http://127.0.0.1:1', '--nope')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('leoma get-rank --help'),
  })
})
