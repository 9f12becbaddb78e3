import {boundedText, bucketName, endpoint} from './schemas.js'
import type {Variable} from './variables.js'

/** Stores of the S3 protocol, each with variables of its own. */
export const storeKinds = ['hippius', 'r2', 's3'] as const
export type StoreKind = (typeof storeKinds)[number]
export type BucketRole = 'source' | 'samples'

type Prefix = Uppercase<StoreKind>
type KeyName<P extends Prefix> = `${P}_${'VIDEOS' | 'SAMPLES'}_${'READ' | 'WRITE'}_${'ACCESS' | 'SECRET'}_KEY`
type StoreVariables<P extends Prefix> = Record<
  `${P}_ENDPOINT` | `${P}_REGION` | `${P}_SOURCE_BUCKET` | `${P}_SAMPLES_BUCKET` | KeyName<P>,
  Variable<string>
>

interface Kind<P extends Prefix> {
  readonly prefix: P
  readonly name: string
  readonly endpoint: {readonly default: string} | {readonly defaultNote: string}
  readonly region: string
}

/** The API hands out addresses of samples, which it signs with the pair for reading. */
const readers = ['api', 'sampler', 'evaluator'] as const
const samplerOnly = ['sampler'] as const

function storeVariables<P extends Prefix>({prefix, name, endpoint: host, region}: Kind<P>): StoreVariables<P> {
  const key = (bucket: 'VIDEOS' | 'SAMPLES', purpose: 'READ' | 'WRITE') => {
    const what = bucket === 'VIDEOS' ? "the owner's footage" : 'tasks and generated videos'
    const falls = purpose === 'READ' ? '; the pair for writing is used when unset' : ''
    const about = (part: string) => `${name}: ${part} for ${purpose === 'READ' ? 'reading' : 'writing'} ${what}${falls}`
    const common = {
      schema: boundedText(512),
      roles: bucket === 'SAMPLES' && purpose === 'READ' ? readers : samplerOnly,
      secret: true as const,
    }
    return {
      [`${prefix}_${bucket}_${purpose}_ACCESS_KEY`]: {...common, about: about('access key')},
      [`${prefix}_${bucket}_${purpose}_SECRET_KEY`]: {...common, about: about('secret key')},
    }
  }
  return {
    [`${prefix}_ENDPOINT`]: {schema: endpoint, about: `${name}: host or https:// address`, roles: readers, ...host},
    [`${prefix}_REGION`]: {schema: boundedText(64), about: `${name}: region`, roles: readers, default: region},
    [`${prefix}_SOURCE_BUCKET`]: {
      schema: bucketName,
      about: `${name}: name of the bucket of the owner's footage`,
      roles: samplerOnly,
      default: 'videos',
    },
    [`${prefix}_SAMPLES_BUCKET`]: {
      schema: bucketName,
      about: `${name}: name of the bucket of tasks and generated videos`,
      roles: readers,
      default: 'samples',
    },
    ...key('VIDEOS', 'READ'),
    ...key('VIDEOS', 'WRITE'),
    ...key('SAMPLES', 'READ'),
    ...key('SAMPLES', 'WRITE'),
  } as unknown as StoreVariables<P> // the names are computed, which the compiler cannot follow
}

export const storeVariablesOf = {
  hippius: storeVariables({
    prefix: 'HIPPIUS',
    name: 'Hippius',
    endpoint: {default: 's3.hippius.com'},
    region: 'decentralized',
  }),
  r2: storeVariables({
    prefix: 'R2',
    name: 'Cloudflare R2',
    endpoint: {defaultNote: 'none: <account>.r2.cloudflarestorage.com'},
    region: 'auto',
  }),
  s3: storeVariables({
    prefix: 'S3',
    name: 'AWS, MinIO or another S3 store',
    endpoint: {defaultNote: "AWS's own for the region"},
    region: 'us-east-1',
  }),
} as const

type StoreVariableName = {[K in StoreKind]: keyof (typeof storeVariablesOf)[K]}[StoreKind]
type Values = Partial<Record<StoreVariableName, string | undefined>>

export interface KeyPair {
  /** Empty when only the other half was given. */
  readonly accessKey: string
  readonly secretKey: string
}

export interface BucketConfig {
  readonly bucket: string
  readonly keys: {readonly read?: KeyPair; readonly write?: KeyPair}
  /** Names of the variables that hold each pair, for messages. */
  readonly variables: {readonly read: string; readonly write: string}
  /** What else makes reading possible, where something does. */
  readonly otherwise?: string
}

export interface StoreConfig extends Readonly<Record<BucketRole, BucketConfig>> {
  /** Undefined for AWS's own, and for an R2 whose account nobody named. */
  readonly endpoint: string | undefined
  readonly region: string
}

export function storeConfig(kind: StoreKind, values: Values): StoreConfig {
  const prefix = kind.toUpperCase() as Prefix // Uppercase<StoreKind> is what it is
  const text = (name: string) => values[`${prefix}_${name}` as StoreVariableName] // only called with the table's names
  const pair = (bucket: string, purpose: string): KeyPair | undefined => {
    const accessKey = text(`${bucket}_${purpose}_ACCESS_KEY`) ?? ''
    const secretKey = text(`${bucket}_${purpose}_SECRET_KEY`) ?? ''
    return accessKey === '' && secretKey === '' ? undefined : {accessKey, secretKey}
  }
  const bucket = (role: BucketRole): BucketConfig => {
    const name = role === 'source' ? 'VIDEOS' : 'SAMPLES'
    const [read, write] = [pair(name, 'READ'), pair(name, 'WRITE')]
    const names = (purpose: string) =>
      `${prefix}_${name}_${purpose}_ACCESS_KEY and ${prefix}_${name}_${purpose}_SECRET_KEY`
    return {
      bucket: text(role === 'source' ? 'SOURCE_BUCKET' : 'SAMPLES_BUCKET') ?? role,
      keys: {...(read && {read}), ...(write && {write})},
      variables: {read: names('READ'), write: names('WRITE')},
      ...(role === 'samples' && {otherwise: 'or SAMPLES_PUBLIC_URL, where the owner lets anyone read the bucket'}),
    }
  }
  return {
    endpoint: text('ENDPOINT'),
    region: text('REGION') ?? '',
    source: bucket('source'),
    samples: bucket('samples'),
  }
}
