import {describe, expect, it} from 'vitest'
import {firstOf} from '../../../src/caption/first-of.js'
import type {Captioner} from '../../../src/caption/port.js'
import {SidecarCaptioner, sidecarKey} from '../../../src/caption/sidecar.js'
import {LeomaError} from '../../../src/errors.js'
import type {Objects} from '../../../src/objects/port.js'

const never = new AbortController().signal
const request = (sourceKey: string) => ({clip: 'unused.mp4', sourceKey})

/** A bucket of texts: only reading whole objects is asked of it. */
function texts(content: Record<string, string | Uint8Array>): Objects {
  const unused = () => {
    throw new Error('not asked for here')
  }
  return {
    bucket: 'source',
    getBytes: async (key, maxBytes) => {
      const found = content[key]
      if (found === undefined) throw new LeomaError('upstream', 'OBJECT_MISSING', key, {retryable: false})
      const bytes = typeof found === 'string' ? new TextEncoder().encode(found) : found
      if (bytes.length > maxBytes) throw new LeomaError('data', 'OBJECT_TOO_LARGE', key)
      return bytes
    },
    putFile: unused,
    putBytes: unused,
    getFile: unused,
    has: unused,
    list: unused,
  }
}

describe('a sidecar text', () => {
  it.each([
    ['cup.mp4', 'cup.txt'],
    ['2026/11/cup.v2.mp4', '2026/11/cup.v2.txt'],
    ['shots.old/cup', 'shots.old/cup.txt'],
    ['shots/.hidden', 'shots/.hidden.txt'],
  ])('of %s is %s', (source, text) => {
    expect(sidecarKey(source)).toBe(text)
  })

  it('is the prompt, in one line', async () => {
    const captioner = new SidecarCaptioner(texts({'a/cup.txt': '  A cup\r\n\tslides\u0000 left.\n\n'}))

    expect(await captioner.caption(request('a/cup.mp4'), never)).toEqual({
      text: 'A cup slides left.',
      author: 'sidecar',
    })
  })

  it('keeps letters of every alphabet and survives bytes that are no text', async () => {
    const captioner = new SidecarCaptioner(
      texts({'tea.txt': 'чашка 茶', 'bad.txt': new Uint8Array([0x41, 0xff, 0x42])}),
    )

    expect((await captioner.caption(request('tea.mp4'), never))?.text).toBe('чашка 茶')
    expect((await captioner.caption(request('bad.mp4'), never))?.text).toBe('A\ufffdB')
  })

  it('that is absent or blank says nothing', async () => {
    const captioner = new SidecarCaptioner(texts({'blank.txt': ' \n '}))

    expect(await captioner.caption(request('none.mp4'), never)).toBeUndefined()
    expect(await captioner.caption(request('blank.mp4'), never)).toBeUndefined()
  })

  it('that is too large, or a store that does not answer, is an error', async () => {
    const captioner = new SidecarCaptioner(texts({'large.txt': 'x'.repeat(4097)}))
    const down = new SidecarCaptioner({
      ...texts({}),
      getBytes: async () => {
        throw new LeomaError('upstream', 'OBJECTS_UNREACHABLE', 'down')
      },
    })

    await expect(captioner.caption(request('large.mp4'), never)).rejects.toMatchObject({code: 'OBJECT_TOO_LARGE'})
    await expect(down.caption(request('any.mp4'), never)).rejects.toMatchObject({code: 'OBJECTS_UNREACHABLE'})
  })
})

describe('the first of several captioners', () => {
  const says = (text?: string): Captioner => ({caption: async () => (text ? {text, author: text} : undefined)})
  const fails: Captioner = {
    caption: async () => {
      throw new Error('broken')
    },
  }

  it('with something to say is taken, and the rest are not asked', async () => {
    expect(await firstOf([says(), says('second'), fails]).caption(request('a'), never)).toMatchObject({text: 'second'})
  })

  it('may be none', async () => {
    expect(await firstOf([says(), says()]).caption(request('a'), never)).toBeUndefined()
    expect(await firstOf([]).caption(request('a'), never)).toBeUndefined()
  })

  it('is not passed over because it failed', async () => {
    await expect(firstOf([fails, says('second')]).caption(request('a'), never)).rejects.toThrow('broken')
  })
})
