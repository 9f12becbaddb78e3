import fc from 'fast-check'
import {expect, it} from 'vitest'
import {canonicalJson, hashOf} from '../../../src/domain/canonical.js'
import {StateText} from '../../../src/mechanisms/state-text.js'

/** One value from outside, so that JSON without well-formed text (lone surrogates) is left to the parsers. */
const json = fc.jsonValue({maxDepth: 4})

it('is the canonical JSON of any state', () => {
  fc.assert(
    fc.property(fc.oneof(json, fc.dictionary(fc.string(), fc.oneof(json, fc.array(json)))), (state) => {
      expect(new StateText().of(state)).toBe(canonicalJson(state))
      expect(new StateText().hash(state)).toBe(hashOf(state))
    }),
  )
})

it('is the canonical JSON of the states that follow from one another, whatever they share', () => {
  fc.assert(
    fc.property(fc.array(fc.dictionary(fc.string(), json), {minLength: 1}), (tasks) => {
      const texts = new StateText()
      let state: {tasks: unknown[]; last: number} = {tasks: [], last: 0}
      for (const [last, task] of tasks.entries()) {
        state = {tasks: [...state.tasks, task].slice(-3), last}
        expect(texts.of(state)).toBe(canonicalJson(state))
        expect(texts.hash(state)).toBe(hashOf(state))
      }
    }),
  )
})
