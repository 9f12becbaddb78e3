import type {ServerResponse} from 'node:http'
import {uuid5} from '../../src/models/uuid5.js'
import {type Asked, type Handler, json, ProviderServer} from './provider-server.js'

export interface FakeChute {
  chute_id: string
  name: string
  slug: string
  version: string
  revision: string | null
  owner: string
  image: string
  code: string
  hot: boolean
  disabled: boolean
  sharedWith: Set<string>
  /** Warm-up calls until an instance is up. */
  coldFor: number
  /** What the cord at /generate answers. */
  generate: Handler
}

export interface FakeUser {
  readonly userId: string
  balance: number
}

const notFound = 'Chute not found, or does not belong to you'

/**
 * The Chutes API as far as it is used, with its texts where its source has them: lookup, code, warm-up, images, account,
 * pricing, deployment, sharing; and the chutes themselves under `/chute/{slug}`. Never compared with the live service.
 */
export class ChutesServer extends ProviderServer {
  readonly chutes = new Map<string, FakeChute>()
  readonly users = new Map<string, FakeUser>()
  /** Key to user name. */
  readonly keys = new Map<string, string>()
  readonly images = new Map<string, {owner: string; public: boolean; status: string}>()
  readonly bannedCode = new Set<string>()
  readonly reservedNames = new Set<string>()
  hourlyRate: Record<string, number> = {a100: 0.6, a100_sxm: 0.62, h100: 1.5}
  deploymentsLeft = 24

  /** What `CHUTES_INVOKE_URL` is set to. */
  get invokeUrl(): string {
    return `${this.url}/chute/{slug}`
  }

  static start(): Promise<ChutesServer> {
    const server = new ChutesServer()
    return server.listen((response, asked) => server.#route(response, asked))
  }

  addUser(username: string, key: string, balance = 100): void {
    this.users.set(username, {userId: uuid5(`user ${username}`), balance})
    this.keys.set(key, username)
  }

  addChute(owner: string, name: string, changes: Partial<FakeChute> = {}): FakeChute {
    const chute: FakeChute = {
      chute_id: uuid5(`${owner}::chute::${name}`),
      name,
      slug: `${owner}-${name}`
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '-')
        .slice(0, 58)
        .replace(/^-|-$/g, ''),
      version: uuid5(`version of ${name}`),
      revision: null,
      owner,
      image: 'leoma/video-gen:1.0',
      code: '',
      hot: true,
      disabled: false,
      sharedWith: new Set(),
      coldFor: 0,
      generate: (answer) => answer.writeHead(200, {'content-type': 'video/mp4'}).end('video'),
      ...changes,
    }
    this.chutes.set(chute.chute_id, chute)
    return chute
  }

  #route(response: ServerResponse, asked: Asked): unknown {
    const {method, path} = asked
    const [, slug] = /^\/chute\/([^/]+)\/generate$/.exec(path) ?? []
    const user = this.keys.get(asked.headers.authorization?.split(' ').at(-1) ?? '')
    if (path === '/pricing') return json(response, 200, this.#pricing())
    if (user === undefined) return json(response, 401, {detail: 'Invalid or missing API key'})
    if (slug !== undefined && method === 'POST') return this.#invoke(response, asked, slug, user)
    const {pathname, searchParams} = new URL(path, this.url)
    if (pathname === '/users/me') return json(response, 200, this.#account(user))
    if (pathname.startsWith('/images/')) return this.#image(response, decodeURI(pathname.slice(8)), user)
    if (pathname === '/chutes/' && method === 'POST') return this.#deploy(response, asked, searchParams, user)
    if (pathname === '/chutes/share' && method === 'POST') return this.#share(response, asked, user)
    const [, what, id] = /^\/chutes\/(?:(code|warmup)\/)?([^/]+)$/.exec(pathname) ?? []
    const chute = this.#visible(decodeURIComponent(id ?? ''), user)
    if (!chute) return json(response, 404, {detail: notFound})
    if (what === 'code') return response.writeHead(200, {'content-type': 'text/plain'}).end(chute.code)
    if (what === 'warmup') return this.#warm(response, chute, user)
    return json(response, 200, this.#record(chute))
  }

  #visible(id: string, user: string): FakeChute | undefined {
    const chute = this.chutes.get(id) ?? [...this.chutes.values()].find(({name}) => name === id)
    return chute && (chute.owner === user || chute.sharedWith.has(user)) ? chute : undefined
  }

  #record({owner, image, hot, code, sharedWith, coldFor, generate, ...chute}: FakeChute) {
    const [imageOwner = '', rest = ''] = image.split('/')
    const [name, tag] = rest.split(':')
    return {
      ...chute,
      tagline: chute.name,
      readme: chute.name,
      public: false,
      standard_template: null,
      cords: [],
      jobs: [],
      created_at: '2026-11-01T00:00:00',
      updated_at: '2026-11-01T00:00:00',
      image: {
        image_id: uuid5(image),
        name,
        tag,
        public: true,
        status: 'built and pushed',
        user: {username: imageOwner, user_id: uuid5(`user ${imageOwner}`)},
      },
      user: {username: owner, user_id: this.users.get(owner)?.userId ?? uuid5(`user ${owner}`)},
      supported_gpus: ['a100'],
      node_selector: {gpu_count: 1, min_vram_gb_per_gpu: 80},
      invocation_count: 0,
      current_estimated_price: {usd: {hour: 0.6, second: 0.6 / 3600}},
      instances: hot ? [{instance_id: uuid5('i'), region: 'n/a', active: true, verified: true}] : [],
      hot,
      something_new: {of: 'a later server'},
    }
  }

  #account(user: string) {
    const {userId, balance} = this.users.get(user) ?? {userId: uuid5(`user ${user}`), balance: 0}
    return {
      username: user,
      user_id: userId,
      created_at: '2026-01-01T00:00:00',
      hotkey: '5F…',
      coldkey: '5G…',
      payment_address: '5PaymentAddress',
      permissions_bitmask: 0,
      permissions: [],
      balance,
    }
  }

  #pricing() {
    const estimates = Object.entries(this.hourlyRate).map(([gpu, hour]) => [gpu, {usd: {hour, second: hour / 3600}}])
    return {tao_usd: 300, gpu_price_estimates: Object.fromEntries(estimates)}
  }

  #image(response: ServerResponse, reference: string, user: string): unknown {
    const image = this.images.get(reference)
    if (!image || (!image.public && image.owner !== user))
      return json(response, 404, {detail: 'Image not found, or does not belong to you'})
    return json(response, 200, {image_id: uuid5(reference), status: image.status, public: image.public})
  }

  #warm(response: ServerResponse, chute: FakeChute, user: string): unknown {
    if (chute.disabled) return json(response, 503, {detail: 'Chute is currently disabled.'})
    const balance = this.users.get(user)?.balance ?? 0
    if (balance <= 0) return json(response, 402, {detail: `Account balance is $${balance}, please top-up`})
    if (!chute.hot && --chute.coldFor <= 0) chute.hot = true
    return json(response, 200, {
      status: chute.hot ? 'hot' : 'cold',
      instance_count: chute.hot ? 1 : 0,
      bounty: null,
      instances: [],
    })
  }

  #share(response: ServerResponse, asked: Asked, user: string): unknown {
    const {chute_id_or_name: id, user_id_or_name: other} = JSON.parse(asked.body)
    const chute = this.#visible(id, user)
    if (chute?.owner !== user) {
      const detail = `Did not find target chute ${id}, or it does not belong to you`
      return json(response, 404, {detail})
    }
    if (!this.users.has(other)) return json(response, 404, {detail: 'Could not find target user to share with'})
    if (other === user) return json(response, 400, {detail: 'Cannot share a chute with yourself'})
    chute.sharedWith.add(other)
    return json(response, 200, {status: `Successfully shared chute_id=${id} with user_id=${other}`})
  }

  #deploy(response: ServerResponse, asked: Asked, query: URLSearchParams, user: string): unknown {
    const args = JSON.parse(asked.body)
    const image = this.images.get(args.image)
    if (--this.deploymentsLeft < 0)
      return json(response, 429, {detail: 'You may only update/create chutes 24 times per 24 hours.'})
    if (this.bannedCode.has(args.name))
      return json(response, 403, {detail: JSON.stringify({ban_reasons: ['obfuscated'], final_result: 'ban'})})
    if (this.reservedNames.has(args.name)) return json(response, 403, {detail: 'name is reserved for a subnet'})
    if (!/^[a-f0-9]{40}$/i.test(args.revision) || !/^[a-z][a-z0-9_]*\.py$/.test(args.filename))
      return json(response, 422, {detail: [{loc: ['body', 'revision'], msg: 'String should match pattern'}]})
    if (args.public) return json(response, 400, {detail: 'Chutes no longer supports public chutes.'})
    if (!image) return json(response, 400, {detail: 'Chute image not found, or does not belong to you'})
    const version = uuid5(`${uuid5(args.image)}:${args.code}`)
    const existing = this.chutes.get(uuid5(`${user}::chute::${args.name}`))
    if (existing?.version === version) {
      const detail = `Chute with name=${args.name}, version='${version}' and public=False already exists`
      return json(response, 409, {detail})
    }
    const account = this.users.get(user)
    const fee = existing ? 0 : 3 * args.node_selector.gpu_count * Math.min(...Object.values(this.hourlyRate))
    if (fee > 0 && query.get('accept_fee') !== 'true')
      return json(response, 402, {detail: `DEPLOYMENT FEE NOTICE: There is a deployment fee, which is: $${fee}`})
    if (!account || account.balance <= fee) {
      const detail = `The deployment fee, based on your node selector, is $${fee}, but you have a balance of ${account?.balance}.`
      return json(response, 402, {detail})
    }
    account.balance -= fee
    const chute = this.addChute(user, args.name, {
      version,
      revision: args.revision,
      image: args.image,
      code: args.code,
      hot: false,
      coldFor: 2,
      ...(existing ? {sharedWith: existing.sharedWith} : {}),
    })
    return json(response, 200, this.#record(chute))
  }

  #invoke(response: ServerResponse, asked: Asked, slug: string, user: string): unknown {
    const chute = [...this.chutes.values()].find((candidate) => candidate.slug === slug)
    if (!chute || !this.#visible(chute.chute_id, user)) return json(response, 404, {detail: 'No matching chute found!'})
    if (!chute.hot) return json(response, 503, {detail: 'No instances available (yet) for this chute'})
    response.setHeader('x-chutes-invocationid', uuid5('invocation'))
    return chute.generate(response, asked)
  }
}
