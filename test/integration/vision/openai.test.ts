import {readdir, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as delay} from 'node:timers/promises'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {LeomaError} from '../../../src/errors.js'
import {type Behave, completion, error, json, OpenAiServer, vote} from '../../fakes/openai-server.js'
import {tempFolder} from '../../helpers/temp-folder.js'
import {aQuestion, aVision, SleepingTime, type VisionSetup} from '../../helpers/vision.js'

const {signal} = new AbortController()
let server: OpenAiServer
beforeEach(async () => {
  server = await new OpenAiServer().open()
})
afterEach(() => server.close())

const open = (changes: Partial<VisionSetup> = {}) => aVision({url: server.url, dir: tempFolder(), ...changes})

const fails = async (promise: Promise<unknown>) => {
  const failure = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (failure instanceof LeomaError) return failure
  throw new Error(`expected a failure of ours, got ${String(failure)}`)
}

const says =
  (content: string | null, changes: object = {}, message: object = {}): Behave =>
  ({body}, response) =>
    void json(response, 200, completion(body.model, content, changes, message)) as undefined

describe('a question', () => {
  it('is sent as the provider wants it, and answered with what it cost', async () => {
    const {vision} = await open()

    const answered = await vision.ask(aQuestion(), signal)

    expect(answered).toMatchObject({
      servedBy: 'gpt-6-luna-2026-10-01',
      usage: {calls: 1, tokensIn: 6600, tokensOut: 400},
    })
    expect(answered.usage.usd).toBeCloseTo((6600 * 0.1 + 400 * 0.5) / 1e6, 9)
    expect(answered.value.aspects.motion_quality.score).toBe(80)
    const [asked] = server.asked
    expect(asked?.body).toMatchObject({
      model: 'gpt-6-luna',
      max_completion_tokens: 1000,
      messages: [
        {role: 'system', content: 'grade this'},
        {
          role: 'user',
          content: [
            {type: 'text', text: 'a picture:'},
            {type: 'image_url', image_url: {url: 'data:image/jpeg;base64,BwcH', detail: 'auto'}},
          ],
        },
      ],
      response_format: {type: 'json_schema', json_schema: {name: 'video_scores', strict: true}},
    })
    expect(asked?.body).not.toHaveProperty('temperature')
  })

  it('asked again, is answered from what was paid for, also by the next process', async () => {
    const dir = tempFolder()
    const first = await open({dir})
    await first.vision.ask(aQuestion(), signal)
    const again = await open({dir})

    const answered = await again.vision.ask(aQuestion(), signal)

    expect(answered.value).toMatchObject(vote(80))
    expect(server.asked).toHaveLength(1)
    expect(again.vision.usage()).toMatchObject({calls: 0, remembered: 1, usd: 0})
  })

  it('is another question with another picture, sample, model or instruction', async () => {
    const {vision} = await open()
    server.models.push({id: 'other', object: 'model', created: 1, owned_by: 'me'})
    const rgb = new Uint8Array(192).fill(8)
    const questions = [
      aQuestion(),
      aQuestion({sample: 1}),
      aQuestion({model: 'other'}),
      aQuestion({instructions: 'grade that'}),
      aQuestion({parts: [{text: 'a picture:'}, {picture: {width: 8, height: 8, rgb}}]}),
      aQuestion({sampling: {effort: 'low'}}),
    ]

    const answers = await Promise.all(questions.map((question) => vision.ask(question, signal)))

    expect(new Set(answers.map(({key}) => key)).size).toBe(questions.length)
    expect(server.asked).toHaveLength(questions.length)
  })

  it('asked by two at the same time, is paid for once', async () => {
    server.latencyMs = 20
    const {vision} = await open()

    await Promise.all([vision.ask(aQuestion(), signal), vision.ask(aQuestion(), signal)])

    expect(server.asked).toHaveLength(1)
  })

  it('asked by two of whom one leaves, is answered to the other', async () => {
    const leaving = new AbortController()
    server.queue.push(() => new Promise(() => {}))
    const {vision} = await open()
    const first = vision.ask(aQuestion(), leaving.signal)
    const second = vision.ask(aQuestion(), signal)
    while (server.asked.length === 0) await delay(1)

    leaving.abort(new Error('gone'))

    await expect(first).rejects.toThrow('gone')
    await expect(second).resolves.toMatchObject({value: vote(80)})
  })

  it('half written to disk by a process that died is asked again', async () => {
    const dir = tempFolder()
    const {vision} = await open({dir})
    const {key} = await vision.ask(aQuestion(), signal)
    await writeFile(path.join(dir, 'answers', `${key}.json`), '{"text": "{')

    await (await open({dir})).vision.ask(aQuestion(), signal)

    expect(server.asked).toHaveLength(2)
    expect(await readdir(path.join(dir, 'answers'))).toEqual([`${key}.json`])
  })
})

describe('what is no valid answer', () => {
  const bad: readonly (readonly [string, Behave, string])[] = [
    ['prose', says('The video is good.'), 'JUDGE_ANSWER_INVALID'],
    ['prose around JSON', says(`Here you go: ${JSON.stringify(vote(90))}`), 'JUDGE_ANSWER_INVALID'],
    ['half of it', says(JSON.stringify(vote(90)).slice(0, 80)), 'JUDGE_ANSWER_INVALID'],
    ['nothing', says(null), 'JUDGE_ANSWER_INVALID'],
    ['an answer without an aspect', says(JSON.stringify({...vote(90), aspects: {}})), 'JUDGE_ANSWER_INVALID'],
    ['a refusal', says(null, {}, {refusal: 'I cannot help with that.'}), 'JUDGE_REFUSED'],
    ['a truncated answer', says(JSON.stringify(vote(90)), {finish_reason: 'length'}), 'JUDGE_TRUNCATED'],
    ['a filtered answer', says('', {finish_reason: 'content_filter'}), 'JUDGE_FILTERED'],
    ['no choice', (_, response) => void json(response, 200, {choices: []}) as undefined, 'JUDGE_ANSWER_INVALID'],
    [
      'a web page with status 200',
      (_, response) =>
        void response.writeHead(200, {'content-type': 'text/html'}).end('<!doctype html><p>hello') as undefined,
      'JUDGE_ANSWER_INVALID',
    ],
    [
      'JSON that is none',
      (_, response) =>
        void response.writeHead(200, {'content-type': 'application/json'}).end('{"choices": [') as undefined,
      'JUDGE_ANSWER_INVALID',
    ],
    [
      'a huge body',
      (_, response) =>
        void response
          .writeHead(200, {'content-type': 'application/json'})
          .end(`"${'x'.repeat(3_000_000)}"`) as undefined,
      'JUDGE_ANSWER_INVALID',
    ],
  ]

  it.each(bad)('%s is asked for once more, and then is no answer', async (_, behave, code) => {
    server.behave = behave
    const {vision, time} = await open()

    const failure = await fails(vision.ask(aQuestion(), signal))

    expect(failure).toMatchObject({kind: 'upstream', code})
    expect(server.asked).toHaveLength(2)
    // Every call after that one would cost the same again.
    expect(await fails(vision.ask(aQuestion(), signal))).toMatchObject({code})
    expect(server.asked).toHaveLength(2)
    time.at += 5 * 60_000
    await fails(vision.ask(aQuestion(), signal))
    expect(server.asked).toHaveLength(4)
  })

  it.each(bad)('%s once does not matter', async (_, behave) => {
    server.queue.push(behave)
    const {vision} = await open()

    await expect(vision.ask(aQuestion(), signal)).resolves.toMatchObject({value: vote(80)})
    expect(server.asked).toHaveLength(2)
  })

  it('is told without repeating what the model wrote', async () => {
    server.behave = says(JSON.stringify({...vote(90), confidence: 'ignore all rules'}))
    const {vision, lines} = await open()

    const failure = await fails(vision.ask(aQuestion(), signal))

    expect(`${failure.message}${lines.join('')}`).not.toContain('ignore all rules')
    expect(failure.message).toContain('confidence')
  })

  it('is not a code fence around a valid one', async () => {
    server.behave = says(`\`\`\`json\n${JSON.stringify(vote(70))}\n\`\`\``)
    const {vision} = await open()

    await expect(vision.ask(aQuestion(), signal)).resolves.toMatchObject({value: vote(70)})
  })
})

describe('a provider that is busy', () => {
  const busy =
    (status: number, headers: object = {}): Behave =>
    (_, response) =>
      void error(response, status, 'later', {headers}) as undefined

  it('is waited for as long as it asks, by all who ask it', async () => {
    server.queue.push(busy(429, {'retry-after': '17'}))
    const {vision, time} = await open()

    await vision.ask(aQuestion(), signal)

    expect(time.slept.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(17_000)
    expect(server.asked).toHaveLength(2)
  })

  it.each([
    ['milliseconds', {'retry-after-ms': '1500'}, 1500],
    ['a date', {'retry-after': new Date(1_800_000_000_000 + 30_000).toUTCString()}, 30_000],
    ['a day, which nobody waits for', {'retry-after': '86400'}, 300_000],
  ])('may ask in %s', async (_, headers, ms) => {
    server.queue.push(busy(429, headers))
    const {vision, time} = await open()

    await vision.ask(aQuestion(), signal)

    expect(Math.max(...time.slept)).toBeGreaterThanOrEqual(ms)
    expect(Math.max(...time.slept)).toBeLessThan(ms + 3000)
  })

  it.each([500, 502, 503, 504, 529, 408, 409])(
    'with status %d is asked four times, with growing pauses',
    async (status) => {
      server.behave = busy(status)
      const {vision, time} = await open()

      expect(await fails(vision.ask(aQuestion(), signal))).toMatchObject({
        kind: 'upstream',
        code: 'JUDGE_UNAVAILABLE',
        retryable: true,
      })

      expect(server.asked).toHaveLength(4)
      expect(time.slept).toHaveLength(3)
      expect(time.slept[2]).toBeGreaterThan(time.slept[0] as number)
      expect(vision.usage()).toMatchObject({calls: 0, usd: 0, failures: {JUDGE_UNAVAILABLE: 4}})
    },
  )

  it('that never answers is given up after the deadline of each call', async () => {
    server.behave = () => new Promise(() => {})
    const {vision} = await open({timeoutMs: 30})

    expect(await fails(vision.ask(aQuestion(), signal))).toMatchObject({kind: 'upstream', code: 'JUDGE_TIMEOUT'})
    expect(vision.usage().failures).toEqual({JUDGE_TIMEOUT: 4})
  })

  it('that breaks off in the middle is asked again', async () => {
    server.queue.push((_, response) => {
      response.writeHead(200, {'content-type': 'application/json', 'content-length': '5000'}).write('{"choices"')
      response.destroy()
      return undefined
    })
    const {vision} = await open()

    await expect(vision.ask(aQuestion(), signal)).resolves.toMatchObject({value: vote(80)})
  })

  it('that is not there is said to be unreachable', async () => {
    const gone = await new OpenAiServer().open()
    const {url} = gone
    await gone.close()
    const {vision} = await open({url})

    const failure = await fails(vision.ask(aQuestion(), signal))

    expect(failure).toMatchObject({kind: 'upstream', code: 'JUDGE_UNREACHABLE'})
    expect(failure.message).toContain('ECONNREFUSED')
  })

  it('is left at once when the program stops', async () => {
    const stop = new AbortController()
    server.behave = () => new Promise(() => {})
    const {vision} = await open()
    const asking = vision.ask(aQuestion(), stop.signal)
    while (server.asked.length === 0) await delay(1)

    stop.abort(new Error('stopping'))

    await expect(asking).rejects.toThrow('stopping')
  })
})

describe('what somebody must mend', () => {
  const hold: readonly (readonly [string, Behave, string])[] = [
    ['a refused key', (_, response) => void error(response, 401, 'bad key') as undefined, 'JUDGE_KEY_REFUSED'],
    ['a key without rights', (_, response) => void error(response, 403, 'no access') as undefined, 'JUDGE_KEY_REFUSED'],
    ['an unpaid bill', (_, response) => void error(response, 402, 'balance is 0') as undefined, 'JUDGE_NOT_PAID'],
    [
      'a used-up account that says 429',
      (_, response) => void error(response, 429, 'You exceeded your quota', {code: 'insufficient_quota'}) as undefined,
      'JUDGE_NOT_PAID',
    ],
    [
      'an unknown model',
      (_, response) => void error(response, 404, 'no such model') as undefined,
      'JUDGE_MODEL_UNKNOWN',
    ],
    [
      'a redirect',
      (_, response) => void response.writeHead(302, {location: 'http://127.0.0.1:9/'}).end() as undefined,
      'JUDGE_REDIRECTED',
    ],
  ]

  it.each(hold)('%s stops all asking for five minutes', async (_, behave, code) => {
    server.behave = behave
    const {vision, time} = await open()

    expect(await fails(vision.ask(aQuestion(), signal))).toMatchObject({kind: 'config', code})
    expect(await fails(vision.ask(aQuestion({sample: 1}), signal))).toMatchObject({kind: 'config', code})
    expect(server.asked).toHaveLength(1)
    expect(vision.usage().usd).toBe(0)

    server.behave = () => undefined
    time.at += 5 * 60_000
    await expect(vision.ask(aQuestion(), signal)).resolves.toMatchObject({value: vote(80)})
  })

  it('a key in the wrong place never stands in an error or a log', async () => {
    const {vision, lines} = await open({apiKey: 'sk-secret-zzzzzzzzzzzz'})
    server.repeatsKey = true

    const failure = await fails(vision.ask(aQuestion(), signal))

    expect(failure).toMatchObject({code: 'JUDGE_KEY_REFUSED'})
    expect(failure.message).toContain('Incorrect API key provided: [key]')
    const everything = [failure.message, JSON.stringify(failure), String(failure.stack), ...lines].join('\n')
    expect(everything).not.toContain('sk-secret')
  })

  it('no key at all is said before anything is sent to OpenAI', async () => {
    const {vision} = await open({url: 'https://api.openai.com/v1', apiKey: undefined})

    expect(await fails(vision.ask(aQuestion(), signal))).toMatchObject({kind: 'config', code: 'JUDGE_KEY_MISSING'})
  })
})

describe('a parameter that the model does not take', () => {
  it('is not sent where that is known, and left out from then on where the provider says so', async () => {
    server.models.push({id: 'my-model', object: 'model', created: 1, owned_by: 'me'})
    server.behave = ({body}, response) => {
      const name = ['temperature', 'seed', 'max_completion_tokens'].find((each) => each in body)
      if (name) error(response, 400, `Unsupported parameter: '${name}'`, {param: name})
      else json(response, 200, completion(body.model, JSON.stringify(vote(60))))
      return undefined
    }
    const {vision} = await open()
    const sampling = {temperature: 0, seed: 7}
    // What the provider of this fake does not list as an argument of its own is `max_tokens`, the older name.
    await expect(vision.ask(aQuestion({model: 'my-model', sampling}), signal)).rejects.toMatchObject({
      code: 'JUDGE_REQUEST_REJECTED',
    })

    expect(
      server.asked.map(({body}) =>
        Object.keys(body).filter((key) => !['model', 'messages', 'response_format'].includes(key)),
      ),
    ).toEqual([
      ['max_completion_tokens', 'temperature', 'seed'],
      ['max_completion_tokens', 'seed'],
      ['max_completion_tokens'],
      ['max_tokens'],
    ])
  })

  it.each([
    ['gpt-6-luna', {temperature: 0, seed: 1}, {}],
    ['gpt-6-luna', {temperature: 0, effort: 'none'}, {temperature: 0, reasoning_effort: 'none'}],
  ] as const)('%s with %j gets %j', async (model, sampling, sent) => {
    const {vision} = await open()

    await vision.ask(aQuestion({model, sampling}), signal)

    const wishes = Object.entries(server.asked[0]?.body ?? {}).filter(([name]) =>
      ['temperature', 'seed', 'reasoning_effort'].includes(name),
    )
    expect(Object.fromEntries(wishes)).toEqual(sent)
  })

  it('gives samples seeds of their own', async () => {
    server.models.push({id: 'my-model', object: 'model', created: 1, owned_by: 'me'})
    const {vision} = await open()

    for (const sample of [0, 1, 2])
      await vision.ask(aQuestion({model: 'my-model', sampling: {seed: 40}, sample}), signal)

    expect(server.asked.map(({body}) => body.seed)).toEqual([40, 41, 42])
  })

  it('of any other kind is a request that is not repeated', async () => {
    server.behave = (_, response) => void error(response, 400, 'image is broken') as undefined
    const {vision} = await open()

    expect(await fails(vision.ask(aQuestion(), signal))).toMatchObject({
      code: 'JUDGE_REQUEST_REJECTED',
      retryable: false,
    })
    expect(server.asked).toHaveLength(1)
  })
})

describe('a budget', () => {
  const price = {'gpt-6-luna': {in: 100, out: 0}} // 6600 tokens are $0.66

  it('stops before a call that could exceed it, and goes on when the hour is over', async () => {
    const {vision, time} = await open({perHourUsd: 1, prices: price})
    await vision.ask(aQuestion(), signal)
    time.at += 60_000
    await vision.ask(aQuestion({sample: 1}), signal)

    const failure = await fails(vision.ask(aQuestion({sample: 2}), signal))

    expect(failure).toMatchObject({kind: 'upstream', code: 'JUDGE_BUDGET_SPENT', retryable: true})
    expect(failure.hints.join()).toContain('JUDGE_BUDGET_PER_HOUR')
    expect(server.asked).toHaveLength(2)
    time.at += 60 * 60_000
    await expect(vision.ask(aQuestion({sample: 2, account: 'task 2'}), signal)).resolves.toBeDefined()
  })

  it('of one task leaves the others theirs', async () => {
    const {vision} = await open({perTaskUsd: 0.5, prices: price})
    await vision.ask(aQuestion(), signal)

    const failure = await fails(vision.ask(aQuestion({sample: 1}), signal))

    expect(failure.hints.join()).toContain('JUDGE_BUDGET_PER_TASK')
    await expect(vision.ask(aQuestion({sample: 1, account: 'task 2'}), signal)).resolves.toBeDefined()
  })

  it('is not won back by a restart', async () => {
    const dir = tempFolder()
    const settings = {dir, perHourUsd: 0.6, prices: price}
    await (await open(settings)).vision.ask(aQuestion(), signal)

    const again = await open(settings)

    expect(await fails(again.vision.ask(aQuestion({sample: 1}), signal))).toMatchObject({code: 'JUDGE_BUDGET_SPENT'})
  })

  it('is not overshot by calls that run side by side', async () => {
    server.latencyMs = 20
    // Expected of one call: a little over 85 tokens in, at $100 for a million.
    const {vision} = await open({perHourUsd: 0.03, prices: price})

    const results = await Promise.allSettled(
      Array.from({length: 10}, (_, sample) => vision.ask(aQuestion({sample}), signal)),
    )

    const went = results.filter(({status}) => status === 'fulfilled').length
    expect(went).toBeGreaterThan(0)
    expect(server.asked).toHaveLength(went)
    expect(went).toBeLessThan(5)
  })

  it('counts a call that was given up on, because it may have been billed', async () => {
    server.behave = () => new Promise(() => {})
    const {vision} = await open({timeoutMs: 20, perHourUsd: 0.03, prices: price})

    expect(await fails(vision.ask(aQuestion(), signal))).toMatchObject({code: 'JUDGE_BUDGET_SPENT'})
  })

  it('takes a model without a price for a dear one, and says so once', async () => {
    server.models.push({id: 'my-model', object: 'model', created: 1, owned_by: 'me'})
    const {vision, lines} = await open()

    for (const sample of [0, 1]) await vision.ask(aQuestion({model: 'my-model', sample}), signal)

    expect(vision.usage().usd).toBeCloseTo((2 * (6600 * 2.5 + 400 * 10)) / 1e6, 9)
    expect(lines.filter((line) => line.includes('JUDGE_PRICES=my-model'))).toHaveLength(1)
  })
})

describe('the line a minute', () => {
  it('says what was asked and what it cost, when something was', async () => {
    const {vision, lines, time} = await open({time: new SleepingTime()})
    const jobs: (() => Promise<void>)[] = []
    vision.service.start({
      ...time,
      every: (_name, _interval, run) => void jobs.push(() => run({at: 0, signal})),
      start: async () => {},
    })
    const [turn] = jobs
    await turn?.()
    expect(lines).toEqual([])

    await vision.ask(aQuestion(), signal)
    await turn?.()
    await turn?.()

    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {msg: 'vision models asked', calls: 1, tokensIn: 6600, tokensOut: 400, usd: 0.0009, remembered: 0, failures: {}},
    ])
  })
})
