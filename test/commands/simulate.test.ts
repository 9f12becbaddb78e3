import {expect, test} from 'vitest'
import Simulate from '../../src/commands/simulate.js'
import {runCommand} from '../helpers/run-command.js'

const small = ['--seasons', '1', '--tasks', '40', '--window', '20', '--memory', '30', '--attack', 'clone']
const simulate = (...argv: string[]) => runCommand(Simulate, 'simulate', [...small, ...argv], {})

test('a table of attacks and rules; progress and the figures of the rules on stderr', async () => {
  const {stdout, stderr, code} = await simulate()

  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toBe(
    'attack\trule\tbest paid\tpoints short\tbest crowned\tafter tasks\twrong changes\tattackers earn\tthey gain',
  )
  expect(lines.slice(1).map((line) => line.split('\t').slice(0, 2).join(' '))).toEqual([
    'none dominance-1',
    'none dominance-2',
    'clone dominance-1',
    'clone dominance-2',
  ])
  expect(stderr).toContain('2 of 2 seasons\n')
  expect(stderr).toMatch(/dominance-2: window of 20 tasks, dominance 0\.\d+, chance once in \d+, memory of 30 tasks/)
})

test('with --json everything, for one rule if one is asked for', async () => {
  const {stdout, code} = await simulate('--rule', 'dominance-1', '--seed', 'other', '--json')

  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    ...{seed: 'other', seasons: 1, tasks: 40, rules: [{rule: 'dominance-1', ranking: {window: 20}}]},
    rows: [
      {attack: 'none', rule: 'dominance-1', gain: 0},
      {attack: 'clone', rule: 'dominance-1'},
    ],
  })
})

test.each([
  ['an unknown attack', ['--attack', 'magic'], 'ATTACK_UNKNOWN'],
  ['figures that do not fit together', ['--dominance', 'five'], 'RANKING_INVALID'],
])('%s is a mistake on the command line', async (_name, argv, code) => {
  const result = await simulate(...argv)

  expect(result.code).toBe(2)
  expect(result.stderr).toContain(code)
})
