import {z} from 'zod'
import {compareText, Sha256} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Model, Models, WeightFile} from './port.js'
import {type ProviderAnswer, ProviderHttp, said} from './provider-http.js'
import {SharedAnswers} from './shared-answers.js'

export interface HuggingFaceOptions {
  /** `HF_ENDPOINT`. */
  readonly url: string
  readonly token?: string | undefined
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly timeoutMs?: number
  readonly attempts?: number
  readonly firstPauseMs?: number
  /** How long a public model is taken to still be public, in milliseconds. */
  readonly keepMs?: number
}

/** One call with hundreds of files is some 100 kB; far beyond that it is not a model. */
const maxInfoBytes = 16 * 1024 * 1024
const maxTreePages = 20
const maxWeightFiles = 10_000
const weightFile = /\.(safetensors|bin|pt|pth|ckpt)$/i
const commit = /^[0-9a-f]{40}$/
/** The host's own rule for each half: letters, digits, `-_.`; neither `--` nor `..`; no `-` or `.` at either end. */
const half = '(?![-.])(?:(?!--|\\.\\.)[\\w.-]){1,96}(?<![-.])'
const repository = new RegExp(`^${half}/${half}$`)

const Lfs = z.object({sha256: Sha256.optional(), oid: z.string().optional(), size: z.number().int().min(0)})
const Sibling = z.object({
  rfilename: z.string().min(1).max(4096),
  lfs: Lfs.nullish().catch(null),
})
const Info = z.object({
  id: z.string().max(255).optional(),
  sha: z.string().regex(/^[0-9a-f]{40}$/i),
  private: z.boolean().default(false),
  gated: z.union([z.boolean(), z.string()]).default(false),
  disabled: z.boolean().nullish(),
  siblings: z.array(Sibling).optional(),
})
type Info = z.infer<typeof Info>
const TreeRow = z.object({
  type: z.string(),
  path: z.string().min(1).max(4096),
  lfs: z
    .object({oid: Sha256, size: z.number().int().min(0)})
    .nullish()
    .catch(null),
})

/**
 * Repositories of the Hugging Face Hub. Absent, private to this token, or not at that revision is undefined; a hub that
 * did not answer throws. Files at a commit never change and are remembered; whether it is still public is asked again.
 */
export class HuggingFace implements Pick<Models, 'model'> {
  readonly #http: ProviderHttp
  readonly #hasToken: boolean
  readonly #models: SharedAnswers<Model | undefined>
  /** By `name@sha`, newest last. */
  readonly #weights = new Map<string, readonly WeightFile[]>()

  constructor(options: HuggingFaceOptions) {
    const {time, keepMs = 3_600_000, timeoutMs = 20_000} = options
    this.#hasToken = options.token !== undefined
    this.#http = new ProviderHttp({
      ...options,
      timeoutMs,
      name: 'Hugging Face',
      code: 'HF',
      variable: 'HF_ENDPOINT',
    })
    this.#models = new SharedAnswers({
      time,
      keepMs: (model) => (model?.isPublic ? keepMs : 0),
      maxEntries: 2000,
    })
  }

  async model(name: string, revision: string, signal: AbortSignal): Promise<Model | undefined> {
    // Both come from miners. A name that the host could not have given is absent, and never becomes part of a path.
    if (!repository.test(name) || name.endsWith('.git') || !isRevision(revision)) return undefined
    if (!commit.test(revision)) return this.#ask(name, revision, signal)
    return this.#models.get(`${name}@${revision}`, signal, (inner) => this.#ask(name, revision, inner))
  }

  async #ask(name: string, revision: string, signal: AbortSignal): Promise<Model | undefined> {
    const known = this.#weights.get(`${name}@${revision}`)
    const path = `/api/models/${name}/revision/${encodeURIComponent(revision)}${known ? '' : '?blobs=true'}`
    const call = {path, maxBytes: maxInfoBytes}
    const answer = await this.#http.ask(call, signal)
    if (answer.status !== 200) return this.#refused(answer, call, revision)
    const info = this.#http.parse(answer, Info, call)
    // A renamed repository answers under its new name: what was committed is not there any more.
    if (info.id !== undefined && info.id.toLowerCase() !== name.toLowerCase()) return undefined
    const sha = info.sha.toLowerCase()
    const restriction = restrictionOf(info)
    if (restriction) return {sha, isPublic: false, restriction, weights: []}
    const weights = known ?? (await this.#files(name, sha, info, signal))
    this.#remember(`${name}@${sha}`, weights)
    return {sha, isPublic: true, weights}
  }

  /** What the hub says no to, after its own table. */
  #refused(answer: ProviderAnswer, call: {readonly path: string}, revision: string): Model | undefined {
    const {status, headers, text} = answer
    const code = String(headers['x-error-code'] ?? '')
    const withheld = (restriction: 'gated' | 'disabled') =>
      commit.test(revision) ? {sha: revision, isPublic: false, restriction, weights: []} : undefined
    if (code === 'GatedRepo') return withheld('gated')
    if (code === 'DisabledRepo') return withheld('disabled')
    if (status === 404 || ['RepoNotFound', 'RevisionNotFound', 'EntryNotFound'].includes(code)) return undefined
    // Without a token the hub says 401 for what is private and for what is missing alike.
    if (status === 401 && !this.#hasToken) return undefined
    if (status === 401) {
      throw new LeomaError('config', 'HF_TOKEN_REFUSED', `Hugging Face refuses the token: ${said(text)}`, {
        hints: ['make a new one at https://huggingface.co/settings/tokens (read access is enough), set HF_TOKEN'],
      })
    }
    if (status === 403) return withheld(/disabled/i.test(text) ? 'disabled' : 'gated')
    throw this.#http.unexpected(call, answer)
  }

  async #files(name: string, sha: string, {siblings}: Info, signal: AbortSignal): Promise<WeightFile[]> {
    const candidates = siblings?.filter(({rfilename}) => weightFile.test(rfilename))
    const found = candidates?.flatMap(({rfilename, lfs}): WeightFile[] => {
      const hash = Sha256.safeParse(lfs?.sha256 ?? lfs?.oid)
      return lfs && hash.success ? [{path: rfilename, sha256: hash.data, sizeBytes: lfs.size}] : []
    })
    // A mirror may list names alone; the tree has the hashes then. Small files that are no LFS objects have none at all.
    const complete = found && candidates && found.length === candidates.length
    return sorted(complete ? found : await this.#tree(name, sha, signal))
  }

  async #tree(name: string, sha: string, signal: AbortSignal): Promise<WeightFile[]> {
    const weights: WeightFile[] = []
    let path: string | undefined = `/api/models/${name}/tree/${sha}?recursive=true`
    for (let page = 0; path !== undefined; page++) {
      if (page >= maxTreePages || weights.length > maxWeightFiles) {
        throw new LeomaError('upstream', 'HF_ANSWER_TOO_LARGE', `${name} has too many files to look at`, {
          retryable: false,
        })
      }
      const call = {path, maxBytes: maxInfoBytes}
      const answer = await this.#http.ask(call, signal)
      if (answer.status !== 200) throw this.#http.unexpected(call, answer)
      for (const row of this.#http.parse(answer, z.array(TreeRow), call)) {
        if (row.type !== 'file' || !row.lfs || !weightFile.test(row.path)) continue
        weights.push({path: row.path, sha256: row.lfs.oid, sizeBytes: row.lfs.size})
      }
      path = this.#nextPage(answer, call)
    }
    return weights
  }

  /** The address of the next page, which must be on the same host. */
  #nextPage({headers}: ProviderAnswer, call: {readonly path: string}): string | undefined {
    const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(headers.link ?? ''))?.[1]
    if (target === undefined) return undefined
    const url = URL.parse(target, this.#http.url(call.path))
    const base = new URL(this.#http.url('/'))
    if (url?.origin !== base.origin || !url.pathname.startsWith(base.pathname)) {
      throw new LeomaError('upstream', 'HF_REDIRECTED', 'the next page of a file list is on another host', {
        retryable: false,
        hints: [`only ${base.origin} is ever called; set HF_ENDPOINT if the service has moved`],
      })
    }
    return `/${url.pathname.slice(base.pathname.length)}${url.search}`
  }

  #remember(key: string, weights: readonly WeightFile[]): void {
    this.#weights.delete(key)
    const oldest = this.#weights.keys().next()
    if (this.#weights.size >= 2000 && !oldest.done) this.#weights.delete(oldest.value)
    this.#weights.set(key, weights)
  }
}

/** Becomes one piece of a path; encoded, but no encoding keeps dots from climbing. */
function isRevision(text: string): boolean {
  return text.length > 0 && text.length <= 255 && text.isWellFormed() && !/^\.{1,2}$/.test(text)
}

function restrictionOf(info: Info): Model['restriction'] {
  if (info.disabled) return 'disabled'
  if (info.private) return 'private'
  return info.gated === false || info.gated === 'false' ? undefined : 'gated'
}

function sorted(weights: readonly WeightFile[]): WeightFile[] {
  return [...weights].sort((a, b) => compareText(a.path, b.path))
}
