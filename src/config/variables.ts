import type {z} from 'zod'
import {Hotkey} from '../domain/ids.js'
import {executorVariables} from './executor-variables.js'
import {storeKinds, storeVariablesOf} from './object-stores.js'
import {
  addressRange,
  boundedText,
  decimalToRao,
  fileName,
  files,
  integer,
  list,
  mechanisms,
  oneOf,
  origin,
  seconds,
  slugUrl,
  url,
} from './schemas.js'
import {visionVariables} from './vision-variables.js'

/** Who runs: a process asks only for what its role needs, so a bad evaluator setting never stops `get-rank`. */
export const roles = ['api', 'sampler', 'evaluator', 'executor', 'validator', 'miner', 'reader'] as const
export type Role = (typeof roles)[number]

export interface Variable<T = unknown> {
  /** From the text in the environment to a value; never sees an empty text, which counts as unset. */
  readonly schema: z.ZodType<T, string>
  /** One sentence for `env.example`, the README and error messages; ends with the unit where there is one. */
  readonly about: string
  readonly roles: 'all' | readonly Role[]
  /** Text as a person would write it. A variable with neither default nor `defaultNote` is simply off when unset. */
  readonly default?: string
  /** What happens when it is unset and the default follows from something else. */
  readonly defaultNote?: string
  /** Never logged, never printed. */
  readonly secret?: true
}

const clients = ['sampler', 'evaluator', 'executor', 'validator', 'miner', 'reader'] as const
const signing = ['api', 'sampler', 'evaluator', 'executor', 'validator', 'miner'] as const

/**
 * Every variable that leoma reads, once; `env.example`, the README's table, validation and redaction follow from it.
 * Names and defaults are the published subnet's where it has them. Anything that could change a verdict or a rank is not
 * here but in the exam: two validators with different environments must not disagree about weights by accident.
 */
export const variables = {
  NETWORK: {
    schema: boundedText(255),
    about:
      'the chain: finney, test, local, the ws:// or wss:// address of a node, or several of these separated by commas and used in turn; localnet is the chain embedded in this program',
    roles: 'all',
    default: 'finney',
  },
  NETUID: {schema: integer({min: 0, max: 65_535}), about: 'subnet number', roles: 'all', default: '99'},
  MECHANISMS: {
    schema: mechanisms,
    about: 'what runs on which mechanism index of the subnet: name:index, separated by commas',
    roles: 'all',
    default: 'video:0',
  },
  LEOMA_DATA: {
    schema: boundedText(4096),
    about: 'folder for everything this program must remember',
    roles: 'all',
    default: '.leoma',
  },
  LEOMA_ENV: {
    schema: boundedText(64),
    about:
      'production turns off what only a developer wants, such as pretty logs, and refuses to start services with secrets that everybody knows',
    roles: 'all',
  },
  LOG_LEVEL: {
    schema: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {warning: 'warn', critical: 'fatal'}),
    about: 'trace, debug, info, warn, error, fatal or silent',
    roles: 'all',
    default: 'info',
  },
  LOG_FORMAT: {
    schema: oneOf(['pretty', 'json']),
    about: 'pretty lines for people, or one JSON object per line',
    roles: 'all',
    defaultNote: 'pretty on a terminal, else json',
  },

  BT_WALLET_PATH: {
    schema: boundedText(4096),
    about: 'folder of Bittensor wallets',
    roles: signing,
    defaultNote: '~/.bittensor/wallets; on localnet wallets in LEOMA_DATA',
  },
  WALLET_NAME: {schema: fileName, about: 'folder of the coldkey', roles: signing, default: 'default'},
  HOTKEY_NAME: {schema: fileName, about: 'file name of the hotkey', roles: signing, default: 'default'},

  FUNDING_SECRET: {
    schema: boundedText(1024),
    about:
      'phrase, seed (0x…) or //Name of the account that pays for, and is the root of, the chain that localnet --chain is played on; never one of a public chain',
    roles: ['reader'],
    defaultNote: '//Alice, the root of most development chains',
    secret: true,
  },

  API_URL: {
    schema: url,
    about: "address of the owner's API",
    roles: clients,
    defaultNote: 'https://api.leoma.ai; on localnet this machine at API_PORT',
  },
  API_REQUEST_TIMEOUT: {
    schema: seconds({min: 0.1, max: 3600}),
    about: "longest wait for one answer of the owner's API, in seconds",
    roles: clients,
    default: '30',
  },
  API_MAX_RETRIES: {
    schema: integer({min: 1, max: 20}),
    about: "tries in all for one request to the owner's API",
    roles: clients,
    default: '3',
  },

  IMAGE_REF: {
    schema: boundedText(400),
    about: 'container image that leoma miner submit offers when --image-ref does not say',
    roles: ['miner'],
  },

  EPOCH_LEN: {
    schema: integer({min: 1, max: 1_000_000}),
    about: 'at least this many blocks between two settings of weights',
    roles: ['validator'],
    default: '180',
  },
  WEIGHTS_SOURCE: {
    schema: oneOf(['verified', 'api']),
    about:
      "verified: weights that this validator makes itself from the public signed verdicts; api: those that the owner's API publishes",
    roles: ['validator'],
    default: 'verified',
  },
  MAX_WINNER_AGE_BLOCKS: {
    schema: integer({min: 1, max: 10_000_000}),
    about:
      'how long the last good winner is kept while the ranking cannot be had, in blocks; after that no weights are set',
    roles: ['validator'],
    default: '7200',
  },
  EXECUTOR_API_URL: {
    schema: url,
    about: "address of this validator's own executor, for mechanisms that need one",
    roles: ['validator'],
    defaultNote: "mechanisms that need an executor pay nobody; it is never somebody else's",
  },
  EVALUATOR_POLL_INTERVAL: {
    schema: seconds({min: 0.1, max: 86_400}),
    about: 'pause between two looks for new tasks, in seconds',
    roles: ['evaluator'],
    default: '60',
  },
  EVALUATOR_CONCURRENCY: {
    schema: integer({min: 1, max: 64}),
    about: 'outputs checked and measured at the same time; questions to a vision model wait beside them',
    roles: ['evaluator'],
    defaultNote: 'one per processor, at most 8',
  },
  MAX_CONCURRENT_MINERS: {
    schema: integer({min: 1, max: 256}),
    about: 'miners asked at the same time',
    roles: ['sampler'],
    default: '40',
  },

  API_HOST: {
    schema: boundedText(255),
    about: 'address to listen on; 0.0.0.0 for all',
    roles: ['api'],
    default: '127.0.0.1',
  },
  API_PORT: {
    schema: integer({min: 0, max: 65_535}),
    about: 'port to listen on; 0 for any free one',
    roles: ['api'],
    default: '8000',
  },
  CORS_ORIGINS: {
    schema: list(origin),
    about:
      'origins whose pages may read the API, separated by commas; * for all, which then send no credentials; none when unset',
    roles: ['api'],
  },
  MAX_BODY_SIZE: {
    schema: integer({min: 1024, max: 1_073_741_824}),
    about: 'largest request body, in bytes',
    roles: ['api'],
    default: '2097152',
  },
  API_RATE_LIMIT: {
    schema: integer({min: 0, max: 10_000_000}),
    about: 'requests a minute from one address; 0 for no limit',
    roles: ['api'],
    defaultNote: '1200; on localnet no limit',
  },
  API_RATE_LIMIT_HOTKEY: {
    schema: integer({min: 0, max: 10_000_000}),
    about: 'signed requests a minute of one hotkey; 0 for no limit',
    roles: ['api'],
    defaultNote: '600; on localnet no limit',
  },
  API_TRUSTED_PROXIES: {
    schema: list(addressRange),
    about:
      'addresses or networks of proxies in front of the API, separated by commas: what they say about the address of a caller counts; nobody when unset',
    roles: ['api'],
  },
  ADMIN_HOTKEYS: {
    schema: list(Hotkey),
    about: 'addresses that may do what the owner may, such as writing the blacklist, separated by commas',
    roles: ['api'],
  },
  SAMPLER_HOTKEYS: {
    schema: list(Hotkey),
    about: "addresses that may make tasks beside the owner's, separated by commas; a change begins a new exam",
    roles: ['api'],
  },
  SIGNATURE_EXPIRY_SECONDS: {
    schema: seconds({min: 1, max: 86_400}),
    about: 'how far the time in a signed request may be off, in seconds',
    roles: ['api'],
    default: '300',
  },
  MINER_VALIDATION_INTERVAL: {
    schema: seconds({min: 1, max: 604_800}),
    about: "time between two checks of all miners' commitments, in seconds",
    roles: ['api'],
    default: '300',
  },
  VALIDATOR_SYNC_INTERVAL: {
    schema: seconds({min: 1, max: 604_800}),
    about: 'time between two readings of the validators from the chain, in seconds',
    roles: ['api'],
    default: '600',
  },
  SCORER_INTERVAL: {
    schema: seconds({min: 1, max: 604_800}),
    about: 'time between two rankings, in seconds',
    roles: ['api'],
    default: '1800',
  },
  MIN_VALIDATOR_STAKE: {
    schema: decimalToRao,
    about: 'stake from which a validator has a vote, in alpha of the subnet',
    roles: ['api'],
    default: '1000',
  },
  AUDIT_INTERVAL: {
    schema: seconds({min: 0, max: 86_400}),
    about: "pause between two audits of the owner's own store, whose result everybody can read, in seconds; 0 for none",
    roles: ['api'],
    default: '600',
  },
  EXAM_FILE: {
    schema: boundedText(4096),
    about: "JSON file with the subnet's exam, published and signed at start",
    roles: ['api'],
    defaultNote: 'the exam built into the mechanism',
  },
  EXAM_FILES: {
    schema: files,
    about:
      'JSON files with the parameters of mechanisms whose evidence is their own: name=file, separated by commas; a mechanism without one has its defaults',
    roles: ['api'],
  },

  OBJECT_STORAGE_BACKEND: {
    schema: oneOf(['folder', ...storeKinds]),
    about: 'where buckets are: folder (on this machine), hippius, r2 or s3 (AWS, MinIO and others)',
    roles: ['api', 'sampler', 'evaluator'],
    defaultNote: 'folder on localnet, or when SOURCE_DIR or SAMPLES_DIR is set; else hippius',
  },
  SOURCE_DIR: {
    schema: boundedText(4096),
    about: "folder that stands for the bucket of the owner's footage",
    roles: ['sampler'],
    defaultNote: 'objects/source in LEOMA_DATA',
  },
  SAMPLES_DIR: {
    schema: boundedText(4096),
    about: 'folder that stands for the bucket of tasks and generated videos',
    roles: ['sampler', 'evaluator'],
    defaultNote: 'objects/samples in LEOMA_DATA',
  },
  SAMPLES_PRESIGN_SECONDS: {
    schema: seconds({min: 60, max: 604_800}),
    about:
      'lets validators read published tasks without keys: the API hands out addresses at /objects/BUCKET that hold so many seconds; their SAMPLES_PUBLIC_URL is then API_URL/objects/BUCKET',
    roles: ['api'],
    defaultNote: 'nobody is given an address',
  },
  SAMPLES_PUBLIC_URL: {
    schema: url,
    about: 'address below which anyone can read the bucket of tasks; used by those who have no keys for it',
    roles: ['evaluator'],
  },
  ...storeVariablesOf.hippius,
  ...storeVariablesOf.r2,
  ...storeVariablesOf.s3,

  FFMPEG_PATH: {
    schema: boundedText(4096),
    about: 'the ffmpeg to use',
    roles: ['sampler', 'evaluator', 'executor', 'miner'],
    defaultNote: 'one from an npm package, else that of the system',
  },
  MODELS_FILE: {
    schema: boundedText(4096),
    about:
      'registry of models on this machine, as localnet writes it, in the place of Chutes and Hugging Face; CHUTES_API_URL wins over it',
    roles: ['api', 'sampler', 'miner'],
    defaultNote: 'models.json in LEOMA_DATA on localnet; elsewhere none',
  },
  CHUTES_API_URL: {
    schema: url,
    about:
      'address of the Chutes API; on localnet, giving it makes Chutes and Hugging Face take the place of the models registered in LEOMA_DATA',
    roles: ['api', 'sampler', 'miner'],
    defaultNote: 'https://api.chutes.ai',
  },
  CHUTES_API_KEY: {
    schema: boundedText(4096),
    about: 'key for Chutes: one that may deploy for a miner, one that may look and call for the owner',
    roles: ['api', 'sampler', 'miner'],
    secret: true,
  },
  CHUTES_INVOKE_URL: {
    schema: slugUrl,
    about: 'where a chute is called; {slug} stands for its own part of the address',
    roles: ['api', 'sampler', 'miner'],
    default: 'https://{slug}.chutes.ai',
  },
  CHUTE_CACHE_TTL: {
    schema: seconds({min: 0, max: 86_400}),
    about: 'how long a chute that was hot is taken to still be, in seconds',
    roles: ['api', 'sampler', 'miner'],
    default: '60',
  },
  CHUTE_USER: {
    schema: boundedText(64),
    about: 'user name at Chutes',
    roles: ['miner'],
    defaultNote: 'the account of CHUTES_API_KEY',
  },
  CHUTE_SHARE_WITH: {
    schema: list(boundedText(64)),
    about: 'accounts at Chutes that a pushed chute is shared with, separated by commas',
    roles: ['miner'],
    defaultNote: "those that the subnet's exam names",
  },
  CHUTES_CONFIG_PATH: {
    schema: boundedText(4096),
    about: 'configuration of the Chutes program for Python; only miner push --via cli and --build-image use it',
    roles: ['miner'],
    defaultNote: '~/.chutes/config.ini',
  },
  ...visionVariables,
  ...executorVariables,
  HF_ENDPOINT: {
    schema: url,
    about: 'address of Hugging Face, or of a mirror',
    roles: ['api', 'sampler', 'miner'],
    default: 'https://huggingface.co',
  },
  HF_TOKEN: {
    schema: boundedText(4096),
    about: 'token for Hugging Face; without one fewer questions are answered per minute',
    roles: ['api', 'sampler', 'miner'],
    secret: true,
  },
} satisfies Record<string, Variable>

export type VariableName = keyof typeof variables
export const variableNames = Object.keys(variables) as VariableName[] // Object.keys forgets the literal types

export function isFor(name: VariableName, asked: readonly Role[] | 'all'): boolean {
  const owners: Variable['roles'] = variables[name].roles
  return asked === 'all' || owners === 'all' || owners.some((role) => asked.includes(role))
}
