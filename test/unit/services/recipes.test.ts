import {describe, expect, it} from 'vitest'
import {
  driftsTooFar,
  type Recipe,
  recipeArguments,
  renderProfile,
  videoProfiles,
} from '../../../src/services/localnet/recipes.js'

const recipe: Recipe = {
  clip: '/tmp/a folder/hidden:clip.mp4',
  firstFrame: '/tmp/first.png',
  otherClip: '/tmp/other.mp4',
  answerIndex: 0,
  width: 832,
  height: 480,
  frames: 81,
  fps: 16,
  to: '/tmp/out.mp4',
  run: async () => {},
}
const {signal} = new AbortController()

describe('recipes of the local miners', () => {
  it('make every third answer of drift too far, and only those', () => {
    expect([0, 1, 2, 3, 4, 5].map(driftsTooFar)).toEqual([false, false, true, false, false, true])
    expect(recipeArguments('drift', recipe)).toEqual(recipeArguments('drift', {...recipe, answerIndex: 1}))
    expect(recipeArguments('drift', recipe)).not.toEqual(recipeArguments('drift', {...recipe, answerIndex: 2}))
  })

  it('give wrong-frame nothing but the other clip, and say when there is none', async () => {
    const {otherClip: _, ...alone} = recipe

    expect(recipeArguments('wrong-frame', recipe).filter((part) => part.startsWith('file:/tmp/'))).toEqual([
      'file:/tmp/other.mp4',
      'file:/tmp/out.mp4',
    ])
    await expect(renderProfile('wrong-frame', alone, signal)).rejects.toMatchObject({code: 'SECOND_CLIP_MISSING'})
  })

  it('keep paths out of the filter graph, where a colon would be read', () => {
    for (const profile of videoProfiles) {
      const args = recipeArguments(profile, recipe)
      expect(args[args.indexOf('-filter_complex') + 1]).not.toMatch(/tmp|hidden/)
    }
  })

  it('show the hidden clip to those alone that are to know it', () => {
    const knows = videoProfiles.filter((profile) =>
      recipeArguments(profile, recipe).includes('file:/tmp/a folder/hidden:clip.mp4'),
    )

    expect(knows).toEqual(['oracle', 'drift', 'busy', 'short'])
  })
})
