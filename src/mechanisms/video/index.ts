import {formatModelCommitment, type ModelSubmission, parseModelCommitment} from '../../domain/commitment.js'
import type {Mechanism} from '../types.js'
import {videoAuditor} from './audit.js'
import {cast} from './cast.js'
import {evaluatorService} from './evaluator.js'
import {keyOf, toEvidence, VideoEvidence} from './evidence.js'
import {defaults, VideoParams} from './params.js'
import {fold, initial, ruleVersion, VideoState, watermark, weigh} from './rules.js'
import {samplerService} from './sampler.js'

export const video: Mechanism<VideoParams, ModelSubmission, VideoEvidence, VideoState> = {
  name: 'video',
  version: ruleVersion,
  scope: 'shared',
  params: VideoParams,
  defaults,
  submission: {parse: parseModelCommitment, format: formatModelCommitment},
  evidence: VideoEvidence,
  state: VideoState,
  toEvidence,
  key: keyOf,
  initial,
  watermark,
  fold,
  weigh,
  settleBlocks: ({ranking}) => ranking.settleBlocks,
  memoryTasks: ({ranking}) => Math.max(ranking.window, ranking.memory ?? 0),
  auditor: videoAuditor,
  services: {sampler: samplerService, evaluator: evaluatorService},
  cast,
}
