import {z} from 'zod'
import {BlockNumber, Hotkey, Rao, TaskId} from '../../domain/ids.js'
import {Outcome} from '../../domain/task.js'
import type {EvidenceKey, Logged} from '../types.js'

/** What the rule may look at: who was asked what and answered how, and one vote per validator and output. */
export const VideoEvidence = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('task'),
    taskId: TaskId,
    block: BlockNumber,
    answers: z.array(z.strictObject({hotkey: Hotkey, outcome: Outcome})),
    voters: z.array(z.strictObject({hotkey: Hotkey, stakeRao: Rao})),
  }),
  z.strictObject({
    type: z.literal('verdict'),
    taskId: TaskId,
    block: BlockNumber,
    validator: Hotkey,
    miner: Hotkey,
    passed: z.boolean(),
    overall: z.number().int().min(0).max(100),
  }),
])
export type VideoEvidence = z.infer<typeof VideoEvidence>

export function toEvidence(logged: Logged): VideoEvidence[] {
  if (!('task' in logged)) return []
  const {task, verdicts} = logged
  const {taskId, block, answers, voters} = task.manifest
  return [
    {
      type: 'task',
      taskId,
      block: block.number,
      answers: answers.map(({hotkey, outcome}) => ({hotkey, outcome})),
      voters: voters.map(({hotkey, stakeRao}) => ({hotkey, stakeRao})),
    },
    ...verdicts.map(({verdict}) => ({
      type: 'verdict' as const,
      taskId,
      block: block.number,
      validator: verdict.validator,
      miner: verdict.miner,
      passed: verdict.passed,
      overall: verdict.overall,
    })),
  ]
}

/** Block, task, then the task itself before its verdicts by validator and miner. */
export function keyOf(evidence: VideoEvidence): EvidenceKey {
  const {block, taskId} = evidence
  return evidence.type === 'task' ? [block, taskId, ''] : [block, taskId, evidence.validator, evidence.miner]
}
