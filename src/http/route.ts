import type {z} from 'zod'
import type {Hotkey} from '../domain/ids.js'
import type {SubmissionProof} from '../domain/submission-proof.js'
import type {Keep} from './kept-answer.js'

/**
 * `validator` also lets an admin pass, as published. `call` is a request in the signed form of a mechanism's own ecosystem
 * (`domain/signed-call.ts`); the route says who may.
 */
export type Access = 'public' | 'validator' | 'admin' | 'call'

export interface Caller {
  readonly hotkey: Hotkey
  readonly isAdmin: boolean
  /** For access `call`, when the signature covers the body. */
  readonly proof?: SubmissionProof
}

export interface RouteRequest<Params, Query, Body> {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** Undefined on public routes. */
  readonly caller: Caller | undefined
  /** Aborts when the server stops. */
  readonly signal: AbortSignal
}

/** What a handler returns when it has the JSON text already. */
export class JsonText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What a handler returns whose answer is megabytes: text made a piece at a time, with the turns of others in between. */
export class TextPieces {
  readonly pieces: Iterable<string>

  constructor(pieces: Iterable<string>) {
    this.pieces = pieces
  }
}

/** What a handler returns when the status is not 200 but the body is still its own. */
export class WithStatus<Body extends object> {
  readonly status: number
  readonly body: Body

  constructor(status: number, body: Body) {
    this.status = status
    this.body = body
  }
}

export type Reply = object | JsonText | TextPieces | WithStatus<object>

/** A route as data: the server, the document of the API and the tests all read the same list. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** As in the published table, `{name}` for parameters. */
  readonly path: string
  readonly summary: string
  readonly access: Access
  /** For access `call`: whether this hotkey may, asked before its signature is looked at. */
  readonly mayCall?: (hotkey: Hotkey) => boolean
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  readonly body?: z.ZodType
  readonly answer: z.ZodType
  /** Larger than the server's default, where the contract allows larger bodies. */
  readonly maxBodyBytes?: number
  /** Its answer may come with 503. */
  readonly mayBeDown?: true
  /** Of the answer, when that is no JSON. */
  readonly contentType?: string
  /** The answer to a public read will always be the same: whoever has it need not ask again. */
  readonly isFinal?: true
  /** For a public read without parameters: its answer stays in memory. */
  readonly keep?: Keep
  handle(request: RouteRequest<unknown, unknown, unknown>): Reply | Promise<Reply>
}

type Answer<Body> = Body | JsonText | TextPieces | WithStatus<Body & object>

interface Typed<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType>
  extends Omit<Route, 'params' | 'query' | 'body' | 'answer' | 'handle'> {
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  readonly answer: A
  handle(request: RouteRequest<z.output<P>, z.output<Q>, z.output<B>>): Answer<z.input<A>> | Promise<Answer<z.input<A>>>
}

/** Ties a handler's types to its schemas; the server parses before it calls. */
export function route<A extends z.ZodType, P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  typed: Typed<P, Q, B, A>,
): Route {
  // The server hands over exactly what these schemas gave, which the list's common type cannot express.
  return typed as unknown as Route
}
