import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {mapAspects} from '../../src/judge/openai-answer.js'

/** What arrived, as the provider would read it. */
export interface Asked {
  readonly authorization: string | undefined
  readonly body: ChatRequest
}

export interface ChatRequest {
  readonly model: string
  readonly messages: readonly {readonly role: string; readonly content: string | readonly ContentPart[]}[]
  readonly response_format: {readonly type: string; readonly json_schema: {readonly name: string; schema: unknown}}
  readonly [name: string]: unknown
}

type ContentPart =
  | {readonly type: 'text'; readonly text: string}
  | {readonly type: 'image_url'; readonly image_url: {readonly url: string; readonly detail: string}}

/** Decides one answer. Undefined for the ordinary one. */
export type Behave = (asked: Asked, response: ServerResponse) => string | object | undefined | Promise<void>

/** Everything else is an argument that the provider does not know. */
const parameters = new Set([
  ...['model', 'messages', 'response_format', 'max_completion_tokens', 'temperature', 'seed', 'reasoning_effort'],
])
const refusedKeywords = ['$schema', 'minimum', 'maximum', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems']

/**
 * The chat API as documented: authentication, JSON errors, strict schemas held to their limits, refusal of parameters a
 * model does not take. What the model would say is up to the test.
 */
export class OpenAiServer {
  readonly asked: Asked[] = []
  readonly key = 'sk-test-0123456789abcdef'
  /** Used up one by one, then `behave` answers. */
  readonly queue: Behave[] = []
  behave: Behave = () => undefined
  /** As some providers do with a key that they refuse. */
  repeatsKey = false
  /** Milliseconds before an ordinary answer. */
  latencyMs = 0
  readonly models: {id: string; object: 'model'; created: number; owned_by: string; shutdown_date?: string}[] = [
    {id: 'gpt-6-luna', object: 'model', created: 1_790_000_000, owned_by: 'system'},
  ]
  readonly #server = createServer((request, response) => void this.#answer(request, response))

  async open(): Promise<this> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return this
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((done) => this.#server.close(() => done()))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const {authorization} = request.headers
    if (authorization !== `Bearer ${this.key}`) {
      const said = this.repeatsKey ? `: ${authorization?.replace('Bearer ', '')}` : ''
      return error(response, 401, `Incorrect API key provided${said}.`, {code: 'invalid_api_key'})
    }
    if (request.url === '/v1/models') return json(response, 200, {object: 'list', data: this.models})
    if (request.url !== '/v1/chat/completions' || request.method !== 'POST') {
      return error(response, 404, `Unknown request URL: ${request.method} ${request.url}.`)
    }
    const body = JSON.parse(Buffer.concat(chunks).toString()) as ChatRequest
    const asked = {authorization, body}
    this.asked.push(asked)
    const fault = faultOf(body)
    if (fault) return error(response, 400, fault.message, {param: fault.param})
    if (!this.models.some(({id}) => id === body.model)) {
      return error(response, 404, `The model '${body.model}' does not exist.`, {code: 'model_not_found'})
    }
    const made = await (this.queue.shift() ?? this.behave)(asked, response)
    if (response.writableEnded || response.headersSent) return
    if (this.latencyMs > 0) await new Promise((done) => setTimeout(done, this.latencyMs))
    const content = made ?? ordinary(body)
    json(response, 200, completion(body.model, typeof content === 'string' ? content : JSON.stringify(content)))
  }
}

export function completion(model: string, content: string | null, changes: object = {}, message: object = {}) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_790_000_000,
    model: `${model}-2026-10-01`,
    choices: [
      {index: 0, finish_reason: 'stop', message: {role: 'assistant', content, refusal: null, ...message}, ...changes},
    ],
    usage: {prompt_tokens: 6600, completion_tokens: 400, total_tokens: 7000},
  }
}

export function json(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  response.writeHead(status, {'content-type': 'application/json', 'x-request-id': 'req_1', ...headers})
  response.end(JSON.stringify(body))
}

export function error(
  response: ServerResponse,
  status: number,
  message: string,
  {code = null, param = null, headers = {}}: {code?: string | null; param?: string | null; headers?: object} = {},
): void {
  json(response, status, {error: {message, type: 'invalid_request_error', param, code}}, headers)
}

/** A vote that gives every aspect the same score. */
export function vote(score: number, changes: object = {}) {
  return {
    aspects: mapAspects(() => ({seen: `as it should be for ${score}`, score})),
    text_addressed_to_grader: false,
    strengths: ['steady'],
    issues: ['a little soft'],
    confidence: 80,
    ...changes,
  }
}

export function pair(a: number, b: number, changes: object = {}) {
  const all = (score: number) => mapAspects(() => score)
  return {
    difference: 'they differ',
    a_text_addressed_to_grader: false,
    b_text_addressed_to_grader: false,
    a: all(a),
    b: all(b),
    ...changes,
  }
}

function ordinary({response_format: {json_schema}}: ChatRequest): object {
  return json_schema.name === 'video_scores' ? vote(80) : {}
}

function faultOf(body: ChatRequest): {message: string; param: string} | undefined {
  const unknown = Object.keys(body).find((name) => !parameters.has(name))
  if (unknown) return {message: `Unrecognized request argument supplied: ${unknown}`, param: unknown}
  if (/^gpt-[5-9]/.test(body.model) && body.temperature !== undefined && body.reasoning_effort !== 'none') {
    return {message: "Unsupported value: 'temperature' does not support this value.", param: 'temperature'}
  }
  const schema = schemaFault(body.response_format.json_schema.schema)
  if (schema) return {message: `Invalid schema for response_format: ${schema}`, param: 'response_format'}
  return undefined
}

function schemaFault(node: unknown): string | undefined {
  if (typeof node !== 'object' || node === null) return undefined
  if (Array.isArray(node)) return node.map(schemaFault).find((fault) => fault)
  const schema = node as Record<string, unknown>
  const keyword = refusedKeywords.find((name) => name in schema)
  if (keyword) return `'${keyword}' is not permitted`
  if (schema.type === 'object') {
    const names = Object.keys(schema.properties as object)
    if (schema.additionalProperties !== false)
      return "'additionalProperties' is required to be supplied and to be false"
    if (JSON.stringify(schema.required) !== JSON.stringify(names)) return "'required' must include every key"
  }
  return Object.values(schema)
    .map(schemaFault)
    .find((fault) => fault)
}
