import {execFileSync, spawnSync} from 'node:child_process'
import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import {describe, expect, it, test} from 'vitest'
import {buildChute, chuteIdOf, readChute} from '../../../src/models/chute-template.js'
import {generationCord, pythonJson, pythonModule} from '../../../src/models/chute-template-source.js'
import type {DeploymentSettings} from '../../../src/models/port.js'
import {uuid5} from '../../../src/models/uuid5.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const settings: DeploymentSettings = {
  username: 'alice',
  modelName: 'alice/leoma-v1-5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY',
  modelRevision: 'a1'.repeat(20),
  image: 'leoma/video-gen:1.0',
  gpuCount: 2,
  minVramGb: 80,
  gpus: ['h100', 'h200'],
  concurrency: 4,
  maxInstances: 3,
  shutdownAfterS: 3600,
}
const nasty = [
  '',
  `'''"""\\`,
  '"); import os; os.system("id") #',
  '{}{0}%s%(x)s$HOME`id`',
  'line\nbreak\r\n\ttab\u0000\u0007\u001b[2J\u007f\u0085\u2028\u2029',
  'é ü 漢字 🎬 \u202e \ufeff',
  '\\u0041\\x41\\N{BULLET}\\',
  '\ud800 lone \udfff',
  '</script><!--',
]

const python = spawnSync('python3', ['-c', 'import sys; assert sys.version_info >= (3, 9)']).status === 0
const pydantic =
  python && spawnSync('python3', ['-c', 'import pydantic; assert pydantic.VERSION[0] == "2"']).status === 0

describe.skipIf(!python)('to Python', () => {
  it('any value is the value it was, and nothing else', () => {
    const values = [
      ...nasty,
      ...fc.sample(fc.string({unit: 'binary'}), 200),
      {nested: nasty, n: 1.5, f: false, z: null},
    ]
    // A lone surrogate has no UTF-8: compared as escaped text, which both sides can write.
    const program = `import json, sys\nvalue = ${pythonJson(values)}\nsys.stdout.write(json.dumps(value))`

    const echoed = execFileSync('python3', ['-'], {input: program, encoding: 'utf8'})

    expect(JSON.parse(echoed)).toEqual(values)
  })

  it('the module compiles, whatever the settings hold', () => {
    const folder = tempFolder()
    for (const [index, value] of nasty.entries()) {
      const data = Object.fromEntries(['username', 'model_name', 'image', value].map((key) => [key, value]))
      writeFileSync(path.join(folder, `module_${index}.py`), pythonModule(data))
    }

    const compiled = spawnSync('python3', ['-m', 'compileall', '-q', folder], {encoding: 'utf8'})

    expect(compiled.stdout + compiled.stderr).toBe('')
    expect(compiled.status).toBe(0)
  })
})

/** Enough of the provider's package to load the module and look at what it declares. */
const stub = `
class NodeSelector:
    def __init__(self, **fields): self.fields = fields

class Chute:
    def __init__(self, **fields): self.fields, self.cords = fields, []
    def on_startup(self): return lambda function: function
    def cord(self, **fields):
        def add(function):
            self.cords.append({**fields, "function": function.__name__})
            return function
        return add
`
const inspect = `
import json, sys
sys.path.insert(0, sys.argv[1])
import leoma_chute
fields = dict(leoma_chute.chute.fields)
fields["node_selector"] = fields["node_selector"].fields
cord = dict(leoma_chute.chute.cords[0])
cord["input_schema"] = cord["input_schema"].model_json_schema(ref_template="#/definitions/{model}")
print(json.dumps({"fields": fields, "cord": cord}))
`

test.skipIf(!pydantic)('what the request says of the module is what the module says of itself', () => {
  const folder = tempFolder()
  mkdirSync(path.join(folder, 'chutes'))
  writeFileSync(path.join(folder, 'chutes', '__init__.py'), '')
  writeFileSync(path.join(folder, 'chutes', 'chute.py'), stub)
  writeFileSync(path.join(folder, 'fastapi.py'), 'class HTTPException(Exception): pass\nclass Response: pass\n')
  const {code, filename, body} = buildChute(settings)
  writeFileSync(path.join(folder, filename), code)

  const {fields, cord} = JSON.parse(execFileSync('python3', ['-c', inspect, folder], {encoding: 'utf8'}))

  for (const [name, value] of Object.entries(fields)) {
    if (name === 'username') expect(value).toBe(settings.username)
    else expect(body[name]).toEqual(name === 'node_selector' ? {...(value as object), exclude: null} : value)
  }
  const {title: _, ...schema} = cord.input_schema
  expect(generationCord.input_schema.definitions.GenerationInput).toEqual(schema)
  const {input_schema: __, ...declared} = cord
  expect(generationCord).toMatchObject(declared)
})

describe('a deployment', () => {
  it('has the id that the provider will give it', () => {
    // uuid.uuid5(uuid.NAMESPACE_OID, 'alice::chute::alice/leoma') in Python
    expect(chuteIdOf('alice', 'alice/leoma')).toBe('c163abe7-0103-5b0f-8ca5-0f61e5f09bcf')
  })

  it.skipIf(!python)('has the same id in Python', () => {
    const names = ['alice::chute::alice/leoma', 'é::chute::漢字/🎬', '']
    const program =
      'import uuid, sys, json; print(json.dumps([str(uuid.uuid5(uuid.NAMESPACE_OID, n)) for n in json.loads(sys.argv[1])]))'

    expect(names.map(uuid5)).toEqual(
      JSON.parse(execFileSync('python3', ['-c', program, JSON.stringify(names)], {encoding: 'utf8'})),
    )
  })

  it('is private, cannot reach out, and stays below what the provider takes', () => {
    const {body, code} = buildChute(settings)

    expect(body).toMatchObject({
      public: false,
      allow_external_egress: false,
      revision: settings.modelRevision,
      ref_str: 'leoma_chute:chute',
      filename: 'leoma_chute.py',
      node_selector: {gpu_count: 2, min_vram_gb_per_gpu: 80, include: ['h100', 'h200'], exclude: null},
      jobs: [],
    })
    expect(code.length).toBeLessThan(150_000)
  })

  it.each([
    ['username', 'a b'],
    ['modelName', 'no-slash'],
    ['modelName', `a/${'b'.repeat(130)}`],
    ['modelName', 'a/b"); import os'],
    ['modelRevision', 'main'],
    ['modelRevision', 'A1'.repeat(20)],
    ['image', 'video-gen'],
    ['image', '../users/me:x'],
    ['gpus', ['h100; rm']],
    ['gpuCount', 9],
    ['minVramGb', 8],
    ['concurrency', 0],
    ['shutdownAfterS', 59],
  ])('is refused with a bad %s: %s', (name, value) => {
    expect(() => buildChute({...settings, [name]: value})).toThrow(
      expect.objectContaining({code: 'DEPLOYMENT_INVALID', message: expect.stringContaining(name)}),
    )
  })
})

describe('reading a module back', () => {
  it('gives what it was made of', () => {
    expect(readChute(buildChute(settings).code)).toEqual(settings)
  })

  it.each([
    [
      'another model loaded',
      (code: string) => code.replace('SETTINGS["model_name"],\n        revision', '"a/b",\n        revision'),
    ],
    ['something before it', (code: string) => `import evil\n${code}`],
    ['something after it', (code: string) => `${code}SETTINGS["model_name"] = "a/b"\n`],
    ['one space more', (code: string) => code.replace('return Response', 'return  Response')],
    ['settings twice', (code: string) => code.replace(/^SETTINGS.*$/m, (line) => `${line}\n${line}`)],
    ['settings spelt otherwise', (code: string) => code.replace('alice/leoma', 'alice\\\\u002fleoma')],
    ['nothing', () => ''],
    ['no settings', () => 'SETTINGS = json.loads("")'],
    ['settings of another kind', () => 'SETTINGS = json.loads("[]")'],
  ])('does not take it for ours with %s', (_, change) => {
    expect(readChute(change(buildChute(settings).code))).toBeUndefined()
  })

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary'}), (text) => {
        expect(readChute(`SETTINGS = json.loads("${text}")`)).toBeUndefined()
      }),
    )
  })
})
