import {readFileSync} from 'node:fs'
import {expect, test} from 'vitest'
import {exitCodes} from '../../src/errors.js'

interface Manifest {
  readonly commands: Record<
    string,
    {readonly flags: Record<string, {readonly required?: boolean; readonly type: string}>; readonly examples: string[]}
  >
}

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
const {commands}: Manifest = JSON.parse(read('oclif.manifest.json'))
const packageJson = JSON.parse(read('package.json'))

/** Removing or renaming one of these breaks somebody's script: do it on purpose, and say so in the release notes. */
test('commands and their flags', () => {
  const surface = Object.entries(commands).map(([id, {flags}]) => {
    const names = Object.entries(flags).map(
      ([name, {required, type}]) => `--${name}${type === 'option' ? '=' : ''}${required ? '!' : ''}`,
    )
    return `${id.replaceAll(':', ' ')}: ${names.sort().join(' ')}`
  })

  expect(surface.sort()).toMatchInlineSnapshot(`
    [
      "audit: --artefacts --export= --from-block= --json --mechanism= --regate= --rejudge= --source= --task= --window --with-chain",
      "blacklist add: --json --reason=",
      "blacklist list: --json",
      "blacklist remove: --json",
      "calibrate: --clips= --exam= --json --judge= --model= --out= --source= --threads=",
      "db add-validator: --hotkey=! --json --stake= --uid=!",
      "db backup: --json --of= --to=",
      "db check: --json --signatures",
      "db list-validators: --json",
      "db migrate: --json --of=",
      "db prune: --dry-run --json --keep-days= --yes",
      "db remove-validator: --hotkey=! --json",
      "db restore: --from=! --json --of= --yes",
      "doctor: --json --role=",
      "exam diff: --json --mechanism=",
      "exam list: --json",
      "exam publish: --dry-run --from-task= --json --mechanism= --signed --yes",
      "exam show: --json --mechanism=",
      "exam sign: --from-task= --json --mechanism= --sampler=",
      "get-rank: --author= --json --mechanism=",
      "integrity: --json --window=",
      "judge: --clip= --exam= --first-frame= --json --judge= --model= --prompt=! --strict",
      "localnet: --attack= --block-time= --chain= --data= --json --judge-model= --judge= --mechanism= --miners= --models= --objects= --port= --rounds= --source= --validators=",
      "miner check: --chute-id= --clip= --coldkey= --first-frame= --generate --hotkey= --json --model-name=! --model-revision=! --prompt= --save= --wait=",
      "miner commit: --chute-id=! --coldkey= --dry-run --form= --hotkey= --json --model-name=! --model-revision=! --plain --yes",
      "miner push: --build-image --chute-user= --chutes-api-key= --concurrency= --dry-run --gpu-count= --gpu= --image= --json --max-instances= --min-vram= --model-name=! --model-revision=! --share-with= --shutdown-after= --via= --wait= --yes",
      "miner status: --coldkey= --hotkey= --json",
      "miner submit: --coldkey= --dry-run --hotkey= --image-ref= --json --mechanism= --on-chain --plain --yes",
      "serve: --json",
      "servers api: --json",
      "servers evaluator: --json",
      "servers executor: --json",
      "servers sampler: --json",
      "servers validator: --json",
      "simulate: --attack= --dominance= --exam= --json --memory= --odds-against= --rule= --seasons= --seed= --tasks= --threads= --window=",
      "wallet list: --json --offline",
    ]
  `)
})

test.each(Object.entries(commands))('%s takes --json and shows an example', (_, {flags, examples}) => {
  expect(Object.keys(flags)).toContain('json')
  expect(examples.length).toBeGreaterThan(0)
})

test('leoma --help tells the exit codes, all of them', () => {
  const told = [...packageJson.oclif.description.matchAll(/(\d+) [a-z]/g)].map(([, code]) => Number(code))

  expect(told).toEqual([0, ...Object.values(exitCodes)])
})
