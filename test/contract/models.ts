import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {sha256} from '../../src/domain/canonical.js'
import type {Models} from '../../src/models/port.js'

/** What the world of an adapter can be asked to hold. */
export interface ModelsFixture {
  readonly models: Models
  /** Puts a chute there, or changes it; gives what an adapter must say of it. */
  addChute(chute: {chuteId: string; hot: boolean; revision: string | null}): {slug: string; endpoint: string}
  addModel(model: {
    name: string
    sha: string
    refs: readonly string[]
    isPublic: boolean
    files: readonly {path: string; content: string; sizeBytes: number}[]
  }): void
  /** Makes whatever stands behind the adapter fail, and puts it right again. */
  breakDown(): void
  mend(): void
  close(): Promise<void>
}

/** Every adapter of the models port must pass this; `setup` gives an empty world for each test. */
export function modelsContract(label: string, setup: () => Promise<ModelsFixture>): void {
  const {signal} = new AbortController()
  const chuteId = 'd21577fd-6a2e-5fa3-90bb-414781380928'
  const sha = 'a1'.repeat(20)
  const name = 'alice/leoma-5Hotkey'
  const files = [
    {path: 'b.safetensors', content: 'b', sizeBytes: 2},
    {path: 'a.safetensors', content: 'a', sizeBytes: 1},
  ]
  let fixture: ModelsFixture

  describe(`models contract: ${label}`, () => {
    beforeEach(async () => {
      fixture = await setup()
    })
    afterEach(() => fixture.close())

    it('gives a chute with its address, whether it runs, and what it serves', async () => {
      const {slug, endpoint} = fixture.addChute({chuteId, hot: true, revision: sha})

      expect(await fixture.models.chute(chuteId, signal)).toMatchObject({
        chuteId,
        slug,
        hot: true,
        revision: sha,
        endpoint,
      })
    })

    it('tells a chute that sleeps, and one that says nothing of its revision', async () => {
      fixture.addChute({chuteId, hot: false, revision: null})

      expect(await fixture.models.chute(chuteId, signal)).toMatchObject({hot: false, revision: null})
    })

    it('sees a chute that has woken up', async () => {
      fixture.addChute({chuteId, hot: false, revision: sha})
      await fixture.models.chute(chuteId, signal)

      fixture.addChute({chuteId, hot: true, revision: sha})

      expect(await fixture.models.chute(chuteId, signal)).toMatchObject({hot: true})
    })

    it('has nothing where there is nothing, whatever is asked for', async () => {
      for (const id of [chuteId, '', '..', '../users/me', 'x'.repeat(300), '\u0000', 'a b', '\ud800'])
        expect(await fixture.models.chute(id, signal)).toBeUndefined()
      for (const other of [name, '', '/', '../..', 'a/b/c', 'a b/c', '\ud800/x', 'é/ü'])
        expect(await fixture.models.model(other, sha, signal)).toBeUndefined()
    })

    it('gives the weights of a model sorted by path', async () => {
      fixture.addModel({name, sha, refs: [], isPublic: true, files})

      const model = await fixture.models.model(name, sha, signal)

      expect(model).toMatchObject({sha, isPublic: true})
      expect(model?.weights).toEqual([
        {path: 'a.safetensors', sha256: sha256('a'), sizeBytes: 1},
        {path: 'b.safetensors', sha256: sha256('b'), sizeBytes: 2},
      ])
    })

    it('resolves a branch to its commit, and knows no revision but those there are', async () => {
      fixture.addModel({name, sha, refs: ['main'], isPublic: true, files})

      expect(await fixture.models.model(name, 'main', signal)).toMatchObject({sha})
      for (const revision of ['b2'.repeat(20), 'other', '', '..', sha.slice(0, 7), '\ud800'])
        expect(await fixture.models.model(name, revision, signal)).toBeUndefined()
    })

    it('never gives a model that is not public as one that is', async () => {
      fixture.addModel({name, sha, refs: [], isPublic: false, files})

      expect((await fixture.models.model(name, sha, signal))?.isPublic ?? false).toBe(false)
    })

    it('throws kind upstream while it cannot be asked, and remembers nothing of it', async () => {
      const {slug} = fixture.addChute({chuteId, hot: true, revision: sha})
      fixture.addModel({name, sha, refs: [], isPublic: true, files})
      fixture.breakDown()
      await expect(fixture.models.chute(chuteId, signal)).rejects.toMatchObject({kind: 'upstream'})
      await expect(fixture.models.model(name, sha, signal)).rejects.toMatchObject({kind: 'upstream'})

      fixture.mend()

      expect(await fixture.models.chute(chuteId, signal)).toMatchObject({slug})
      expect(await fixture.models.model(name, sha, signal)).toMatchObject({sha})
    })

    it('asks nothing once it is told to stop', async () => {
      fixture.addChute({chuteId, hot: true, revision: sha})
      fixture.addModel({name, sha, refs: [], isPublic: true, files})
      const stopped = AbortSignal.abort(new Error('stop'))

      await expect(fixture.models.chute(chuteId, stopped)).rejects.toThrow('stop')
      await expect(fixture.models.model(name, sha, stopped)).rejects.toThrow('stop')
    })
  })
}
