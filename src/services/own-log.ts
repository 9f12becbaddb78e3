import type {Metagraph} from '../chain/port.js'
import type {SignedExam} from '../domain/exam.js'
import type {Hotkey} from '../domain/ids.js'
import type {Ranking} from '../domain/ranking.js'
import type {MinerView, SubnetView} from '../domain/subnet.js'
import type {AnyMechanism, KnownSubmission, Rule} from '../mechanisms/types.js'
import type {Records} from '../store/record-port.js'

/** How far one author's log has been folded. */
export interface FoldedLog {
  readonly rule: Rule
  readonly state: unknown
  /** Of the last record that was folded; 0 for none. */
  readonly sequence: number
  /** Block of that record. */
  readonly block: number
}

const pageSize = 50
/** Exams and authors whose folds are kept; the oldest is folded anew when it is asked for. */
const maxKept = 64

/**
 * Folds logs of own evidence, each from where it was left. Only records of the exam in force count: a new exam begins with
 * nothing, and a mechanism measures everybody again.
 */
export class OwnLogs {
  readonly #mechanism: AnyMechanism
  readonly #records: Records
  readonly #folded = new Map<string, FoldedLog>()

  constructor(mechanism: AnyMechanism, records: Records) {
    this.#mechanism = mechanism
    this.#records = records
  }

  fold({exam, examHash}: Pick<SignedExam, 'exam' | 'examHash'>, author: Hotkey): FoldedLog {
    const key = `${examHash} ${author}`
    const known = this.#folded.get(key)
    const rule = known?.rule ?? this.#mechanism.rule(exam)
    let {state, sequence, block} = known ?? {state: rule.initial(), sequence: 0, block: 0}
    for (;;) {
      const page = this.#records.after(this.#mechanism.name, author, sequence, pageSize)
      const counted = page.filter(({record}) => record.examHash === examHash)
      if (counted.length > 0) state = rule.replay(state, counted)
      const last = page.at(-1)
      if (!last) break
      sequence = last.record.sequence
      block = counted.at(-1)?.record.block ?? block
    }
    const folded = {rule, state, sequence, block}
    this.#folded.delete(key)
    this.#folded.set(key, folded)
    const [oldest] = this.#folded.keys()
    if (this.#folded.size > maxKept && oldest !== undefined) this.#folded.delete(oldest)
    return folded
  }

  /** The ranking that one author's evidence gives over the subnet as it is. */
  rank(exam: Pick<SignedExam, 'exam' | 'examHash'>, author: Hotkey, view: SubnetView): Ranking {
    const {rule, state} = this.fold(exam, author)
    const {rows, decision, window, summary, burnShare} = rule.weigh(state, view)
    return {
      mechanism: this.#mechanism.name,
      mechanismVersion: this.#mechanism.version,
      examHash: exam.examHash,
      block: view.block,
      stateHash: rule.hash(state) as Ranking['stateHash'], // Rule.hash is a SHA-256 in hex.
      window: [...window],
      rows: [...rows],
      decision,
      summary,
      ...(burnShare === undefined || burnShare === 0 ? {} : {burnShare}),
    }
  }
}

/** Who is on the subnet with something submitted, and whether it can be paid for. */
export function ownView({block, neurons}: Metagraph, submissions: readonly KnownSubmission[]): SubnetView {
  const uids = new Map(neurons.map(({hotkey, uid}) => [hotkey, uid]))
  return {
    block: block.number,
    neurons: neurons.map(({uid, hotkey, stakeRao, validatorPermit}) => ({
      uid,
      hotkey,
      stakeRao: String(stakeRao),
      validatorPermit,
    })),
    miners: submissions.flatMap(({hotkey, block, isBlacklisted, copyOf}): MinerView[] => {
      const uid = uids.get(hotkey)
      if (uid === undefined) return []
      const invalidReason = isBlacklisted ? 'blacklisted' : copyOf === null ? null : `copy_of:${copyOf}`
      return [{uid, hotkey, isValid: invalidReason === null, invalidReason, block}]
    }),
  }
}
