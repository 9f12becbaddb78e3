import {hashOf} from '../../src/domain/canonical.js'
import type {Exam} from '../../src/domain/exam.js'
import type {SubnetView} from '../../src/domain/subnet.js'
import type {SettledTask} from '../../src/domain/verdict.js'
import {mechanism} from '../../src/mechanisms/registry.js'
import {type Corpus, chooseClip, choosingBlock} from '../../src/mechanisms/video/choose.js'
import {defaults, dominanceDefaults, type VideoParams} from '../../src/mechanisms/video/params.js'
import {markDuplicates} from '../../src/services/duplicates.js'
import {validationDefaults} from '../../src/services/miner-validation.js'
import type {StoredMiner} from '../../src/store/miners.js'
import {aHotkey, aSettledTask, aSha, aView, type TaskSetup} from '../helpers/video.js'
import type {Attack} from './attack.js'

type Ranking = VideoParams['ranking']
type Overrides = Readonly<Record<string, Partial<SubnetView['miners'][number]>>>

/** The published comparison without a margin: whoever is level and later wins. */
const noMargin: Partial<Ranking> = {...dominanceDefaults['dominance-1'], dominance: 0}
const published: Partial<Ranking> = dominanceDefaults['dominance-1']

/** Weight of a miner after the tasks, 0..1; `changes` replace parts of the shipped exam. */
function weightOf(
  who: string,
  tasks: readonly SettledTask[],
  names: readonly string[],
  changes: Partial<Ranking> = {},
  overrides: Overrides = {},
): number {
  const ranking = 'rule' in changes ? {...withoutRule(defaults.ranking), ...changes} : {...defaults.ranking, ...changes}
  const exam: Exam = {
    ...{version: 1, mechanism: 'video', mechanismVersion: mechanism('video').version, netuid: 99, fromTask: 1},
    samplers: [aHotkey('owner')],
    params: {...defaults, ranking},
  }
  const rule = mechanism('video').rule(exam)
  const {rows} = rule.weigh(rule.replay(rule.initial(), tasks), aView(names, overrides))
  return rows.find(({hotkey}) => hotkey === aHotkey(who))?.weight ?? 0
}

function withoutRule(ranking: Ranking): Ranking {
  const {oddsAgainst: _, memory: __, ...rest} = ranking
  return rest
}

/** 100 tasks; each miner passes, fails (`false`) or is silent (`undefined`), by the task's number. */
function season(
  miners: Readonly<Record<string, (task: number) => boolean | undefined>>,
  setup: Omit<TaskSetup, 'outcomes' | 'votes'> & {readonly votes?: (task: number) => TaskSetup['votes']} = {},
  count = 100,
): SettledTask[] {
  return Array.from({length: count}, (_, index) => {
    const taskId = index + 1
    const said = Object.entries(miners).map(([name, answer]) => [name, answer(taskId)] as const)
    return aSettledTask({
      ...setup,
      taskId,
      outcomes: Object.fromEntries(said.map(([name, passed]) => [name, passed === undefined ? 'transient' : 'ok'])),
      votes:
        setup.votes?.(taskId) ??
        said.flatMap(([name, passed]) => (passed === undefined ? [] : [['v', name, passed] as const])),
    })
  })
}

/** Park and Miller's generator: seasons that are the same on every machine. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

const passes = (share: number) => (task: number) => task % 100 < Math.round(100 * share)
const weight = 'weight of the attacker'

const skipping: Attack = {
  name: 'only-easy-tasks',
  about: 'answers only the 60 of 100 tasks that it is sure to pass; an honest miner passes 80',
  defence: '`ranking.completeness`, and misses are charged',
  gain: weight,
  measure: async () => {
    const tasks = season({a: passes(0.8), b: (task) => (task % 100 < 60 ? true : undefined)})
    const free = {...published, completeness: 0, forgivenMisses: 100}
    return {without: weightOf('b', tasks, ['a', 'b'], free), with: weightOf('b', tasks, ['a', 'b'])}
  },
}

const dropping: Attack = {
  name: 'drops-a-fifth',
  about: 'stays silent on the hardest 20 of 100 tasks, as far as completeness allows; else as good as the honest one',
  defence: '`ranking.forgivenMisses`: further misses count as not passed',
  gain: weight,
  measure: async () => {
    const tasks = season({a: passes(0.75), b: (task) => (task % 100 < 80 ? task % 100 < 75 : undefined)})
    const free = {...published, forgivenMisses: 100}
    return {without: weightOf('b', tasks, ['a', 'b'], free), with: weightOf('b', tasks, ['a', 'b'])}
  },
}

const nothing: Attack = {
  name: 'first-with-nothing',
  about: 'commits first and never passes, where nobody else passes either',
  defence: '`ranking.minPassed`: then the emission burns',
  gain: weight,
  measure: async () => {
    const tasks = season({a: () => false, b: () => false})
    return {
      without: weightOf('a', tasks, ['a', 'b'], {...published, minPassed: 0}),
      with: weightOf('a', tasks, ['a', 'b']),
    }
  },
}

const lateCopy: Attack = {
  name: 'last-second-copy',
  about: 'commits a slightly better copy of the best model after it: 82 instead of 80 of 100',
  defence: 'the lead that a later miner must prove (`ranking.rule`)',
  gain: weight,
  measure: async () => {
    const tasks = season({a: passes(0.8), b: passes(0.82)})
    return {without: weightOf('b', tasks, ['a', 'b'], noMargin), with: weightOf('b', tasks, ['a', 'b'])}
  },
}

const seasons = 12
const luckyHotkeys: Attack = {
  name: 'many-hotkeys',
  about: 'one model of the same quality as the incumbent under ten hotkeys: the luckiest of ten wins',
  defence: 'the same weights count once (`duplicate_model`), and the lead that must be proven',
  gain: 'share of seasons won, beyond what one hotkey wins',
  measure: async () => {
    const names = ['a', ...Array.from({length: 10}, (_, index) => `b${index + 1}`)]
    const won = {without: 0, one: 0, shipped: 0}
    for (let seed = 1; seed <= seasons; seed++) {
      const next = dice(seed * 7919)
      for (let warm = 0; warm < 20; warm++) next()
      const luck = Object.fromEntries(names.map((name) => [name, Array.from({length: 101}, () => next() < 0.7)]))
      const tasks = season(Object.fromEntries(names.map((name) => [name, (task: number) => luck[name]?.[task]])))
      const offered = names.map((name, index) => miner(name, index, name === 'a' ? ['a'] : ['b']))
      const marked = markDuplicates(offered, validationDefaults.duplicateShare)
      const validity = Object.fromEntries(
        marked.map(({isValid, invalidReason}, index) => [names[index], {isValid, invalidReason}]),
      )
      const byAttacker = (changes: Partial<Ranking>, who: readonly string[], overrides: Overrides = {}) =>
        who.some((name) => weightOf(name, tasks, names, changes, overrides) === 1) ? 1 : 0
      const others = Object.fromEntries(
        names.slice(2).map((name) => [name, {isValid: false, invalidReason: 'not there'}]),
      )
      won.without += byAttacker(noMargin, names.slice(1))
      won.one += byAttacker({}, ['b1'], others)
      won.shipped += byAttacker({}, names.slice(1), validity)
    }
    return {
      without: (won.without - won.one) / seasons,
      with: (won.shipped - won.one) / seasons,
      note: `one hotkey wins ${((100 * won.one) / seasons).toFixed(0)} % of ${seasons} seasons`,
    }
  },
}

function miner(name: string, index: number, files: readonly string[]): StoredMiner {
  const weightFiles = files.map((file) => ({sha256: aSha(file), sizeBytes: 1_000_000_000}))
  return {
    ...{hotkey: aHotkey(name), uid: index, modelName: name, modelRevision: 'a'.repeat(40), chuteId: name},
    ...{modelHash: aSha(files.join()), weightFiles, chuteSlug: name, isValid: true, invalidReason: null},
    ...{block: index + 1, lastValidatedAt: 0, failures: 0},
  } as StoredMiner // what the rule against copies looks at
}

const resharded: Attack = {
  name: 'resharded-model',
  about: "another one's weights with one small file changed, under a new fingerprint",
  defence: 'shared bytes, not a fingerprint (`duplicate_model`)',
  gain: 'copies that count as models of their own',
  measure: async () => {
    const original = miner('a', 0, [
      'one',
      'two',
      'three',
      'four',
      'five',
      'six',
      'seven',
      'eight',
      'nine',
      'ten',
      'last',
    ])
    const copied = miner('b', 1, [
      'one',
      'two',
      'three',
      'four',
      'five',
      'six',
      'seven',
      'eight',
      'nine',
      'ten',
      'changed',
    ])
    const valid = (share: number) =>
      markDuplicates([original, copied], share).filter(({hotkey, isValid}) => hotkey === aHotkey('b') && isValid).length
    return {without: valid(Number.POSITIVE_INFINITY), with: valid(validationDefaults.duplicateShare)}
  },
}

const uidReuse: Attack = {
  name: 'uid-reuse',
  about: 'registers into the slot of the winner, who has left, and inherits its record',
  defence: 'records belong to hotkeys, not to uids',
  gain: weight,
  measure: async () => {
    const record = (name: string) => season({[name]: passes(0.9)})
    // As a table keyed by uid has it: the slot's record is whoever's the slot is.
    return {without: weightOf('new', record('new'), ['new']), with: weightOf('new', record('old'), ['new'])}
  },
}

const stakes = {a: 350n, b: 350n, c: 300n}
const partial: Attack = {
  name: 'favouring-validator',
  about: 'a validator with 30 % of the stake always passes its own miner, which nobody else does',
  defence: 'more than half of the stake must say so',
  gain: weight,
  measure: async () => {
    const votes = (voters: readonly string[]) =>
      season(
        {m: () => true},
        {
          stakes,
          votes: () => voters.map((validator) => [validator, 'm', validator === 'c'] as const),
        },
      )
    // Without the vote of the others, the first verdict that arrives decides.
    return {without: weightOf('m', votes(['c']), ['m']), with: weightOf('m', votes(['a', 'b', 'c']), ['m'])}
  },
}

const splitting: Attack = {
  name: 'stake-splitting',
  about: 'spreads 30 % of the stake over ten validators, to be ten voices of twelve',
  defence: 'stake votes, not validators',
  gain: weight,
  measure: async () => {
    const parts = Array.from({length: 10}, (_, index) => `c${index + 1}`)
    const votes = (stake: (name: string) => bigint) => {
      const everybody = ['a', 'b', ...parts]
      return season(
        {m: () => true},
        {
          stakes: Object.fromEntries(everybody.map((name) => [name, stake(name)])),
          votes: () => everybody.map((name) => [name, 'm', name.startsWith('c')] as const),
        },
      )
    }
    const real = (name: string) => (name.startsWith('c') ? 30n : 350n)
    return {
      without: weightOf(
        'm',
        votes(() => 1n),
        ['m'],
      ),
      with: weightOf('m', votes(real), ['m']),
    }
  },
}

const lateStake: Attack = {
  name: 'stake-after-the-vote',
  about: 'votes against the others, then moves enough stake to that validator to turn what was voted',
  defence: "stakes are those of the task's block, in its manifest",
  gain: weight,
  measure: async () => {
    const votes = (c: bigint) =>
      season(
        {m: () => true},
        {
          stakes: {...stakes, c},
          votes: () => Object.keys(stakes).map((name) => [name, 'm', name === 'c'] as const),
        },
      )
    return {without: weightOf('m', votes(9000n), ['m']), with: weightOf('m', votes(300n), ['m'])}
  },
}

const shopping: Attack = {
  name: 'sampler-shops',
  about: "a sampler waits for a block whose hash picks its friend's source out of twenty",
  defence: '`everyBlocks` fixes the block',
  gain: 'share of tasks of that source, beyond one in twenty',
  measure: async () => {
    const entries = Array.from({length: 20}, (_, index) => ({
      ...{key: `${index}.mp4`, sha256: aSha(`source ${index}`), sizeBytes: 5_000_000, durationS: 12, cuts: []},
    }))
    const corpus: Corpus = {version: 1, sceneThreshold: 0.18, entries}
    const clip = {...defaults.clip, restTasks: 0}
    const chosen = (block: number, taskId: number) =>
      chooseClip({blockHash: `0x${hashOf(block)}`, taskId, corpus, recent: []}, clip)?.entry.key
    const rounds = 200
    /** Blocks that it may take for one task: those at which the rule gives a new one. */
    const share = (everyBlocks: number) => {
      let got = 0
      for (let task = 1; task <= rounds; task++) {
        const heads = Array.from({length: defaults.everyBlocks}, (_, index) => task * defaults.everyBlocks + index)
        const blocks = new Set(heads.map((head) => choosingBlock(head, everyBlocks)))
        if ([...blocks].some((block) => chosen(block, task) === '7.mp4')) got++
      }
      return got / rounds - 1 / entries.length
    }
    return {without: share(1), with: Math.max(0, share(defaults.everyBlocks) - noise(rounds, entries.length))}
  },
}

/** Three standard deviations of how often one of `sources` is drawn in `rounds`: below it nothing is gained. */
function noise(rounds: number, sources: number): number {
  return 3 * Math.sqrt(((1 / sources) * (1 - 1 / sources)) / rounds)
}

export const rules: readonly Attack[] = [
  ...[skipping, dropping, nothing, lateCopy, luckyHotkeys, resharded, uidReuse],
  ...[partial, splitting, lateStake, shopping],
]
