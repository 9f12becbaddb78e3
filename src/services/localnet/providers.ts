import {type StoreKind, storeKinds} from '../../config/object-stores.js'
import {isFor, type Variable, type VariableName, variableNames, variables} from '../../config/variables.js'
import {visionVariables} from '../../config/vision-variables.js'
import {LeomaError} from '../../errors.js'

/** What of the world outside takes part; everything else is of this machine. */
export interface ProviderOptions {
  /** `s3://host:port`, and after a slash what the names of both buckets begin with. */
  readonly objects?: string
  /** Name of the judge; that of the exam when absent. */
  readonly judge?: string
  /** Vision model that it asks. */
  readonly judgeModel?: string
  /** Address that answers for Chutes, for Hugging Face, and for the chutes themselves. */
  readonly models?: string
}

const users = ['api', 'sampler', 'evaluator'] as const
type User = (typeof users)[number]

/** What each role finds in its environment, as on a machine of its own: nobody gets a key that its role does not read. */
export type ProviderEnv = Readonly<Record<User, Readonly<Record<string, string>>>>

export function providerEnv(options: ProviderOptions, env: NodeJS.ProcessEnv): ProviderEnv {
  const burden = pick(env, (name) => name === 'EVALUATOR_CONCURRENCY')
  const given = {...burden, ...objectsEnv(options, env), ...judgeEnv(options, env), ...modelsEnv(options, env)}
  // The API has a use for the bucket's keys only where it hands out addresses.
  const hasNoUse = (name: string, role: User) =>
    role === 'api' && given.SAMPLES_PRESIGN_SECONDS === undefined && /_SAMPLES_READ_(ACCESS|SECRET)_KEY$/.test(name)
  const forRole = (role: User) =>
    Object.fromEntries(
      Object.entries(given).filter(
        // Only names of the table are put in.
        ([name]) => isFor(name as VariableName, [role]) && !hasNoUse(name, role),
      ),
    )
  return {api: forRole('api'), sampler: forRole('sampler'), evaluator: forRole('evaluator')}
}

type Values = Partial<Record<VariableName, string>>

/** What the environment says under these names. */
function pick(env: NodeJS.ProcessEnv, wanted: (name: VariableName) => boolean): Values {
  const values: Values = {}
  for (const name of variableNames) {
    const value = env[name]?.trim()
    if (value && wanted(name)) values[name] = value
  }
  return values
}

const loopback = /^(127\.\d+\.\d+\.\d+|localhost)$/
const store = /^(s3|https?):\/\/([A-Za-z0-9.-]+)(:\d{1,5})?(?:\/([a-z0-9][a-z0-9.-]*)?)?$/

function objectsEnv({objects}: ProviderOptions, env: NodeJS.ProcessEnv): Values {
  if (objects === undefined) return {}
  const [, scheme = '', host = '', port = '', prefix = ''] = store.exec(objects.trim()) ?? []
  if (host === '') {
    throw new LeomaError('usage', 'OBJECTS_ADDRESS_INVALID', `${shown(objects)} is not the address of an S3 store`, {
      hints: ['--objects s3://host:port, or s3://host:port/begin-of-bucket-names'],
    })
  }
  // A store without TLS is rare anywhere but here; http:// and https:// say it outright.
  const protocol = scheme === 's3' ? (loopback.test(host) ? 'http' : 'https') : scheme
  const kind = storeKinds.find((name) => name === env.OBJECT_STORAGE_BACKEND?.trim().toLowerCase()) ?? 's3'
  const own = `${kind.toUpperCase()}_`
  const named = (name: 'SOURCE_BUCKET' | 'SAMPLES_BUCKET') => {
    const variable = `${own}${name}` as `${Uppercase<StoreKind>}_${typeof name}` // own is the kind in capitals
    const {default: standard = ''}: Variable = variables[variable]
    const bucket = env[variable]?.trim() || standard
    return {[variable]: prefix === '' ? bucket : `${prefix}-${bucket}`}
  }
  return {
    ...pick(env, (name) => name.startsWith(own) || name === 'SAMPLES_PUBLIC_URL' || name === 'SAMPLES_PRESIGN_SECONDS'),
    OBJECT_STORAGE_BACKEND: kind,
    [`${own}ENDPOINT`]: `${protocol}://${host}${port}`,
    ...named('SOURCE_BUCKET'),
    ...named('SAMPLES_BUCKET'),
  }
}

function judgeEnv({judge}: ProviderOptions, env: NodeJS.ProcessEnv): Values {
  if (judge !== 'openai') return {}
  // Prompts stay those of this machine: what a round costs is then the judge's alone.
  const values = pick(env, (name) => Object.hasOwn(visionVariables, name) && name !== 'CAPTION_MODEL')
  if (values.OPENAI_API_KEY !== undefined || !isOpenAi(values.OPENAI_BASE_URL)) return values
  // What the first question would say, some minutes later.
  throw new LeomaError('config', 'JUDGE_KEY_MISSING', 'asking a vision model needs a key', {
    hints: [
      'set OPENAI_API_KEY in the environment or in .env',
      'or OPENAI_BASE_URL to a server of your own that needs none',
    ],
  })
}

/** Others may need no key. */
function isOpenAi(url: string = variables.OPENAI_BASE_URL.default): boolean {
  return URL.parse(url)?.hostname.endsWith('openai.com') ?? false
}

function modelsEnv({models}: ProviderOptions, env: NodeJS.ProcessEnv): Values {
  if (models === undefined) return {}
  const url = models.trim().replace(/\/+$/, '')
  if (!/^https?:\/\/[^\s/?#]+(\/[^\s?#]*)?$/.test(url) || !URL.canParse(url)) {
    throw new LeomaError('usage', 'MODELS_ADDRESS_INVALID', `${shown(models)} is not an http:// or https:// address`, {
      hints: ['--models http://127.0.0.1:port'],
    })
  }
  return {
    ...pick(env, (name) => ['CHUTES_API_KEY', 'CHUTE_CACHE_TTL', 'HF_TOKEN'].includes(name)),
    CHUTES_API_URL: url,
    CHUTES_INVOKE_URL: `${url}/chute/{slug}`,
    HF_ENDPOINT: url,
  }
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}
