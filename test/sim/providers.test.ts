import {afterEach, beforeEach, expect, test} from 'vitest'
import {openAiJudgeDefaults} from '../../src/judge/openai-options.js'
import {vote} from '../fakes/openai-server.js'
import {settledTasks, withLocalnet} from '../helpers/localnet.js'
import {type Providers, startProviders} from '../helpers/providers.js'
import {owner, reader, sha256} from '../helpers/s3.js'
import {tempFolder} from '../helpers/temp-folder.js'

/** Two whose answers are judged, one whose answer the gates stop, and one that serves what is another's. */
const miners = ['oracle', 'drift', 'frozen', 'copycat']
let dataDir: string
let providers: Providers

beforeEach(async () => {
  dataDir = tempFolder()
  providers = await startProviders(dataDir)
})
afterEach(() => providers.close())

test('a whole round with an S3 store, a vision model, Chutes and Hugging Face in the place of local parts', async () => {
  const {s3, openai, chutes, huggingFace, models, env} = providers
  // Well clear of the threshold, so that nobody looks twice.
  openai.behave = () => vote(90)
  const options = {miners, rounds: 1, dataDir, objects: s3.url.replace('http:', 's3:'), judge: 'openai', models}

  await withLocalnet(
    options,
    async ({localnet}) => {
      const result = await localnet.run()

      const [oracle, drift, frozen, copycat] = localnet.facts.cast
      expect(result).toMatchObject({
        judge: {name: 'openai', model: openAiJudgeDefaults.model},
        // The model is pleased with whatever it is shown: the first of those that passed wins.
        winner: {profile: 'oracle'},
        weights: {uids: [oracle?.uid], values: [65_535]},
        miners: [
          {profile: 'oracle', passed: 1, outcomes: {ok: 1}},
          {profile: 'drift', passed: 1, outcomes: {ok: 1}},
          {profile: 'frozen', passed: 0, outcomes: {'rejected:motion': 1}},
          {profile: 'copycat', isValid: false, invalidReason: `duplicate_model:earliest_uid=${oracle?.uid}`},
        ],
      })

      const judged = [oracle, drift].map((member) => member?.hotkey ?? '').sort()
      const [settled] = await settledTasks(result.api)
      expect(settled?.verdicts.map(({miner, overall, judge}) => ({miner, overall, judge}))).toEqual(
        [...judged, ...judged].map((miner) => ({miner, overall: 90, judge: {name: 'openai', version: 1}})),
      )
      expect(openai.asked.every(({body}) => body.model === openAiJudgeDefaults.model)).toBe(true)
      // Two validators, two outputs; what the gates stopped costs nothing.
      expect(openai.asked).toHaveLength(4)

      expect(keysOf('tasks', '1/')).toEqual([
        '1/first_frame.png',
        ...[...judged, frozen?.hotkey].sort().map((hotkey) => `1/generated_videos/${hotkey}.mp4`),
        '1/manifest.json',
        '1/metadata.json',
        '1/original_clip.mp4',
      ])
      const {manifest} = JSON.parse(String(s3.object('1/manifest.json', 'tasks')))
      const used = s3.object(manifest.source.key, 'footage')
      expect(used && sha256(used)).toBe(manifest.source.sha256)

      const {chuteId, slug} = registered('oracle')
      expect(chutes.paths()).toContain(`GET /chutes/${chuteId}`)
      expect(chutes.paths().filter((path) => path === `POST /chute/${slug}/generate`)).toHaveLength(1)
      expect(chutes.paths()).not.toContain(`POST /chute/${registered('copycat').slug}/generate`)
      expect(huggingFace.paths().some((path) => path.includes(`leoma-${copycat?.hotkey}/revision/`))).toBe(true)
    },
    env,
  )

  // The sampler alone writes, and whoever only validates has nothing to write with.
  expect(usersOf('PutObject')).toEqual([owner.accessKey])
  expect(usersOf('GetObject', '1/first_frame.png')).toEqual([reader.accessKey])
})

function keysOf(bucket: string, prefix: string): string[] {
  return [...(providers.s3.buckets.get(bucket)?.keys() ?? [])].filter((key) => key.startsWith(prefix)).sort()
}

function usersOf(operation: string, key?: string): (string | undefined)[] {
  const seen = providers.s3.requests.filter(
    (request) => request.operation === operation && (key === undefined || request.key === key),
  )
  return [...new Set(seen.map(({accessKey}) => accessKey))]
}

function registered(profile: string): {chuteId: string; slug: string} {
  const slug = `leoma-user-${profile}`
  const found = [...providers.chutes.chutes.values()].find((chute) => chute.slug === slug)
  return {chuteId: found?.chute_id ?? '', slug}
}
