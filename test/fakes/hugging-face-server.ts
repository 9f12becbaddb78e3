import {json, ProviderServer} from './provider-server.js'

export interface FakeFile {
  readonly path: string
  readonly size: number
  /** Absent for a small file that is no LFS object. */
  readonly sha256?: string
}

export interface FakeRepository {
  readonly sha: string
  readonly refs?: readonly string[]
  readonly private?: boolean
  readonly gated?: false | 'auto' | 'manual'
  readonly disabled?: boolean
  readonly files: readonly FakeFile[]
  /** Only for those with the token. */
  readonly refusesMetadata?: 'GatedRepo'
  /** Lists names without hashes, as mirrors do. */
  readonly hidesBlobs?: boolean
}

/**
 * The hub's API as far as it is used: `revision/{rev}?blobs=true` and `tree/{rev}?recursive=true`, with its error codes.
 * Written from its documented answers, never compared with the live service.
 */
export class HuggingFaceServer extends ProviderServer {
  readonly repositories = new Map<string, FakeRepository>()
  readonly tokens = new Set<string>()
  /** Rows per page of a tree. */
  pageSize = 1000

  static start(): Promise<HuggingFaceServer> {
    const server = new HuggingFaceServer()
    return server.listen((response, {path, headers}) => {
      const authorization = headers.authorization?.replace(/^Bearer /, '')
      if (authorization !== undefined && !server.tokens.has(authorization))
        return json(response, 401, {error: 'Invalid credentials in Authorization header'})
      const known = authorization !== undefined
      const match = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/?]+)(?:\?(.*))?$/.exec(path)
      if (!match) return json(response, 404, {error: 'Sorry, we can’t find the page you are looking for.'})
      const [, name = '', what, rawRevision = '', query = ''] = match
      const repository = server.repositories.get(name)
      const missing = () =>
        json(
          response,
          known ? 404 : 401,
          {error: known ? 'Repository not found' : 'Invalid username or password.'},
          {'x-error-code': 'RepoNotFound'},
        )
      if (!repository || (repository.private && !known)) return missing()
      if (repository.refusesMetadata && !known) {
        const error = `Access to model ${name} is restricted.`
        return json(response, 403, {error}, {'x-error-code': repository.refusesMetadata})
      }
      const revision = decodeURIComponent(rawRevision)
      if (revision !== repository.sha && !repository.refs?.includes(revision))
        return json(response, 404, {error: `Invalid rev id: ${revision}`}, {'x-error-code': 'RevisionNotFound'})
      const parameters = new URLSearchParams(query)
      if (what === 'revision') return json(response, 200, server.#info(name, repository, parameters))
      const {rows, headers: paging} = server.#tree(name, repository, parameters)
      return json(response, 200, rows, paging)
    })
  }

  #info(name: string, repository: FakeRepository, query: URLSearchParams) {
    const {sha, files, gated = false, hidesBlobs} = repository
    const blobs = query.get('blobs') === 'true' && !hidesBlobs
    return {
      _id: '65f0c0ffee',
      id: name,
      modelId: name,
      sha,
      private: repository.private ?? false,
      gated,
      disabled: repository.disabled ?? false,
      lastModified: '2026-11-01T00:00:00.000Z',
      siblings: files.map(({path, size, sha256}) => ({
        rfilename: path,
        ...(blobs ? {size, blobId: 'b'.repeat(40)} : {}),
        ...(blobs && sha256 ? {lfs: {sha256, size, pointerSize: 135}} : {}),
      })),
    }
  }

  #tree(name: string, {sha, files}: FakeRepository, query: URLSearchParams) {
    const from = Number(query.get('cursor') ?? 0)
    const to = from + this.pageSize
    const rows = files.slice(from, to).map(({path, size, sha256}) => ({
      type: 'file',
      oid: 'c'.repeat(40),
      path,
      size,
      ...(sha256 ? {lfs: {oid: sha256, size, pointerSize: 135}, xetHash: 'd'.repeat(64)} : {}),
    }))
    const next = `${this.url}/api/models/${name}/tree/${sha}?recursive=true&cursor=${to}`
    const headers: Record<string, string> = to < files.length ? {link: `<${next}>; rel="next"`} : {}
    return {rows: [{type: 'directory', path: 'transformer', oid: 'e'.repeat(40), size: 0}, ...rows], headers}
  }
}
