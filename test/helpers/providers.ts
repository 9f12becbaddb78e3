import {readFile} from 'node:fs/promises'
import {createServer, type IncomingMessage, request, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import path from 'node:path'
import {pipeline} from 'node:stream/promises'
import {ChutesServer} from '../fakes/chutes-server.js'
import {HuggingFaceServer} from '../fakes/hugging-face-server.js'
import {OpenAiServer} from '../fakes/openai-server.js'
import type {Asked} from '../fakes/provider-server.js'
import {S3Server} from '../fakes/s3-server.js'
import {owner, reader} from './s3.js'

/** Every provider that a subnet has, as servers of this machine. */
export interface Providers {
  readonly s3: S3Server
  readonly openai: OpenAiServer
  readonly chutes: ChutesServer
  readonly huggingFace: HuggingFaceServer
  /** One address for Chutes, the chutes and Hugging Face. */
  readonly models: string
  /** What a person would put into `.env` to use them. */
  readonly env: Readonly<Record<string, string>>
  close(): Promise<void>
}

const chutesKey = 'cpk_owner'
const hfToken = 'hf_owner'
const buckets = {source: 'footage', samples: 'tasks'}

/** Chutes and Hugging Face have what the registry of this localnet lists, and the chutes are its local miners. */
export async function startProviders(dataDir: string): Promise<Providers> {
  const s3 = await S3Server.start({
    accounts: [
      {...owner, rights: ['get', 'list', 'put', 'delete']},
      {...reader, rights: ['get'], buckets: [buckets.samples]},
    ],
    buckets: Object.values(buckets),
    provider: 'minio',
  })
  const openai = await new OpenAiServer().open()
  const [chutes, huggingFace] = await Promise.all([ChutesServer.start(), HuggingFaceServer.start()])
  chutes.addUser('leoma-owner', chutesKey)
  huggingFace.tokens.add(hfToken)
  const front = createServer((asked, response) => {
    const of = asked.url?.startsWith('/api/models/') ? huggingFace.url : chutes.url
    mirror(path.join(dataDir, 'models.json'), chutes, huggingFace)
      .then(() => forward(asked, response, of))
      .catch(() => response.destroy())
  })
  await new Promise<void>((done) => front.listen(0, '127.0.0.1', done))
  const {accessKey, secretKey} = owner
  return {
    ...{s3, openai, chutes, huggingFace},
    models: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    env: {
      S3_SOURCE_BUCKET: buckets.source,
      S3_SAMPLES_BUCKET: buckets.samples,
      ...{S3_VIDEOS_WRITE_ACCESS_KEY: accessKey, S3_VIDEOS_WRITE_SECRET_KEY: secretKey},
      ...{S3_SAMPLES_WRITE_ACCESS_KEY: accessKey, S3_SAMPLES_WRITE_SECRET_KEY: secretKey},
      ...{S3_SAMPLES_READ_ACCESS_KEY: reader.accessKey, S3_SAMPLES_READ_SECRET_KEY: reader.secretKey},
      ...{OPENAI_BASE_URL: openai.url, OPENAI_API_KEY: openai.key},
      ...{CHUTES_API_KEY: chutesKey, HF_TOKEN: hfToken},
    },
    close: async () => {
      front.closeAllConnections()
      await new Promise<void>((done) => front.close(() => done()))
      await Promise.all([s3.close(), openai.close(), chutes.close(), huggingFace.close()])
    },
  }
}

/** As a registry file has it. */
interface Registry {
  readonly chutes: readonly {chuteId: string; slug: string; hot: boolean; revision: string; endpoint: string}[]
  readonly models: readonly {
    name: string
    sha: string
    weights: readonly {path: string; sha256: string; sizeBytes: number}[]
  }[]
}

async function mirror(file: string, chutes: ChutesServer, huggingFace: HuggingFaceServer): Promise<void> {
  const registry: Registry = JSON.parse(await readFile(file, 'utf8'))
  for (const {chuteId, endpoint, ...chute} of registry.chutes) {
    chutes.addChute('leoma-owner', chute.slug, {
      ...{chute_id: chuteId, ...chute},
      generate: (response, asked) => generateAt(endpoint, response, asked),
    })
  }
  for (const {name, sha, weights} of registry.models) {
    const files = weights.map(({sizeBytes: size, ...weight}) => ({...weight, size}))
    huggingFace.repositories.set(name, {sha, files})
  }
}

/** A chute is a proxy in front of the program of its owner. */
async function generateAt(endpoint: string, response: ServerResponse, {body}: Asked): Promise<void> {
  const answer = await fetch(`${endpoint}/generate`, {
    ...{method: 'POST', body},
    headers: {'content-type': 'application/json'},
  })
  const type = answer.headers.get('content-type') ?? 'application/octet-stream'
  response.writeHead(answer.status, {'content-type': type}).end(Buffer.from(await answer.arrayBuffer()))
}

async function forward(asked: IncomingMessage, response: ServerResponse, to: string): Promise<void> {
  const {method, headers, url} = asked
  const answer = await new Promise<IncomingMessage>((done, failed) => {
    const onward = request(`${to}${url}`, {method: method ?? 'GET', headers}, done)
    pipeline(asked, onward).catch(failed)
    onward.on('error', failed)
  })
  response.writeHead(answer.statusCode ?? 502, answer.headers)
  await pipeline(answer, response)
}
