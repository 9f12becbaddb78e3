import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'

export interface Asked {
  readonly method: string
  /** With the query, as it came over the wire. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type Handler = (response: ServerResponse, asked: Asked) => unknown

/** HTTP on loopback that records what it is asked, and can be told to misbehave for a while. */
export class ProviderServer {
  readonly asked: Asked[] = []
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  #port = 0
  #faults: {times: number; matches: (asked: Asked) => boolean; handler: Handler}[] = []
  #answer: Handler = (response) => response.writeHead(404).end()

  async listen(answer: Handler): Promise<this> {
    this.#answer = answer
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
    return this
  }

  /** Known once it listens, and still after it has closed. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** The next `times` requests whose path begins so are answered like this instead. */
  fault(prefix: string, handler: Handler, times = Number.POSITIVE_INFINITY): void {
    this.#faults.push({times, matches: ({path}) => path.startsWith(prefix), handler})
  }

  mend(): void {
    this.#faults = []
  }

  paths(): string[] {
    return this.asked.map(({method, path}) => `${method} ${path}`)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    let body = ''
    try {
      for await (const chunk of request) body += chunk
    } catch {
      return
    }
    const asked = {method: request.method ?? '', path: request.url ?? '', headers: request.headers, body}
    this.asked.push(asked)
    const fault = this.#faults.find(({times, matches}) => times > 0 && matches(asked))
    if (fault) {
      fault.times--
      await fault.handler(response, asked)
      return
    }
    await this.#answer(response, asked)
  }
}

export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  response.writeHead(status, {'content-type': 'application/json', ...headers}).end(JSON.stringify(body))
}

export const status =
  (code: number, detail: unknown = `status ${code}`, headers: Record<string, string> = {}): Handler =>
  (response) =>
    json(response, code, {detail}, headers)

export const html: Handler = (response) =>
  response.writeHead(200, {'content-type': 'text/html'}).end('<!doctype html><title>Sign in</title>')

export const silence: Handler = () => {}

/** Sends without end, as fast as it is read. */
export const flood: Handler = (response) => {
  response.writeHead(200, {'content-type': 'application/json'})
  const chunk = `"${'x'.repeat(65_536)}"`
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', more)
  more()
}

export const redirect =
  (location: string, code = 307): Handler =>
  (response) =>
    response.writeHead(code, {location}).end()

/** Says that there is more than it sends. */
export const halfBody: Handler = (response) => {
  response.writeHead(200, {'content-type': 'application/json', 'content-length': '1000'})
  response.write('{"id":')
  response.socket?.end()
}
