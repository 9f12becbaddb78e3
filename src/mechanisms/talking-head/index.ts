import type {Mechanism} from '../types.js'
import {cast} from './cast.js'
import {keyOf, roundOf, TalkingHeadEvidence} from './evidence.js'
import {executorService} from './executor.js'
import {executorInstrument} from './instrument.js'
import {defaults, TalkingHeadParams} from './params.js'
import {fold, initial, watermark, weigh} from './rules.js'
import {ruleVersion, TalkingHeadState} from './state.js'
import {formatImageCommitment, type ImageSubmission, parseImageCommitment} from './submission.js'
import {blacklisted} from './wire.js'

export const talkingHead: Mechanism<TalkingHeadParams, ImageSubmission, TalkingHeadEvidence, TalkingHeadState> = {
  name: 'talking-head',
  version: ruleVersion,
  scope: 'own',
  params: TalkingHeadParams,
  defaults,
  submission: {
    parse: parseImageCommitment,
    format: formatImageCommitment,
    requests: {
      identity: ({digest}) => digest,
      windowS: ({submissions}) => submissions.windowS,
      published: {
        submit: '/submit',
        list: '/submissions',
        burnRatio: '/burn_ratio',
        field: 'image_ref',
        banned: blacklisted,
      },
    },
  },
  evidence: TalkingHeadEvidence,
  state: TalkingHeadState,
  toEvidence: (logged) => ('record' in logged ? [roundOf(logged.record)] : []),
  key: keyOf,
  initial,
  watermark,
  fold,
  weigh,
  // Own evidence is settled when it is signed: nobody else's is waited for.
  settleBlocks: () => 0,
  burnShare: ({ranking}) => ranking.burnShare,
  services: {executor: executorService},
  instrument: executorInstrument,
  cast,
}
