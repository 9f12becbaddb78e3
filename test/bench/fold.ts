import {mechanism} from '../../src/mechanisms/registry.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {aHotkey, aSettledTask, aView} from '../helpers/video.js'

/** 100 000 pieces of evidence from 16 validators on 256 miners, folded from nothing and weighed. */
export async function bench() {
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
  const verdicts = tasks.reduce((sum, {verdicts: all}) => sum + all.length, 0)
  const started = performance.now()
  const state = rule.replay(rule.initial(), tasks)
  rule.weigh(state, aView(miners))
  const seconds = (performance.now() - started) / 1000
  return [
    {
      name: 'ranking 100 000 verdicts from nothing, in seconds',
      ratio: seconds,
      limit: 1,
      note: `${verdicts} verdicts, ${Math.round(verdicts / seconds)} a second`,
    },
  ]
}
