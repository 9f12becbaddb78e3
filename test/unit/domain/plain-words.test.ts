import {expect, it} from 'vitest'
import {counted, gateWords, invalidWords} from '../../../src/domain/plain-words.js'
import {gates} from '../../../src/mechanisms/video/gates.js'

it('counts one apart from none and many', () => {
  expect([0, 1, 2].map((number) => counted(number, 'task'))).toEqual(['0 tasks', '1 task', '2 tasks'])
  expect(counted(2, 'try', 'tries')).toBe('2 tries')
})

it('has words of its own for every gate, so that no sentence says "rejected for empty"', () => {
  const words = [...gates, 'duplicate', 'encoding'].map(gateWords)
  for (const said of words) expect(said).toMatch(/^(an?|the|too|hardly|frames|not|less|repeating) /)
  expect(new Set(words).size).toBe(words.length)
})

it('says a gate that it does not know as it is named', () => {
  expect(gateWords('lip_sync')).toBe('lip sync')
  expect(gateWords('constructor')).toBe('constructor')
})

it.each([
  ['duplicate_model:earliest_uid=2', 'a copy of the model of uid 2, which was first'],
  ['duplicate_model', 'a copy of an earlier model'],
  ['max_commits_exceeded_2', 'more than 2 commitments by this hotkey'],
  ['max_commits_exceeded_1', 'more than 1 commitment by this hotkey'],
  ['revision_mismatch:chute=abc', 'the chute serves another revision than the committed one'],
  ['revision_mismatch:hf=abc', 'the model is at another revision than the committed one'],
  ['something_new:x=1', 'something new:x=1'],
  ['', ''],
])('says %s as %s', (reason, words) => {
  expect(invalidWords(reason)).toBe(words)
})

it('leaves no reason of validation that still reads like a code', () => {
  for (const code of [
    ...['blacklisted', 'missing_model_name', 'missing_model_revision', 'missing_chute_id', 'chute_fetch_failed'],
    ...['model_name_must_start_with_leoma', 'model_name_must_end_with_hotkey', 'chute_not_running', 'not_on_subnet'],
    ...['chute_image_unknown', 'chute_code_unreadable', 'image_not_allowed:x', 'code_is_not_the_template'],
    ...['code_names_another_model', 'hf_model_fetch_failed', 'copy_of:5F'],
  ])
    expect(invalidWords(code)).not.toBe(code.replaceAll('_', ' '))
})
