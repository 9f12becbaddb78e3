import {z} from 'zod'
import {Hotkey, TaskId} from '../../domain/ids.js'

/** Signs of copying and collusion, by what they look like. None of them moves a weight: what does stands in the exam. */
export const integrityCodes = [
  'copied_output',
  'reused_output',
  'known_footage',
  'answers_easy_tasks',
  'vote_against_gates',
  'favoured_miner',
  'differs_from_judge',
  'copied_verdicts',
] as const

/** Something that people should look at, with all that is needed to check it from public data. */
export const IntegrityFinding = z.strictObject({
  code: z.enum(integrityCodes),
  /** Whom it is about; then those who are involved without a fault. */
  subjects: z.array(Hotkey).min(1),
  /** Tasks whose manifests and verdicts show it, ascending. */
  tasks: z.array(TaskId),
  numbers: z.record(z.string(), z.number()),
  sentence: z.string(),
})
export type IntegrityFinding = z.infer<typeof IntegrityFinding>

/** What the owner says of its newest settled tasks; anyone can find the same in the same tasks. */
export const IntegritySigns = z.strictObject({
  from: TaskId,
  to: TaskId,
  /** How many of them were looked through. */
  tasks: z.number().int().min(1),
  findings: z.array(IntegrityFinding),
})
export type IntegritySigns = z.infer<typeof IntegritySigns>
