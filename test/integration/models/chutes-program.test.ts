import {chmodSync, existsSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {expect, it, vi} from 'vitest'
import {ChutesProgram} from '../../../src/models/chutes-program.js'
import type {Deployment} from '../../../src/models/port.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const {signal} = new AbortController()
const id = 'd21577fd-6a2e-5fa3-90bb-414781380928'
const info = '2026-11-01 10:00:00.000 | INFO     | chutes.entrypoint.deploy:_deploy:40 - '
const error = '2026-11-01 10:00:00.000 | ERROR    | chutes.entrypoint.deploy:_deploy:80 - '
const success = `2026-11-01 10:00:00.000 | SUCCESS  | x:y:1 - Successfully deployed chute n chute_id='${id}' version=${id} invocations will be available soon!`

const deployment: Deployment = {
  settings: {} as Deployment['settings'], // not looked at
  chuteId: id,
  filename: 'leoma_chute.py',
  code: 'chute = 1\n',
  request: {method: 'POST', url: '', body: {}},
}

/** A program of that name which writes down how it was called, and says these lines. */
function aProgram(lines: readonly string[], exit = 0) {
  const folder = tempFolder()
  const program = path.join(folder, 'chutes')
  const said = path.join(folder, 'said')
  writeFileSync(said, lines.map((line) => `${line}\n`).join(''))
  writeFileSync(
    program,
    `#!/bin/sh
[ "$1" = --help ] && exit 0
{ echo "$@"; cat "\${2%%:*}.py"; cat; env; } > ${folder}/called
cat ${said}
exit ${exit}
`,
  )
  chmodSync(program, 0o755)
  const searchPath = `${folder}:/usr/bin:/bin`
  return {
    chutes: new ChutesProgram({searchPath, home: folder, configPath: '/x/config.ini', program}),
    called: () => readFileSync(path.join(folder, 'called'), 'utf8'),
    wasCalled: () => existsSync(path.join(folder, 'called')),
  }
}

it('deploys the module, answers its question, and passes no secret on', async () => {
  vi.stubEnv('CHUTES_API_KEY', 'cpk_secret')
  const {chutes, called} = aProgram([`${info}checking`, success])
  const lines: string[] = []

  expect(await chutes.deploy(deployment, (line) => lines.push(line), signal)).toEqual({
    chuteId: id,
    version: id,
    existed: false,
  })

  expect(called()).toMatch(/^deploy leoma_chute:chute --accept-fee\nchute = 1\ny\n/)
  expect(called()).toContain('CHUTES_CONFIG_PATH=/x/config.ini')
  expect(called()).not.toContain('cpk_secret')
  expect(lines).toEqual([`${info}checking`, success])
  vi.unstubAllEnvs()
})

it.each([
  ['an error line, though it exits with 0', [info, `${error}Invalid credentials`], 0, 'Invalid credentials'],
  ['an error line after one of success', [success, `${error}too late`], 0, 'too late'],
  ['an error in colours', [`\u001b[32m${info}\u001b[0m`, `\u001b[31m${error}\u001b[1mno fee\u001b[0m`], 0, 'no fee'],
  ['another exit code', ['Traceback', 'ValueError: bad'], 1, 'ValueError: bad'],
  ['nothing about a chute', [`${info}done`], 0, 'did not say'],
])('takes %s for a failure', async (_, lines, exit, words) => {
  const {chutes} = aProgram(lines, exit)

  await expect(chutes.deploy(deployment, () => {}, signal)).rejects.toMatchObject({
    code: 'CHUTES_PROGRAM_FAILED',
    message: expect.stringContaining(words),
  })
})

it('builds the image that the template needs, under the name that was asked for', async () => {
  const {chutes, called} = aProgram([`${info}built`])

  await chutes.build('alice/video:1.0', () => {}, signal)

  expect(called()).toMatch(/^build leoma_image:chute --public --wait\n/)
  expect(called()).toContain('{\\"username\\":\\"alice\\",\\"name\\":\\"video\\",\\"tag\\":\\"1.0\\"}')
})

it('says how to get the program where it does not run, be it absent or a mere shim', async () => {
  const missing = new ChutesProgram({searchPath: '/nowhere', home: '/', program: 'chutes'})
  await expect(missing.deploy(deployment, () => {}, signal)).rejects.toMatchObject({code: 'CHUTES_PROGRAM_MISSING'})

  const folder = tempFolder()
  writeFileSync(path.join(folder, 'chutes'), '#!/bin/sh\nexit 127\n', {mode: 0o755})
  const shim = new ChutesProgram({searchPath: `${folder}:/bin`, home: '/', program: path.join(folder, 'chutes')})
  await expect(shim.deploy(deployment, () => {}, signal)).rejects.toMatchObject({code: 'CHUTES_PROGRAM_MISSING'})
})

it('ends the program when it is told to stop', async () => {
  const stop = new AbortController()
  const {chutes} = aProgram([])
  const waiting = chutes.deploy(deployment, () => {}, stop.signal)
  stop.abort(new Error('stop'))

  await expect(waiting).rejects.toThrow('stop')
})
