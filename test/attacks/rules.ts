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

/** What the attacker's weight becomes without the defence, and with it. */
interface WeightAttack extends Pick<Attack, 'name' | 'about' | 'defence'> {
  readonly weights: () => readonly [without: number, shipped: number]
}

const pair = ['a', 'b']
/** The published rule, in which every miss is forgiven. */
const forgiving: Partial<Ranking> = {...published, forgivenMisses: 100}
const stakes = {a: 350n, b: 350n, c: 300n}

/** 100 tasks of one miner that only those validators pass whose name begins with c. */
function onlyCPasses(voters: readonly string[], stakeOf: Readonly<Record<string, bigint>>): SettledTask[] {
  const votes = voters.map((validator) => [validator, 'm', validator.startsWith('c')] as const)
  return season({m: () => true}, {stakes: stakeOf, votes: () => votes})
}

const weightAttacks: readonly WeightAttack[] = [
  {
    name: 'only-easy-tasks',
    about: 'answers only the 60 of 100 tasks that it is sure to pass; an honest miner passes 80',
    defence: '`ranking.completeness`, and misses are charged',
    weights: () => {
      const tasks = season({a: passes(0.8), b: (task) => (task % 100 < 60 ? true : undefined)})
      return [weightOf('b', tasks, pair, {...forgiving, completeness: 0}), weightOf('b', tasks, pair)]
    },
  },
  {
    name: 'drops-a-fifth',
    about: 'stays silent on the hardest 20 of 100 tasks, as far as completeness allows; else as good as the honest one',
    defence: '`ranking.forgivenMisses`: further misses count as not passed',
    weights: () => {
      const tasks = season({a: passes(0.75), b: (task) => (task % 100 < 80 ? task % 100 < 75 : undefined)})
      return [weightOf('b', tasks, pair, forgiving), weightOf('b', tasks, pair)]
    },
  },
  {
    name: 'first-with-nothing',
    about: 'commits first and never passes, where nobody else passes either',
    defence: '`ranking.minPassed`: then the emission burns',
    weights: () => {
      const tasks = season({a: () => false, b: () => false})
      return [weightOf('a', tasks, pair, {...published, minPassed: 0}), weightOf('a', tasks, pair)]
    },
  },
  {
    name: 'last-second-copy',
    about: 'commits a slightly better copy of the best model after it: 82 instead of 80 of 100',
    defence: 'the lead that a later miner must prove (`ranking.rule`)',
    weights: () => {
      const tasks = season({a: passes(0.8), b: passes(0.82)})
      return [weightOf('b', tasks, pair, noMargin), weightOf('b', tasks, pair)]
    },
  },
]

/** Those that come after the attacks with hotkeys and models in the table. */
const laterWeightAttacks: readonly WeightAttack[] = [
  {
    name: 'uid-reuse',
    about: 'registers into the slot of the winner, who has left, and inherits its record',
    defence: 'records belong to hotkeys, not to uids',
    // Without: as a table keyed by uid has it, where the slot's record is whoever's the slot is.
    weights: () => {
      const asRecordOf = (name: string) => weightOf('new', season({[name]: passes(0.9)}), ['new'])
      return [asRecordOf('new'), asRecordOf('old')]
    },
  },
  {
    name: 'favouring-validator',
    about: 'a validator with 30 % of the stake always passes its own miner, which nobody else does',
    defence: 'more than half of the stake must say so',
    // Without: the first verdict that arrives decides.
    weights: () => {
      const votedBy = (voters: readonly string[]) => weightOf('m', onlyCPasses(voters, stakes), ['m'])
      return [votedBy(['c']), votedBy(['a', 'b', 'c'])]
    },
  },
  {
    name: 'stake-splitting',
    about: 'spreads 30 % of the stake over ten validators, to be ten voices of twelve',
    defence: 'stake votes, not validators',
    weights: () => {
      const parts = Array.from({length: 10}, (_, index) => [`c${index + 1}`, 30n] as const)
      const real = {a: 350n, b: 350n, ...Object.fromEntries(parts)}
      const voters = Object.keys(real)
      const heads = Object.fromEntries(voters.map((name) => [name, 1n]))
      const votedWith = (held: Readonly<Record<string, bigint>>) => weightOf('m', onlyCPasses(voters, held), ['m'])
      return [votedWith(heads), votedWith(real)]
    },
  },
  {
    name: 'stake-after-the-vote',
    about: 'votes against the others, then moves enough stake to that validator to turn what was voted',
    defence: "stakes are those of the task's block, in its manifest",
    weights: () => {
      const votedWith = (c: bigint) => weightOf('m', onlyCPasses(Object.keys(stakes), {...stakes, c}), ['m'])
      return [votedWith(9000n), votedWith(300n)]
    },
  },
]

function asAttack({weights, ...rest}: WeightAttack): Attack {
  const measure = async () => {
    const [without, shipped] = weights()
    return {without, with: shipped}
  }
  return {...rest, gain: 'weight of the attacker', measure}
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
    const shards = Array.from({length: 10}, (_, index) => `shard ${index + 1}`)
    const original = miner('a', 0, [...shards, 'last'])
    const copied = miner('b', 1, [...shards, 'changed'])
    const valid = (share: number) =>
      markDuplicates([original, copied], share).filter(({hotkey, isValid}) => hotkey === aHotkey('b') && isValid).length
    return {without: valid(Number.POSITIVE_INFINITY), with: valid(validationDefaults.duplicateShare)}
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
  ...weightAttacks.map(asAttack),
  ...[luckyHotkeys, resharded],
  ...laterWeightAttacks.map(asAttack),
  shopping,
]
