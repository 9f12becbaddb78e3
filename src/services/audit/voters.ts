import type {TaskManifest} from '../../domain/task.js'
import type {Findings} from './findings.js'
import type {ChainFacts} from './source.js'

/** Stake moves; a voter whose weight is further off than this was not given it by the chain. */
const tolerance = 0.25

/**
 * Whether those who voted on the newest task are those that the chain has as validators, with about the stake that it
 * says. Older ones cannot be asked for: a node forgets what stake was.
 */
export function checkVoters(
  {taskId, voters}: TaskManifest,
  {neurons, ownerHotkey}: ChainFacts,
  findings: Findings,
): void {
  const check = 'voters'
  const byHotkey = new Map(neurons.map((neuron) => [neuron.hotkey, neuron]))
  const common = {who: ownerHotkey, task: taskId}
  const remedy = 'ask the owner: validators may be pinned or barred by hand, which must be said openly'
  let least: bigint | undefined
  for (const {hotkey, stakeRao} of voters) {
    findings.looked(check)
    const object = `voter ${hotkey} of task ${taskId}`
    const neuron = byHotkey.get(hotkey)
    const stake = BigInt(stakeRao)
    if (!neuron) {
      const found = 'not registered'
      findings.warning(check, {
        code: 'VOTER_UNKNOWN',
        object,
        ...common,
        expected: 'a validator of the subnet',
        found,
        remedy,
      })
      continue
    }
    const onChain = BigInt(neuron.stakeRao)
    if (least === undefined || onChain < least) least = onChain
    if (Math.abs(Number(stake - onChain)) <= tolerance * Number(onChain)) continue
    findings.warning(check, {
      ...{code: 'VOTER_STAKE', object, ...common, remedy},
      expected: `about ${neuron.stakeRao} rao, as on the chain`,
      found: `${stakeRao} rao`,
    })
  }
  const known = new Set(voters.map(({hotkey}) => hotkey))
  for (const {hotkey, stakeRao, validatorPermit} of neurons) {
    if (!validatorPermit || known.has(hotkey) || least === undefined || BigInt(stakeRao) < least) continue
    if (BigInt(stakeRao) === 0n) continue
    findings.warning(check, {
      ...{code: 'VOTER_LEFT_OUT', object: `voters of task ${taskId}`, ...common, remedy},
      expected: `${hotkey}, who has a permit and ${stakeRao} rao`,
      found: 'no vote for it',
    })
  }
}
