import {availableParallelism, homedir} from 'node:os'
import path from 'node:path'
import type {z} from 'zod'
import type {Hotkey} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {type StoreConfig, type StoreKind, storeConfig} from './object-stores.js'
import {productionFaults} from './production.js'
import {isFor, type Role, type Variable, type VariableName, variableNames, variables} from './variables.js'

export type {Role, VariableName} from './variables.js'

export interface Config {
  readonly network: string
  readonly netuid: number
  /** Absolute. */
  readonly dataDir: string
  readonly mechanisms: readonly {readonly name: string; readonly mecid: number}[]
  readonly wallet: {readonly path: string; readonly name: string; readonly hotkey: string}
  readonly api: {readonly url: string; readonly timeoutMs: number; readonly maxAttempts: number}
  readonly server: {
    readonly host: string
    readonly port: number
    readonly corsOrigins: readonly string[]
    readonly adminHotkeys: readonly Hotkey[]
    /** Beside the owner's; the list is part of the exam. */
    readonly samplerHotkeys: readonly Hotkey[]
    readonly maxBodyBytes: number
    /** Requests a minute; 0 for no limit. */
    readonly rates: {readonly perAddress: number; readonly perHotkey: number}
    readonly trustedProxies: readonly string[]
    readonly signatureExpiryS: number
    readonly minValidatorStakeRao: bigint
    readonly minerValidationMs: number
    readonly validatorSyncMs: number
    readonly scoringMs: number
    readonly selfAuditMs: number
    readonly examFile: string | undefined
    /** By mechanism, for those that are not the first. */
    readonly examFiles: Readonly<Record<string, string>>
  }
  readonly miner: {readonly imageRef: string | undefined}
  /** Of the account that pays for a localnet on a chain of one's own. */
  readonly fundingSecret: string
  /** The owner's store for owner roles, the validator's own for the others. */
  readonly storePath: string
  readonly objects: {
    readonly backend: 'folder' | StoreKind
    readonly sourceDir: string
    readonly samplesDir: string
    readonly samplesPublicUrl: string | undefined
    /** How long an address that the API hands out holds, in seconds; undefined when it hands out none. */
    readonly presignS: number | undefined
    /** Of the backend, or of Hippius when that is a folder. */
    readonly store: StoreConfig
  }
  readonly validator: {
    /** False to set what the owner publishes, unverified. */
    readonly isVerified: boolean
    readonly epochBlocks: number
    readonly maxWinnerAgeBlocks: number
    readonly executorUrl: string | undefined
  }
  readonly evaluator: {readonly pollMs: number; readonly concurrency: number}
  readonly executor: {
    readonly host: string
    readonly port: number
    readonly pollMs: number
    readonly sandbox: 'auto' | 'podman' | 'docker' | 'bwrap' | 'process'
    readonly challengesDir: string
    readonly skewS: number
    readonly metrics: {
      readonly urls: {readonly face?: string; readonly speech?: string; readonly lipsync?: string}
      readonly token: string | undefined
      readonly timeoutMs: number
    }
  }
  readonly sampler: {readonly maxConcurrentMiners: number}
  readonly media: {readonly ffmpegPath: string | undefined}
  /** Registry of models on this machine; read when Chutes is not used. */
  readonly modelsFile: string
  readonly chutes: {
    /** False where the models are those registered in `dataDir`. */
    readonly isUsed: boolean
    readonly apiKey: string | undefined
    readonly apiUrl: string
    /** With `{slug}` in it. */
    readonly invokeUrl: string
    readonly keepMs: number
    readonly user: string | undefined
    /** Undefined to go by the subnet's exam. */
    readonly shareWith: readonly string[] | undefined
    readonly cliConfig: string | undefined
  }
  readonly vision: {
    readonly apiKey: string | undefined
    readonly baseUrl: string
    readonly timeoutMs: number
    readonly perHourUsd: number
    readonly perTaskUsd: number
    readonly prices: Readonly<Record<string, {readonly in: number; readonly out: number}>>
    readonly captionModel: string | undefined
    /** Folder of what was asked and spent; each store has its own. */
    readonly dir: string
  }
  readonly huggingFace: {readonly url: string; readonly token: string | undefined}
  readonly log: {readonly level: string; readonly pretty: boolean}
  readonly production: boolean
  /** Why services must not start as they are configured; only in production. */
  readonly unsafe: readonly string[]
}

/** Values given on the command line, under the name of the variable they stand for; they win over the environment. */
export type Overrides = Partial<Record<VariableName, string>>

type Values = {[Name in VariableName]: z.infer<(typeof variables)[Name]['schema']> | undefined}

/**
 * Reads the configuration for a role (or several, or all). Every problem is reported at once, as `CONFIG_INVALID`;
 * a bad value of a variable that none of the roles reads is ignored.
 */
export function loadConfig(
  role: Role | readonly Role[] | 'all',
  env: NodeJS.ProcessEnv,
  overrides: Overrides = {},
): Config {
  const asked = role === 'all' ? role : typeof role === 'string' ? [role] : role
  return build(readValues(asked, {...env, ...overrides}), asked, env)
}

/**
 * As `loadConfig`, but a wrong value is left out and told beside, for a command that reports faults instead of stopping
 * at the first. The fault names them all.
 */
export function loadConfigAnyway(
  role: readonly Role[],
  env: NodeJS.ProcessEnv,
): {readonly config: Config; readonly fault: LeomaError | undefined} {
  try {
    return {config: loadConfig(role, env), fault: undefined}
  } catch (fault) {
    if (!(fault instanceof LeomaError)) throw fault
    const usable = Object.entries(env).filter(([name, value]) => {
      const variable = Object.hasOwn(variables, name) ? variables[name as VariableName] : undefined // just looked up
      return !variable || !value?.trim() || variable.schema.safeParse(value).success
    })
    return {config: loadConfig(role, Object.fromEntries(usable)), fault}
  }
}

function readValues(asked: readonly Role[] | 'all', env: NodeJS.ProcessEnv): Values {
  const problems: {name: string; problem: string}[] = []
  const values: Record<string, unknown> = {}
  for (const name of variableNames) {
    const {schema, about, default: standard}: Variable = variables[name]
    const given = env[name]
    const text = given === undefined || given.trim() === '' ? standard : given
    if (text === undefined) continue
    const result = schema.safeParse(text)
    if (result.success) values[name] = result.data
    else if (isFor(name, asked)) problems.push({name, problem: `${firstProblem(result.error)}: ${about}`})
    else if (standard !== undefined) values[name] = schema.parse(standard)
  }
  if (problems.length > 0) throw invalid(asked, problems)
  return values as Values // built from the same table that the type is computed from
}

function firstProblem(error: z.ZodError): string {
  const message = error.issues[0]?.message ?? 'is invalid'
  return /^(is|names) /.test(message) ? message : `is invalid (${message.toLowerCase()})`
}

function invalid(asked: readonly Role[] | 'all', problems: readonly {name: string; problem: string}[]): LeomaError {
  const width = Math.max(...problems.map(({name}) => name.length))
  const lines = problems.map(({name, problem}) => `  ${name.padEnd(width)}  ${problem}`)
  const who = asked === 'all' ? '' : ` for ${asked.join(' and ')}`
  return new LeomaError('config', 'CONFIG_INVALID', [`configuration${who} is invalid`, ...lines].join('\n'), {
    hints: [
      'correct the environment or .env; env.example lists every variable',
      'leave a variable empty for its default',
    ],
  })
}

function build(values: Values, asked: readonly Role[] | 'all', env: NodeJS.ProcessEnv): Config {
  const network = values.NETWORK ?? 'finney'
  const isLocalnet = network === 'localnet'
  const usesChutes = values.CHUTES_API_URL !== undefined || !(isLocalnet || values.MODELS_FILE !== undefined)
  const dataDir = path.resolve(expandHome(values.LEOMA_DATA ?? '.leoma'))
  const inData = (given: string | undefined, ...parts: string[]) =>
    given === undefined ? path.join(dataDir, ...parts) : path.resolve(expandHome(given))
  const need = required(values)
  const isFolder = isLocalnet || values.SOURCE_DIR !== undefined || values.SAMPLES_DIR !== undefined
  const backend = values.OBJECT_STORAGE_BACKEND ?? (isFolder ? 'folder' : 'hippius')
  const hotkey = need('HOTKEY_NAME')
  const port = need('API_PORT')
  const production = (values.LEOMA_ENV ?? env.ENVIRONMENT ?? '').trim().toLowerCase() === 'production'
  return {
    network,
    netuid: need('NETUID'),
    dataDir,
    mechanisms: need('MECHANISMS'),
    wallet: {
      path:
        values.BT_WALLET_PATH === undefined && !isLocalnet
          ? path.join(homedir(), '.bittensor', 'wallets')
          : inData(values.BT_WALLET_PATH, 'wallets'),
      name: need('WALLET_NAME'),
      hotkey,
    },
    api: {
      url: values.API_URL ?? (isLocalnet ? `http://127.0.0.1:${port}` : 'https://api.leoma.ai'),
      timeoutMs: need('API_REQUEST_TIMEOUT'),
      maxAttempts: need('API_MAX_RETRIES'),
    },
    server: {
      host: need('API_HOST'),
      port,
      corsOrigins: values.CORS_ORIGINS ?? [],
      adminHotkeys: values.ADMIN_HOTKEYS ?? [],
      samplerHotkeys: values.SAMPLER_HOTKEYS ?? [],
      maxBodyBytes: need('MAX_BODY_SIZE'),
      rates: {
        perAddress: values.API_RATE_LIMIT ?? (isLocalnet ? 0 : 1200),
        perHotkey: values.API_RATE_LIMIT_HOTKEY ?? (isLocalnet ? 0 : 600),
      },
      trustedProxies: values.API_TRUSTED_PROXIES ?? [],
      signatureExpiryS: need('SIGNATURE_EXPIRY_SECONDS') / 1000,
      minValidatorStakeRao: need('MIN_VALIDATOR_STAKE'),
      minerValidationMs: need('MINER_VALIDATION_INTERVAL'),
      validatorSyncMs: need('VALIDATOR_SYNC_INTERVAL'),
      scoringMs: need('SCORER_INTERVAL'),
      selfAuditMs: need('AUDIT_INTERVAL'),
      examFile: values.EXAM_FILE === undefined ? undefined : path.resolve(expandHome(values.EXAM_FILE)),
      examFiles: Object.fromEntries(
        Object.entries(values.EXAM_FILES ?? {}).map(([name, file]) => [name, path.resolve(expandHome(file))]),
      ),
    },
    fundingSecret: values.FUNDING_SECRET ?? '//Alice',
    storePath: path.join(dataDir, storeFile(asked, hotkey)),
    objects: {
      sourceDir: inData(values.SOURCE_DIR, 'objects', 'source'),
      samplesDir: inData(values.SAMPLES_DIR, 'objects', 'samples'),
      samplesPublicUrl: values.SAMPLES_PUBLIC_URL,
      presignS: values.SAMPLES_PRESIGN_SECONDS === undefined ? undefined : values.SAMPLES_PRESIGN_SECONDS / 1000,
      backend,
      store: storeConfig(backend === 'folder' ? 'hippius' : backend, values),
    },
    validator: {
      isVerified: need('WEIGHTS_SOURCE') === 'verified',
      epochBlocks: need('EPOCH_LEN'),
      maxWinnerAgeBlocks: need('MAX_WINNER_AGE_BLOCKS'),
      executorUrl: values.EXECUTOR_API_URL,
    },
    miner: {imageRef: values.IMAGE_REF},
    evaluator: {
      pollMs: need('EVALUATOR_POLL_INTERVAL'),
      concurrency: values.EVALUATOR_CONCURRENCY ?? Math.min(8, availableParallelism()),
    },
    executor: {
      host: need('EXECUTOR_HOST'),
      port: need('EXECUTOR_PORT'),
      pollMs: need('EXECUTOR_POLL_INTERVAL'),
      sandbox: need('SANDBOX'),
      challengesDir: inData(values.CHALLENGES_DIR, 'challenges'),
      skewS: need('VALIDATOR_MAX_SKEW_SECONDS') / 1000,
      metrics: {
        urls: {
          ...(values.METRIC_FACE_URL !== undefined && {face: values.METRIC_FACE_URL}),
          ...(values.METRIC_SPEECH_URL !== undefined && {speech: values.METRIC_SPEECH_URL}),
          ...(values.METRIC_LIPSYNC_URL !== undefined && {lipsync: values.METRIC_LIPSYNC_URL}),
        },
        token: values.METRIC_TOKEN,
        timeoutMs: need('METRIC_TIMEOUT'),
      },
    },
    sampler: {maxConcurrentMiners: need('MAX_CONCURRENT_MINERS')},
    media: {ffmpegPath: values.FFMPEG_PATH},
    modelsFile: inData(values.MODELS_FILE, 'models.json'),
    chutes: {
      isUsed: usesChutes,
      apiKey: values.CHUTES_API_KEY,
      apiUrl: values.CHUTES_API_URL ?? 'https://api.chutes.ai',
      invokeUrl: need('CHUTES_INVOKE_URL'),
      keepMs: need('CHUTE_CACHE_TTL'),
      user: values.CHUTE_USER,
      shareWith: values.CHUTE_SHARE_WITH,
      cliConfig:
        values.CHUTES_CONFIG_PATH === undefined ? undefined : path.resolve(expandHome(values.CHUTES_CONFIG_PATH)),
    },
    vision: {
      apiKey: values.OPENAI_API_KEY,
      baseUrl: need('OPENAI_BASE_URL'),
      timeoutMs: need('JUDGE_TIMEOUT'),
      perHourUsd: need('JUDGE_BUDGET_PER_HOUR'),
      perTaskUsd: need('JUDGE_BUDGET_PER_TASK'),
      prices: values.JUDGE_PRICES ?? {},
      captionModel: values.CAPTION_MODEL,
      dir: path.join(dataDir, 'vision', isValidators(asked) ? `validator-${hotkey}` : 'owner'),
    },
    huggingFace: {url: need('HF_ENDPOINT'), token: values.HF_TOKEN},
    log: {
      level: need('LOG_LEVEL'),
      pretty:
        values.LOG_FORMAT === undefined ? !production && process.stderr.isTTY === true : values.LOG_FORMAT === 'pretty',
    },
    production,
    unsafe: production ? productionFaults(env, asked, {usesChutes}) : [],
  }
}

/** Variables with a default always have a value; asking for another one here is a mistake in this file. */
function required(values: Values) {
  return <Name extends VariableName>(name: Name): NonNullable<Values[Name]> => {
    const value = values[name]
    if (value === undefined || value === null) throw new Error(`${name} has no default`)
    return value
  }
}

/** Each role remembers in a file of its own: two processes never write one. */
function storeFile(asked: readonly Role[] | 'all', hotkey: string): string {
  if (isValidators(asked)) return `validator-${hotkey}.db`
  return asked !== 'all' && asked.includes('executor') ? `executor-${hotkey}.db` : 'owner.db'
}

function isValidators(asked: readonly Role[] | 'all'): boolean {
  return asked !== 'all' && asked.length > 0 && asked.every((role) => role === 'evaluator' || role === 'validator')
}

function expandHome(text: string): string {
  return text === '~' || text.startsWith('~/') ? path.join(homedir(), text.slice(1)) : text
}
