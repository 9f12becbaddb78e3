import {mkdir, mkdtemp, readdir, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {LeomaError} from '../../errors.js'
import type {Profile} from '../../mechanisms/types.js'
import {cast} from '../../mechanisms/video/cast.js'
import type {Shutdown} from '../../runtime/shutdown.js'
import {allAttackProfiles, attackProfiles} from './attacks.js'
import {ensureClips} from './clips.js'
import {localnetParams} from './exam.js'
import {uploadFootage} from './footage.js'
import {choosePort} from './free-port.js'
import {type HeadsStage, headCast, headsExamFile, headsMechanism} from './heads.js'
import {startMiner, videoOf} from './miners.js'
import {ownNetwork} from './own-network.js'
import {examFile, type LocalnetDeps, type LocalnetOptions, type Stage} from './parts.js'
import {HiddenClips, hashFile} from './peek.js'
import {requireSameKind} from './place.js'
import {provision, registerModels, writeJson} from './provision.js'
import type {provisionOwn} from './provision-own.js'
import {createRenderer} from './renderer.js'
import {importSources, isVideo} from './sources.js'

/** Enough for a while without a repetition, and made in a few seconds. */
const generatedClips = 6

/** Who takes part in an attack unless somebody else is named. */
const besideAttacks = ['oracle', 'drift']

/** The mechanisms of a localnet, in the order of their indices. */
export function chooseMechanisms(names: readonly string[] = ['video']): readonly string[] {
  const known = ['video', headsMechanism]
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length === 0 && names.length > 0) return [...new Set(names)]
  const problem = unknown.length > 0 ? `a localnet cannot run ${unknown.join(', ')}` : 'no mechanism is named'
  throw new LeomaError('usage', 'MECHANISM_UNKNOWN', problem, {hints: [`mechanisms: ${known.join(', ')}`]})
}

/**
 * The chosen profiles of each cast in its order, whatever the order they were named in. A name may be in both casts; a cast
 * of which nobody is named takes part as a whole, for a mechanism without miners would never come to anything.
 */
export function chooseProfiles(
  names: readonly string[] | undefined,
  mechanisms: readonly string[] = ['video'],
): {readonly video: readonly Profile[]; readonly heads: readonly Profile[]} {
  const video = mechanisms.includes('video') ? cast : []
  const heads = mechanisms.includes(headsMechanism) ? headCast : []
  if (names === undefined) return {video, heads}
  const all = [...new Set([...video, ...heads].map(({name}) => name))]
  const unknown = names.filter((name) => !all.includes(name))
  const chosen = (profiles: readonly Profile[]) => {
    const named = profiles.filter(({name}) => names.includes(name))
    return named.length === 0 ? profiles : named
  }
  if (unknown.length === 0 && names.length > 0) return {video: chosen(video), heads: chosen(heads)}
  const problem = unknown.length > 0 ? `there is no miner profile ${unknown.join(', ')}` : 'no miner profile is named'
  throw new LeomaError('usage', 'PROFILE_UNKNOWN', problem, {hints: [`profiles: ${all.join(', ')}`]})
}

/** Everything that must be there before the first service starts: footage, chain, wallets, exam, miners that listen. */
export async function setStage(options: LocalnetOptions, deps: LocalnetDeps, shutdown: Shutdown): Promise<Stage> {
  const {onEvent, netuid, time, verify, fundingSecret, log} = deps
  const {signal} = shutdown
  const mechanisms = chooseMechanisms(options.mechanisms)
  const hasVideo = mechanisms.includes('video')
  const {attacks} = options
  const named = chooseProfiles(options.miners ?? (attacks && besideAttacks), mechanisms)
  const {heads: headProfiles} = named
  const chosen = [...named.video, ...(attacks ? attackProfiles(attacks) : [])]
  const profiles = attacks ? [...cast, ...allAttackProfiles()] : cast
  if (options.chain !== undefined) ownNetwork(options.chain)
  const dataDir = await openDataDir(options, shutdown)
  await requireSameKind(dataDir, options.chain === undefined ? 'embedded' : 'own')
  const footage = hasVideo
    ? await prepareFootage(path.join(dataDir, 'objects', 'source'), options, deps, signal)
    : new Map<string, string>()

  onEvent({
    type: 'step',
    step: 'subnet',
    state: 'started',
    note: `registering ${count(chosen.length + headProfiles.length, 'miner')}`,
  })
  const {validators, blockTimeMs} = options
  const provisioning = {
    ...{dataDir, netuid, profiles, chosen, validators, blockTimeMs, time, verify, signal},
    mechanismCount: mechanisms.length,
    heads: headProfiles.length === 0 ? undefined : {profiles: headCast, chosen: headProfiles},
  }
  const provisioned =
    options.chain === undefined
      ? await provision(provisioning)
      : await provisionOnNode({network: options.chain, fundingSecret}, {...provisioning, log}, shutdown)
  await writeJson(examFile(dataDir), localnetParams(provisioned.blockTimeMs, deps.judge))
  onEvent({
    type: 'step',
    step: 'subnet',
    state: 'finished',
    note: `subnet ${provisioned.netuid}${options.chain === undefined ? '' : ` of ${options.chain}`}: ${count(validators, 'validator')}, ${count(chosen.length + headProfiles.length, 'miner')}, a block every ${provisioned.blockTimeMs} ms`,
  })

  const heads = mechanisms.includes(headsMechanism)
    ? await prepareHeads(dataDir, headProfiles, validators, deps, signal)
    : undefined
  const hidden = new HiddenClips(path.join(dataDir, 'work', 'hidden'))
  const stage = {dataDir, provisioned, hidden, mechanisms, heads}
  if (hasVideo) await openMiners(stage, footage, deps, shutdown)
  return stage
}

/** Loaded where it is wanted: what speaks to a node is large. */
const provisionOnNode: typeof provisionOwn = async (...given) =>
  (await import('./provision-own.js')).provisionOwn(...given)

/** Images of the cast, made on this machine, and the exam that is about them. */
async function prepareHeads(
  dataDir: string,
  profiles: readonly Profile[],
  validators: number,
  {onEvent, prepareHeads, providers}: LocalnetDeps,
  signal: AbortSignal,
): Promise<HeadsStage> {
  onEvent({type: 'step', step: 'images', state: 'started', note: `making ${profiles.length}`})
  const names = profiles.map(({name}) => name)
  const prepared = await prepareHeads({dataDir, profiles: names, env: providers.api}, signal)
  await writeJson(headsExamFile(dataDir), prepared.params)
  const ports: number[] = []
  while (ports.length < validators) {
    const port = await choosePort(0)
    if (!ports.includes(port)) ports.push(port)
  }
  const shielded =
    prepared.isolation === 'process' ? 'in plain processes, which keep nothing in' : `in ${prepared.isolation}`
  onEvent({
    type: 'step',
    step: 'images',
    state: 'finished',
    note: `${count(prepared.images.size, 'image')}, run ${shielded}`,
  })
  return {...prepared, ports}
}

async function openDataDir({dataDir}: LocalnetOptions, shutdown: Shutdown): Promise<string> {
  if (dataDir !== undefined) {
    await mkdir(dataDir, {recursive: true})
    return path.resolve(dataDir)
  }
  const made = await mkdtemp(path.join(tmpdir(), 'leoma-localnet-'))
  shutdown.add('the temporary data folder', () => rm(made, {recursive: true, force: true, maxRetries: 3}))
  return made
}

/** Fills the source bucket, which is the folder itself where no other is used; answers the folder's videos with their hashes. */
async function prepareFootage(
  folder: string,
  {source}: LocalnetOptions,
  {onEvent, media, ffmpeg, concurrency, source: bucket}: LocalnetDeps,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const onProgress = (done: number, total: number) => onEvent({type: 'progress', step: 'clips', done, total})
  if (source === undefined) {
    onEvent({type: 'step', step: 'clips', state: 'started', note: `making ${generatedClips}`})
    await ensureClips(folder, generatedClips, {
      run: ffmpeg,
      signal,
      onProgress: ({done, total}) => onProgress(done, total),
    })
  } else {
    onEvent({type: 'step', step: 'clips', state: 'started', note: `checking ${source}`})
    const {clip} = localnetParams(1000)
    await importSources({
      ...{from: source, to: folder, clip, media, concurrency, signal, onProgress},
      onSkip: (file, reason) => onEvent({type: 'source-skipped', file, reason}),
    })
  }
  if (bucket) {
    onEvent({type: 'step', step: 'clips', state: 'started', note: `uploading to bucket ${bucket.bucket}`})
    await uploadFootage(bucket, {folder, signal, onProgress})
  }
  const hashes = new Map<string, string>()
  for (const name of await readdir(folder)) {
    if (isVideo(name)) hashes.set(path.join(folder, name), await hashFile(path.join(folder, name)))
  }
  onEvent({type: 'step', step: 'clips', state: 'finished', note: `${count(hashes.size, 'clip')} to cut tasks from`})
  return hashes
}

/** One HTTP server per miner, announced where the sampler looks models and endpoints up. */
async function openMiners(
  {dataDir, provisioned, hidden}: Stage,
  footage: ReadonlyMap<string, string>,
  {ffmpeg, time, log, concurrency, onEvent}: LocalnetDeps,
  shutdown: Shutdown,
): Promise<void> {
  const work = path.join(dataDir, 'work')
  const decoys = path.join(work, 'decoy')
  const render = createRenderer({
    folder: path.join(work, 'rendered'),
    run: (args, signal) => ffmpeg(args, {signal, what: 'rendering an answer', blame: 'program'}),
    findOtherClip: async (than, signal) => {
      const other = [...footage].find(([, sha256]) => sha256 !== than.source)?.[0]
      // A folder with a single video has no other footage: then some is made.
      return other ?? (await ensureClips(decoys, 1, {run: ffmpeg, signal}))[0]
    },
    concurrency,
    signal: shutdown.signal,
  })
  shutdown.add('the work of the miners', () => rm(path.join(work, 'rendered'), {recursive: true, force: true}))
  shutdown.add('the hidden clips', () => rm(path.join(work, 'hidden'), {recursive: true, force: true}))

  onEvent({type: 'step', step: 'miners', state: 'started', note: 'opening ports'})
  const {deadlineMs, frames, fps, width, height} = localnetParams(provisioned.blockTimeMs).request
  const videos = new Set(provisioned.cast.flatMap(({profile}) => videoOf(profile) ?? []))
  hidden.beforeAsking(async (clip, signal) => {
    // One that fails here fails again when its miner is asked, and is that miner's failure then.
    await Promise.allSettled(
      [...videos].map((video) => render(video, {hidden: clip, frames, fps, width, height}, signal)),
    )
    signal.throwIfAborted()
  })
  const endpoints = new Map<string, string>()
  for (const {profile, hotkey} of provisioned.cast) {
    const miner = await startMiner({profile, hidden, render, time, deadlineMs, log})
    shutdown.add(`miner ${profile}`, () => miner.close())
    endpoints.set(hotkey, miner.endpoint)
  }
  registerModels(dataDir, provisioned.wallets, endpoints)
  onEvent({
    type: 'step',
    step: 'miners',
    state: 'finished',
    note: provisioned.cast.map(({profile}) => profile).join(', '),
  })
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
