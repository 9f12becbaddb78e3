import {Writable} from 'node:stream'
import {beforeEach, expect, test} from 'vitest'
import {type LiveRegion, LocalnetView, pointAt, rankingText} from '../../../src/cli/localnet-view.js'
import {Hotkey} from '../../../src/domain/ids.js'
import type {Progress} from '../../../src/mechanisms/types.js'
import type {LocalnetEvent, LocalnetFacts} from '../../../src/services/localnet/events.js'
import {aHotkey, aSha} from '../../helpers/video.js'

const [oracle, frozen, validator] = [aHotkey('oracle'), aHotkey('frozen'), Hotkey.parse(aHotkey('validator'))]
const facts: LocalnetFacts = {
  ...{api: 'http://127.0.0.1:8000', dataDir: '/tmp/net', isTemporary: true, rounds: 3},
  env: {NETWORK: 'localnet', NETUID: '99'},
  validators: [{name: 'validator-0', uid: 1, hotkey: validator}],
  cast: [
    {profile: 'oracle', about: '', uid: 2, hotkey: oracle},
    {profile: 'frozen', about: '', uid: 3, hotkey: frozen},
  ],
}

let written = ''
const stream = Object.assign(
  new Writable({
    write: (chunk, _, done) => {
      written += chunk
      done()
    },
  }),
  {isTTY: false, columns: 100, rows: 30},
) as unknown as NodeJS.WriteStream // the view writes to it and asks for its size

beforeEach(() => {
  written = ''
})

const service = (progress: Progress): LocalnetEvent => ({type: 'service', part: 'sampler', progress})
const round: readonly LocalnetEvent[] = [
  {type: 'ready', ...facts},
  service({event: 'round-started', taskId: 4, source: 'cup.mp4', clipStartS: 2.25, miners: 2}),
  service(answer(oracle, 'ok', null, 1)),
  service(answer(frozen, 'rejected:motion', 'nothing moves', 2)),
  service({event: 'task-published', taskId: 4, examHash: aSha('exam'), prompt: 'a cup turns', outputs: 1}),
  service({
    ...{event: 'output-judged', taskId: 4, validator, miner: oracle},
    ...{passed: true, overall: 93, done: 1, of: 1},
  }),
]

function answer(hotkey: Hotkey, outcome: 'ok' | 'rejected:motion', reason: string | null, done: number): Progress {
  const uid = hotkey === oracle ? 2 : 3
  return {event: 'miner-answered', taskId: 4, uid, hotkey, outcome, reason, latencyMs: 1234, done, of: 2}
}

test('without a terminal every event is a line, and profiles stand for addresses', () => {
  const view = new LocalnetView({stream, live: undefined})
  for (const event of round) view.show(event)
  view.show({type: 'task-settled', taskId: 4, block: 77})

  expect(written).toContain('task 4: 5 s of cup.mp4 from 2.3 s, 2 miners')
  expect(written).toContain('task 4: [2/2] frozen answered rejected:motion')
  expect(written).toContain('task 4: [1/1] validator-0 says oracle passed with 93')
  expect(written).toContain('settled at block 77')
  expect(written).toMatch(/oracle +1\.2 s {2}passed 93/)
  expect(written).toMatch(/frozen +1\.2 s {2}rejected:motion {2}nothing moves/)
  expect(written).not.toContain(oracle)
})

test('on a terminal a round is redrawn in place and stays when it has settled', () => {
  const drawn: string[] = []
  const kept: string[] = []
  const live: LiveRegion = Object.assign((text: string) => void drawn.push(text), {
    persist: (text: string) => void kept.push(text),
    clear: () => {},
  })
  const view = new LocalnetView({stream, live})
  for (const event of round) view.show(event)

  expect(drawn.at(-1)).toContain('judging: validator-0 1/1')
  expect(drawn.at(-1)).toMatch(/oracle.*passed 93/)
  expect(kept.join('\n')).not.toContain('passed 93')

  view.show({type: 'task-settled', taskId: 4, block: 77})

  expect(drawn.at(-1)).toBe('')
  expect(kept.join('\n')).toMatch(/oracle.*passed 93/)
  expect(written).toBe('')
})

test('a miner cannot move the cursor of whoever watches', () => {
  const view = new LocalnetView({stream, live: undefined})
  view.show({type: 'ready', ...facts})
  view.show(
    service({
      event: 'task-published',
      taskId: 1,
      examHash: aSha('e'),
      prompt: '\u001b[2J\u001b]0;owned\u0007',
      outputs: 0,
    }),
  )
  view.show({type: 'source-skipped', file: '\u001b[31mred.mp4', reason: 'no video in it'})

  expect(written).not.toContain('\u001b')
})

test('who set which weights and why is one line', () => {
  const view = new LocalnetView({stream, live: undefined})
  view.show({type: 'ready', ...facts})
  view.show(
    service({
      ...{event: 'weights-set', mechanism: 'video', validator, block: 80},
      uids: [2],
      values: [65_535],
      reason: 'uid 2 takes all',
    }),
  )

  expect(written).toContain('validator-0 set weights at block 80: 100 % to uid 2 (oracle) (uid 2 takes all)')
})

test('the line that points another command at the localnet can be pasted into a shell', () => {
  expect(pointAt({...facts, dataDir: "/tmp/it's here"})).toBe(
    "NETWORK=localnet LEOMA_DATA='/tmp/it'\\''s here' API_URL=http://127.0.0.1:8000 npx leoma get-rank",
  )
  const env = {NETWORK: 'ws://127.0.0.1:9944', NETUID: '2', BT_WALLET_PATH: '/tmp/net/wallets', MODELS_FILE: '/x'}
  expect(pointAt({...facts, env})).toBe(
    'NETWORK=ws://127.0.0.1:9944 NETUID=2 BT_WALLET_PATH=/tmp/net/wallets MODELS_FILE=/x LEOMA_DATA=/tmp/net ' +
      'API_URL=http://127.0.0.1:8000 npx leoma get-rank',
  )
})

test('which judge stands behind a ranking is said where one was chosen, and which providers take part', () => {
  const judge = {name: 'openai', model: 'gpt-6-luna'}
  const event = {type: 'ranking', ranking: {rows: [], summary: 'nobody leads'}, miners: [], isLast: true} as unknown
  const ranking = event as Parameters<typeof rankingText>[0] // no more of it is read here
  const outside = {objects: 's3://127.0.0.1:9000', models: 'http://127.0.0.1:8800'}
  new LocalnetView({stream, live: undefined}).show({type: 'ready', ...facts, judge, outside})

  expect(written).toMatch(/its judge: +openai, model gpt-6-luna$/m)
  expect(written).toMatch(/its objects: +s3:\/\/127\.0\.0\.1:9000$/m)
  expect(written).toMatch(/its models: +http:\/\/127\.0\.0\.1:8800$/m)
  expect(rankingText(ranking, stream, judge)).toMatch(/nobody leads\njudged by openai, model gpt-6-luna\n$/)
  expect(rankingText(ranking, stream, undefined)).toMatch(/nobody leads\n$/)
})

test('what is refused block after block is told once, and again when the reason or the weights have changed', () => {
  const view = new LocalnetView({stream, live: undefined})
  view.show({type: 'ready', ...facts})
  const refuse = (reason: string) =>
    view.show(service({event: 'weights-not-set', mechanism: 'video', validator, reason}))
  const set = (reason: string) =>
    view.show(service({event: 'weights-set', mechanism: 'video', validator, block: 9, uids: [2], values: [1], reason}))
  refuse('the chain takes the next weights in 2 blocks')
  refuse('the chain takes the next weights in one block')
  refuse('nobody is ranked')
  refuse('the chain takes the next weights in 2 blocks')
  expect(written.match(/set no weights/g)).toHaveLength(2)

  set('uid 2 takes all')
  refuse('the chain takes the next weights in 2 blocks')
  expect(written.match(/set no weights/g)).toHaveLength(3)
})

test('rounds that cannot be held are told ever more rarely', () => {
  const view = new LocalnetView({stream, live: undefined})
  view.show({type: 'ready', ...facts})
  for (let turn = 0; turn < 40; turn++) view.show(service({event: 'round-skipped', reason: 'no usable source among 0'}))
  view.show(service({event: 'round-skipped', reason: 'no valid miner'}))

  expect(written.match(/no round.*/g)).toEqual([
    'no round: no usable source among 0',
    'no round, 3 times in a row: no usable source among 0',
    'no round, 10 times in a row: no usable source among 0',
    'no round, 30 times in a row: no usable source among 0',
    'no round: no valid miner',
  ])
})
