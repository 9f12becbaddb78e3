import {z} from 'zod'
import {LeomaError} from '../errors.js'
import {generationCord, pythonModule} from './chute-template-source.js'
import type {DeploymentSettings} from './port.js'
import {uuid5} from './uuid5.js'

/** `user/name:tag`. */
export const imageReference = /^[\w-]{1,64}\/[\w-][\w.-]{0,63}:[\w.-]{1,64}$/

/** What the provider takes; anything else would be refused there, after a while and with a worse message. */
const Settings = z.strictObject({
  username: z.string().regex(/^\w{3,64}$/, 'is not a user name of Chutes (letters, digits, _)'),
  modelName: z
    .string()
    .max(127, 'is longer than 127 characters, which is what a chute may be called')
    .regex(/^[\w.-]+\/[a-z0-9][\w.-]*$/i, 'is not of the form user/repository'),
  modelRevision: z.string().regex(/^[0-9a-f]{40}$/, 'is not a full commit hash (40 lower-case hex digits)'),
  image: z.string().regex(imageReference, 'is not of the form user/name:tag'),
  gpuCount: z.number().int().min(1).max(8),
  minVramGb: z.number().int().min(16).max(140),
  gpus: z.array(z.string().regex(/^[a-z0-9_]{1,32}$/, 'is not the name of a GPU')).max(32),
  concurrency: z.number().int().min(1).max(256),
  maxInstances: z.number().int().min(1).max(100),
  shutdownAfterS: z.number().int().min(60).max(604_800),
})

const filename = 'leoma_chute.py'
const reference = 'leoma_chute:chute'

export interface ChuteModule {
  readonly filename: string
  readonly code: string
  /** Of the chute that the module describes. */
  readonly chuteId: string
  /** Body of the request that deploys it. */
  readonly body: Readonly<Record<string, unknown>>
}

/** The account and the name decide it, so it can be told, and committed, before the chute exists. */
export function chuteIdOf(username: string, name: string): string {
  return uuid5(`${username}::chute::${name}`)
}

/**
 * The module that serves a model, and the request that deploys it. Values reach the module as data, never as code.
 * Throws `DEPLOYMENT_INVALID` for values that the provider would refuse.
 */
export function buildChute(settings: DeploymentSettings): ChuteModule {
  const parsed = Settings.safeParse(settings)
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({path, message}) => `${path.join('.')} ${message}`)
    throw new LeomaError('usage', 'DEPLOYMENT_INVALID', problems.join('; '), {hints: ['leoma miner push --help']})
  }
  const code = pythonModule(dataOf(parsed.data))
  const {username, modelName, modelRevision, image, gpuCount, minVramGb, gpus} = parsed.data
  return {
    filename,
    code,
    chuteId: chuteIdOf(username, modelName),
    body: {
      name: modelName,
      tagline: modelName,
      readme: modelName,
      logo_id: null,
      image,
      public: false,
      standard_template: null,
      node_selector: {
        gpu_count: gpuCount,
        min_vram_gb_per_gpu: minVramGb,
        include: gpus.length === 0 ? null : gpus,
        exclude: null,
      },
      filename,
      ref_str: reference,
      code,
      concurrency: parsed.data.concurrency,
      max_instances: parsed.data.maxInstances,
      scaling_threshold: 0.75,
      shutdown_after_seconds: parsed.data.shutdownAfterS,
      allow_external_egress: false,
      revision: modelRevision,
      cords: [generationCord],
      jobs: [],
    },
  }
}

/** The settings of a module that is exactly what this program makes of them; undefined for any other text. */
export function readChute(code: string): DeploymentSettings | undefined {
  const literal = /^SETTINGS = json\.loads\((".*")\)$/m.exec(code)?.[1]
  if (literal === undefined) return undefined
  try {
    const text = z.string().parse(JSON.parse(literal))
    const settings = settingsOf(JSON.parse(text))
    return settings && pythonModule(dataOf(settings)) === code ? settings : undefined
  } catch {
    return undefined
  }
}

/** In Python's spelling, as the module reads it. */
function dataOf(settings: DeploymentSettings): Record<string, unknown> {
  const {username, modelName, modelRevision, image, gpuCount, minVramGb, gpus} = settings
  return {
    username,
    model_name: modelName,
    model_revision: modelRevision,
    image,
    gpu_count: gpuCount,
    min_vram_gb: minVramGb,
    gpus,
    concurrency: settings.concurrency,
    max_instances: settings.maxInstances,
    shutdown_after_seconds: settings.shutdownAfterS,
  }
}

function settingsOf(json: unknown): DeploymentSettings | undefined {
  const data = z.record(z.string(), z.unknown()).safeParse(json)
  if (!data.success) return undefined
  const {username, image, gpus, concurrency, ...rest} = data.data
  const parsed = Settings.safeParse({
    ...{username, image, gpus, concurrency},
    modelName: rest.model_name,
    modelRevision: rest.model_revision,
    gpuCount: rest.gpu_count,
    minVramGb: rest.min_vram_gb,
    maxInstances: rest.max_instances,
    shutdownAfterS: rest.shutdown_after_seconds,
  })
  return parsed.success ? parsed.data : undefined
}
