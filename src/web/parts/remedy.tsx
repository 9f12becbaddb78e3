import {remedyFor} from '../../domain/miner-remedies.js'
import {sentence} from '../format.js'

/** What helps against being not valid: the words that `leoma miner check` has. */
export function Remedy({
  reason,
  hotkey,
  modelName,
}: {
  reason: string | null
  hotkey: string
  modelName?: string | null | undefined
}) {
  if (reason === null) return null
  const remedy = remedyFor(reason, {hotkey, modelName: modelName === '' ? null : modelName})
  return (
    <span class="remedy">
      {remedy === null ? 'leoma miner check names every rule with its remedy.' : sentence(remedy)}
    </span>
  )
}
