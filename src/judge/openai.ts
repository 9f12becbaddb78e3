import type {z} from 'zod'
import {plainLine} from '../domain/plain-line.js'
import {LeomaError} from '../errors.js'
import type {Media, View} from '../media/port.js'
import {type Answered, type Part, type Picture, picturesOf, type VisionModel} from '../vision/port.js'
import {type Ballot, ballotOf, PairAnswer, pairBallotOf, points, VoteAnswer} from './openai-answer.js'
import {type Look, Looks, viewOf} from './openai-looks.js'
import {OpenAiJudgeOptions, openAiJudgeDefaults} from './openai-options.js'
import {instructions, pairInstructions, pairParts, singleParts} from './openai-prompt.js'
import {median, type Outcome, slackOf, spokesman, tally} from './openai-votes.js'
import {aspects, type Criteria, type Judge, type JudgeReport, type JudgeRequest} from './port.js'

export interface OpenAiJudgeDeps {
  readonly vision: VisionModel
  readonly media: Pick<Media, 'decode'>
}

/** A ballot and the answer that it was read from. */
interface Cast extends Ballot {
  readonly answered: Answered<unknown>
}

interface Sight {
  readonly request: JudgeRequest
  readonly options: OpenAiJudgeOptions
  readonly firstFrame: Picture | undefined
  readonly frames: readonly Picture[]
}

const voteAnswer = {name: 'video_scores', schema: VoteAnswer, instructions}
const pairAnswer = {name: 'two_videos_scores', schema: PairAnswer, instructions: pairInstructions}

/** Calls wait for the provider, not for a processor. */
const concurrency = 24

/**
 * Shows frames of the whole video to a vision model and takes its six scores, each the median of an odd number of
 * votes. The model's own idea of an overall is never asked for.
 */
export class OpenAiJudge implements Judge {
  readonly name = 'openai'
  readonly version = 1
  readonly options = OpenAiJudgeOptions
  readonly defaults = openAiJudgeDefaults
  readonly concurrency = concurrency
  readonly #vision: VisionModel
  readonly #looks: Looks

  constructor({vision, media}: OpenAiJudgeDeps) {
    this.#vision = vision
    this.#looks = new Looks(media)
  }

  needsClip(options: unknown): boolean {
    return OpenAiJudgeOptions.safeParse(options).data?.pairwise !== null
  }

  /** None under options that `score` would refuse. */
  views(request: Pick<JudgeRequest, 'width' | 'height' | 'options'>): readonly View[] {
    const options = OpenAiJudgeOptions.safeParse(request.options).data
    return options ? [viewOf(lookOf(request, options))] : []
  }

  async score(request: JudgeRequest, signal: AbortSignal): Promise<JudgeReport> {
    const options = this.#read(request)
    const [seen] = request.seen ?? []
    const [frames, firstFrame] = await Promise.all([
      seen ? picturesOf(seen) : this.#looks.take(request.output, lookOf(request, options), signal),
      this.#lookAtFirstFrame(request, options, signal),
    ])
    const sight = {request, options, firstFrame, frames}
    const ballots = await this.#vote(sight, 0, options.votes, signal)
    const more = await this.#recheck(sight, tally(ballots), signal)
    return reportOf([...ballots, ...more], options)
  }

  #read({options}: JudgeRequest): OpenAiJudgeOptions {
    const parsed = OpenAiJudgeOptions.safeParse(options)
    if (parsed.success) return parsed.data
    throw new LeomaError('config', 'EXAM_UNSUPPORTED', 'the exam has no valid options for judge openai', {
      hints: ['upgrade leoma'],
    })
  }

  async #lookAtFirstFrame(request: JudgeRequest, options: OpenAiJudgeOptions, signal: AbortSignal) {
    const {firstFrame} = request
    if (firstFrame === undefined) return undefined
    const look = {...lookOf(request, options), count: 1}
    return (await ownFault('conditioning frame', signal, () => this.#looks.takeShared(firstFrame, look, signal)))[0]
  }

  /** Votes `from` up to `to`, side by side. All are waited for, because all are paid for. */
  async #vote(sight: Sight, from: number, to: number, signal: AbortSignal): Promise<Cast[]> {
    const {request, firstFrame, frames} = sight
    const parts = singleParts({prompt: request.prompt, firstFrame, frames})
    const samples = Array.from({length: to - from}, (_, at) => from + at)
    return all(
      samples.map(async (sample) => {
        const answered = await this.#ask(sight, voteAnswer, parts, sample, signal)
        return {...ballotOf(answered.value), answered}
      }),
    )
  }

  /** Money goes where a verdict could turn: clear cases are left at their first votes. */
  async #recheck(sight: Sight, first: Outcome, signal: AbortSignal): Promise<Cast[]> {
    const {recheck, pairwise, votes} = sight.options
    if (!recheck && !pairwise) return []
    const slack = Math.abs(slackOf(first.scores, criteriaOf(sight.request)))
    const [more, compared] = await all([
      recheck && slack <= recheck.margin ? this.#vote(sight, votes, recheck.votes, signal) : [],
      pairwise && slack <= pairwise.margin ? this.#compare(sight, signal) : [],
    ])
    return [...(more ?? []), ...(compared ?? [])]
  }

  /** In both orders, because models favour a place; the two votes keep the number of votes odd. */
  async #compare(sight: Sight, signal: AbortSignal): Promise<Cast[]> {
    const {request, options, firstFrame, frames} = sight
    const original = await ownFault('original clip', signal, () =>
      this.#looks.takeShared(request.clip, lookOf(request, options), signal),
    )
    const ask = async (output: 'a' | 'b'): Promise<Cast> => {
      const [first, second] = output === 'a' ? [frames, original] : [original, frames]
      const parts = pairParts(request.prompt, firstFrame, first, second)
      const answered = await this.#ask(sight, pairAnswer, parts, 0, signal)
      return {...pairBallotOf(answered.value, output), answered}
    }
    return all([ask('a'), ask('b')])
  }

  #ask<T>(
    {request, options}: Sight,
    {instructions, ...answer}: {name: string; schema: z.ZodType<T>; instructions: string},
    parts: readonly Part[],
    sample: number,
    signal: AbortSignal,
  ): Promise<Answered<T>> {
    const {model, detail, maxTokens, temperature, seed, effort} = options
    return this.#vision.ask(
      {
        ...{model, instructions, parts, detail, answer, maxTokens, sample},
        sampling: {
          temperature: temperature ?? undefined,
          seed: seed ?? undefined,
          effort: effort ?? undefined,
        },
        account: `task ${request.task ?? 'none'}`,
      },
      signal,
    )
  }
}

function lookOf({width, height}: Pick<JudgeRequest, 'width' | 'height'>, {frames}: OpenAiJudgeOptions): Look {
  return {width, height, ...frames}
}

function criteriaOf({criteria}: JudgeRequest): Criteria {
  if (criteria) return criteria
  throw new LeomaError('bug', 'CRITERIA_MISSING', 'a judge that looks again must know what passing means')
}

/** What only the owner can have spoilt is no verdict on the miner. */
async function ownFault<T>(what: string, signal: AbortSignal, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    signal.throwIfAborted()
    throw new LeomaError('upstream', 'JUDGE_FAILED', `the ${what} of this task cannot be read`, {cause: error})
  }
}

/** Waits for all, then throws the first failure: what the others were paid for is remembered by then. */
async function all<T>(works: readonly (T | Promise<T>)[]): Promise<T[]> {
  const results = await Promise.allSettled(works)
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

function reportOf(ballots: readonly Cast[], {model}: OpenAiJudgeOptions): JudgeReport {
  const outcome = tally(ballots)
  const speaker = ballots[spokesman(ballots, outcome)]
  const {words} = speaker ?? {}
  const lines = (texts: readonly string[] = []) =>
    texts
      .map((text) => plainLine(text, 200))
      .filter((text) => text !== '')
      .slice(0, 20)
  const attack = 'the video holds text or signs that speak to its judge'
  const seen = aspects.map((aspect) => `${outcome.scores[aspect]} ${aspect}: ${words?.aspects[aspect].seen ?? ''}`)
  const by = `${speaker?.answered.servedBy || model}, ${ballots.length === 1 ? '1 vote' : `${ballots.length} votes`}`
  const mark = `(${by}, question ${speaker?.answered.key.slice(0, 16)})`
  const told = plainLine([...(outcome.isAttack ? [attack] : []), ...seen].join('; '), 1800)
  return {
    aspects: outcome.scores,
    confidence: median(ballots.map(({words: said}) => points(said?.confidence ?? words?.confidence ?? 0))),
    reasoning: `${told} ${mark}`,
    strengths: lines(words?.strengths),
    issues: lines([...(outcome.isAttack ? [attack] : []), ...(words?.issues ?? [])]),
    measurements: measurementsOf(ballots, outcome),
  }
}

function measurementsOf(ballots: readonly Cast[], {spread}: Outcome): Record<string, number> {
  const usage = ballots.map(({answered}) => answered.usage)
  const total = (read: (each: (typeof usage)[number]) => number) => usage.reduce((sum, each) => sum + read(each), 0)
  return {
    votes: ballots.length,
    comparisons: ballots.filter(({words}) => words === undefined).length,
    spread_points: spread,
    tokens_in: total(({tokensIn}) => tokensIn),
    tokens_out: total(({tokensOut}) => tokensOut),
    cost_usd: total(({usd}) => usd),
    latency_ms: Math.max(...usage.map(({latencyMs}) => latencyMs)),
  }
}
