import {expect, test} from 'vitest'
import Executor from '../../src/commands/servers/executor.js'
import {runCommand} from '../helpers/run-command.js'
import {tempFolder} from '../helpers/temp-folder.js'

test('refuses to start for mechanisms that need no executor, and says what to set', async () => {
  const env = {NETWORK: 'localnet', LEOMA_DATA: tempFolder(), MECHANISMS: 'video:0'}
  const {code, stderr} = await runCommand(Executor, 'servers executor', [], env)

  expect(code).toBe(3)
  expect(stderr).toContain('nothing of video is measured by an executor [MECHANISM_WITHOUT_EXECUTOR]')
  expect(stderr).toContain('video:0,talking-head:1')
})
