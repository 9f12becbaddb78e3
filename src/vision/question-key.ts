import {hashOf, sha256} from '../domain/canonical.js'
import type {Picture, Question} from './port.js'
import {wireSchema} from './strict-json.js'

/**
 * Names a question by everything that can change its answer: pictures by their pixels, because another build of the
 * encoder writes other bytes for the same picture.
 */
export function keyOf(question: Question<unknown>, baseUrl: string): string {
  const {model, instructions, parts, detail, answer, maxTokens, sampling, sample} = question
  const {temperature = null, seed = null, effort = null} = sampling
  return hashOf({
    version: 1,
    ...{baseUrl, model, instructions, detail, maxTokens, sample, temperature, seed, effort},
    answer: {name: answer.name, schema: wireSchema(answer.schema)},
    parts: parts.map((part) => ('text' in part ? part : {picture: pictureHash(part.picture)})),
  })
}

function pictureHash({width, height, rgb}: Picture): string {
  return `${width}x${height}:${sha256(rgb)}`
}
