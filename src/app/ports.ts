import path from 'node:path'
import type {Wraps} from '../app.js'
import type {Captioner} from '../caption/port.js'
import type {Judge} from '../judge/port.js'
import type {Ports} from '../mechanisms/types.js'
import type {Media} from '../media/port.js'
import type {Clock} from '../runtime/clock.js'
import type {Journal} from '../store/journal-port.js'
import type {Records} from '../store/record-port.js'
import type {Vision} from '../vision/open.js'
import {openBucket, same} from './open.js'
import type {Parts, ServiceName} from './parts.js'

export async function buildPorts(
  clock: Clock,
  parts: Parts,
  names: readonly ServiceName[],
  workDir: string,
): Promise<Ports> {
  const {config, log, wrap, report} = parts
  const [{verify}, {firstOf}, {SidecarCaptioner}, {MeasuredCaptioner}] = await Promise.all([
    import('../wallet/keypair.js'),
    import('../caption/first-of.js'),
    import('../caption/sidecar.js'),
    import('../caption/measured.js'),
  ])
  const media = await parts.media()
  const isSampler = names.includes('sampler')
  const source = await openBucket('source', isSampler ? ['read'] : [], parts)
  const captioner = await withModel(parts, (more) =>
    firstOf([new SidecarCaptioner(source), ...more, new MeasuredCaptioner(media)]),
  )
  return {
    clock,
    log,
    netuid: config.netuid,
    signer: await parts.signer(),
    verify,
    chain: await parts.chain(),
    api: await parts.signedApi(),
    source,
    samples: await openBucket(
      'samples',
      isSampler ? ['read', 'write'] : names.includes('evaluator') ? ['read'] : [],
      parts,
    ),
    media,
    captioner: (wrap.captioner ?? same)(captioner),
    judges: await parts.judges(),
    models: await parts.models(),
    generator: await parts.generator(),
    // A sampler remembers nothing, and the owner's store has one writer, the API.
    journal: isSampler ? unused<Journal>('journal') : (wrap.journal ?? same)(await openJournal(parts)),
    records: isSampler ? unused<Records>('records') : await openRecords(parts),
    workDir,
    settings: {
      pollMs: config.evaluator.pollMs,
      maxConcurrentMiners: config.sampler.maxConcurrentMiners,
      maxConcurrentJudgements: config.evaluator.concurrency,
    },
    report: report ?? (() => {}),
  }
}

function unused<T extends object>(what: string): T {
  return new Proxy({} as T /* every access throws */, {
    get: (_, name) => {
      throw new Error(`this process keeps no ${what} (${String(name)})`)
    },
  })
}

export async function openJudges(media: Media, vision: Vision, wrap: Wraps): Promise<readonly Judge[]> {
  const [{ReferenceJudge}, {OpenAiJudge}] = await Promise.all([
    import('../judge/reference.js'),
    import('../judge/openai.js'),
  ])
  const reference = ([2, 1] as const).map((version) => new ReferenceJudge({media, version}))
  return [...reference, new OpenAiJudge({media, vision})].map(wrap.judge ?? same)
}

/** Puts a model among those who write prompts, and before all of them one that looks at what they publish. */
async function withModel(
  {config, media, vision}: Parts,
  chain: (more: readonly Captioner[]) => Captioner,
): Promise<Captioner> {
  const {captionModel: model} = config.vision
  if (model === undefined) return chain([])
  const [{OpenAiCaptioner}, {OpenAiSafetyCheck}, {guarded, RefusedSources}] = await Promise.all([
    import('../caption/openai.js'),
    import('../caption/openai-safety.js'),
    import('../caption/safety.js'),
  ])
  const deps = {model, media: await media(), vision: await vision()}
  const refused = new RefusedSources(path.join(config.dataDir, 'refused-sources.json'))
  return guarded(chain([new OpenAiCaptioner(deps)]), new OpenAiSafetyCheck(deps), refused)
}

async function openRecords({store, time}: Parts): Promise<Records> {
  const {StoreRecords} = await import('../store/records.js')
  return new StoreRecords(await store(), time)
}

async function openJournal({store}: Parts): Promise<Journal> {
  const {StoreJournal} = await import('../store/journal.js')
  return new StoreJournal(await store())
}
