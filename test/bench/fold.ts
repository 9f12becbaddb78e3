import {mechanism} from '../../src/mechanisms/registry.js'
import {talkingHead} from '../../src/mechanisms/talking-head/index.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {aLog} from '../helpers/talking-head.js'
import {aHotkey, aSettledTask, aView} from '../helpers/video.js'

/** The folds of both mechanisms, from nothing to the weights. */
export async function bench() {
  const verdicts = foldVerdicts()
  const rounds = foldRounds()
  return [
    {
      name: 'ranking 100 000 verdicts from nothing, in seconds',
      ratio: verdicts.seconds,
      limit: 1,
      note: `${verdicts.pieces} verdicts, ${Math.round(verdicts.pieces / verdicts.seconds)} a second`,
    },
    {
      name: 'a run of an image in 10 000 rounds, against a verdict',
      ratio: rounds.seconds / rounds.pieces / (verdicts.seconds / verdicts.pieces),
      limit: 3,
      note: `${rounds.pieces} runs, ${Math.round(rounds.pieces / rounds.seconds)} a second, ${rounds.seconds.toFixed(1)} s in all`,
    },
  ]
}

/** 10 000 rounds (four years of one every 300 blocks) of eight images with five runs each, as they lie in a log. */
function foldRounds() {
  const names = Array.from({length: 8}, (_, index) => `m${index}x`)
  const log = aLog(
    Array.from({length: 10_000}, (_, round) => ({
      results: names.map((name, index) => ({name, finalScore: 0.2 + ((round * 7 + index * 13) % 50) / 100})),
    })),
  )
  const rule = mechanism('talking-head').rule({
    version: 1,
    mechanism: 'talking-head',
    mechanismVersion: talkingHead.version,
    netuid: 99,
    fromTask: 1,
    samplers: [aHotkey('owner')],
    params: JSON.parse(JSON.stringify(talkingHead.defaults)),
  })
  const started = performance.now()
  const state = rule.replay(rule.initial(), log)
  rule.weigh(state, aView(names))
  return {
    pieces: log.length * names.length * talkingHead.defaults.challenges.scored,
    seconds: (performance.now() - started) / 1000,
  }
}

/** 100 000 pieces of evidence from 16 validators on 256 miners. */
function foldVerdicts() {
  const miners = Array.from({length: 256}, (_, index) => `m${index}x`)
  const validators = Array.from({length: 16}, (_, index) => `v${index}x`)
  const outcomes = Object.fromEntries(miners.map((name) => [name, 'ok' as const]))
  const stakes = Object.fromEntries(validators.map((name, index) => [name, BigInt(1000 + index)]))
  const tasks = Array.from({length: 25}, (_, index) =>
    aSettledTask({
      taskId: index + 1,
      outcomes,
      stakes,
      votes: validators.flatMap((validator, v) =>
        miners.map((miner, m) => [validator, miner, (v * 31 + m * 17 + index) % 5 !== 0] as const),
      ),
    }),
  )
  const rule = mechanism('video').rule({
    version: 1,
    mechanism: 'video',
    mechanismVersion: 1,
    netuid: 99,
    fromTask: 1,
    samplers: [aHotkey('owner')],
    params: {...defaults},
  })
  const pieces = tasks.reduce((sum, {verdicts: all}) => sum + all.length, 0)
  const started = performance.now()
  const state = rule.replay(rule.initial(), tasks)
  rule.weigh(state, aView(miners))
  return {pieces, seconds: (performance.now() - started) / 1000}
}
