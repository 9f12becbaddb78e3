/**
 * The published API as its fact sheet lists it: every route, what it answers and what it takes. Types are written as
 * `int`, `float`, `bool`, `string`, `Z` (RFC 3339 with `Z`) and `O` (with `+00:00`); `?` allows null, `[]` makes a list.
 */
export type Shape = string | {readonly [field: string]: Shape} | readonly [Shape] | {readonly '*': Shape}

export interface PublishedRoute {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly auth: 'pub' | 'val' | 'adm'
  readonly answer: Shape
  /** Where an address stands that is refused with 400 when it is none. */
  readonly hotkeyIn?: 'path' | 'query'
  /** Query parameters that must be there. */
  readonly needs?: readonly string[]
  readonly limit?: {readonly standard: number; readonly max: number}
}

const health = {status: 'string', version: 'string', database: 'bool', metagraph_synced: 'bool', last_sync: 'Z?'}
const miner = {
  uid: 'int',
  hotkey: 'string',
  model_name: 'string?',
  model_revision: 'string?',
  model_hash: 'string?',
  chute_id: 'string?',
  chute_slug: 'string?',
  is_valid: 'bool',
  invalid_reason: 'string?',
  block: 'int?',
  last_validated_at: 'Z?',
}
const minersList = {miners: [miner], total: 'int', valid_count: 'int'} as const
const sample = {
  id: 'int',
  task_id: 'int',
  validator_hotkey: 'string',
  miner_hotkey: 'string',
  prompt: 'string?',
  s3_bucket: 'string',
  s3_prefix: 'string',
  passed: 'bool',
  confidence: 'int?',
  reasoning: 'string?',
  evaluated_at: 'Z?',
  latency_ms: 'int?',
}
const minerTask = {task_id: 'int', passed: 'bool', latency_ms: 'int?', updated: 'Z?'}
const paths = {
  task_id: 'int',
  description: 'string?',
  s3_prefix: 'string',
  first_frame_path: 'string',
  original_clip_path: 'string',
  first_frame_url: 'string?',
  original_clip_url: 'string?',
}
const pair = {score: 'float', total_samples: 'int', total_passed: 'int', pass_rate: 'float', updated_at: 'O?'}
const entry = {hotkey: 'string', reason: 'string?', added_by: 'string?', created_at: 'Z?'}

export const publishedRoutes: readonly PublishedRoute[] = [
  {method: 'GET', path: '/health', auth: 'pub', answer: health},
  {method: 'GET', path: '/miners/uid/{uid}', auth: 'pub', answer: miner},
  {method: 'GET', path: '/miners/list', auth: 'pub', answer: minersList},
  {method: 'GET', path: '/miners/valid', auth: 'val', answer: minersList},
  {method: 'GET', path: '/miners/all', auth: 'val', answer: minersList},
  {method: 'GET', path: '/miners/{miner_hotkey}/tasks', auth: 'pub', answer: [minerTask], hotkeyIn: 'path'},
  {method: 'GET', path: '/miners/info/{miner_hotkey}', auth: 'pub', answer: miner, hotkeyIn: 'path'},
  // The code wants a signature here; the README of the same project promises it to miners without one.
  {method: 'GET', path: '/miners/{miner_hotkey}', auth: 'pub', answer: miner, hotkeyIn: 'path'},
  {method: 'POST', path: '/samples', auth: 'val', answer: sample},
  {method: 'POST', path: '/samples/batch', auth: 'val', answer: [sample]},
  {method: 'GET', path: '/samples/list', auth: 'pub', answer: [sample], limit: {standard: 200, max: 500}},
  {
    method: 'GET',
    path: '/samples/task',
    auth: 'pub',
    answer: [sample],
    hotkeyIn: 'query',
    needs: ['validator_hotkey', 'task_id'],
  },
  {
    method: 'GET',
    path: '/samples/validator/{validator_hotkey}',
    auth: 'val',
    answer: [sample],
    hotkeyIn: 'path',
    limit: {standard: 100, max: 500},
  },
  {
    method: 'GET',
    path: '/samples/miner/{miner_hotkey}',
    auth: 'val',
    answer: [sample],
    hotkeyIn: 'path',
    limit: {standard: 100, max: 500},
  },
  {
    method: 'GET',
    path: '/scores',
    auth: 'pub',
    answer: {
      scores: {
        '*': {
          avg_score: 'float',
          total_samples: 'int',
          total_passed: 'int',
          pass_rate: 'float',
          validator_count: 'int',
        },
      },
      total_validators: 'int',
      updated_at: 'Z?',
    },
  },
  {
    method: 'GET',
    path: '/scores/validators',
    auth: 'pub',
    answer: [
      {
        validator_hotkey: 'string',
        total_samples: 'int',
        total_passed: 'int',
        avg_score: 'float',
        pass_rate: 'float',
        last_updated: 'O?',
      },
    ],
  },
  {
    method: 'GET',
    path: '/scores/miner/{miner_hotkey}',
    auth: 'pub',
    hotkeyIn: 'path',
    answer: {
      miner_hotkey: 'string',
      by_validator: [{validator_hotkey: 'string', ...pair}],
      aggregated: {
        total_samples: 'int',
        total_passed: 'int',
        avg_score: 'float',
        pass_rate: 'float',
        validator_count: 'int',
      },
    },
  },
  {
    method: 'GET',
    path: '/scores/validator/{validator_hotkey}',
    auth: 'pub',
    hotkeyIn: 'path',
    answer: {validator_hotkey: 'string', scores: [{miner_hotkey: 'string', ...pair}], total_miners: 'int'},
  },
  {
    method: 'GET',
    path: '/scores/rank',
    auth: 'pub',
    answer: {
      ranks: [
        {
          miner_hotkey: 'string',
          uid: 'int?',
          rank: 'int',
          passed_count: 'int',
          pass_rate: 'float',
          block: 'int?',
          eligible: 'bool',
          // Promised by the README.
          is_valid: 'bool',
          invalid_reason: 'string?',
        },
      ],
    },
  },
  {
    method: 'GET',
    path: '/scores/stats',
    auth: 'pub',
    answer: {
      total_validators: 'int',
      total_miners: 'int',
      total_samples: 'int',
      total_score_entries: 'int',
      overall_pass_rate: 'float',
    },
  },
  {method: 'GET', path: '/blacklist', auth: 'pub', answer: [entry]},
  {method: 'GET', path: '/blacklist/miners', auth: 'pub', answer: ['string']},
  {method: 'GET', path: '/blacklist/{hotkey}', auth: 'pub', answer: entry, hotkeyIn: 'path'},
  {method: 'POST', path: '/blacklist', auth: 'adm', answer: entry},
  {
    method: 'DELETE',
    path: '/blacklist/{hotkey}',
    auth: 'adm',
    answer: {success: 'bool', message: 'string', removed_by: 'string'},
    hotkeyIn: 'path',
  },
  {method: 'GET', path: '/tasks/latest', auth: 'pub', answer: {task_id: 'int'}},
  {method: 'GET', path: '/tasks', auth: 'pub', answer: [minerTask], hotkeyIn: 'query', needs: ['miner_hotkey']},
  {
    method: 'GET',
    path: '/tasks/{task_id}',
    auth: 'pub',
    answer: {
      ...paths,
      miner_count: 'int',
      validator_count: 'int',
      miners: [{miner_hotkey: 'string', passed: 'bool', validator_count: 'int', latency_ms: 'int?', updated: 'Z?'}],
    },
  },
  {
    method: 'GET',
    path: '/tasks/{task_id}/miner/{miner_hotkey}',
    auth: 'pub',
    hotkeyIn: 'path',
    answer: {
      ...paths,
      miner_hotkey: 'string',
      generated_video_path: 'string',
      generated_video_url: 'string?',
      validators: [
        {
          validator_hotkey: 'string',
          passed: 'bool',
          stake: 'float?',
          evaluated_at: 'Z?',
          confidence: 'int?',
          reasoning: 'string?',
          aspect_scores: {'*': 'int'},
          overall_score: 'int?',
        },
      ],
      final_passed: 'bool',
      latency_ms: 'int?',
    },
  },
  {
    method: 'GET',
    path: '/weights',
    auth: 'pub',
    answer: {
      winner_uid: 'int',
      miners: [{miner_hotkey: 'string', uid: 'int', pass_rate: 'float', weight: 'float'}],
    },
  },
]

const datetime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?/

/** Where an answer is not what was published: `path: what is wrong`. Fields that are more than published are fine. */
export function mismatches(answer: unknown, shape: Shape, at = ''): string[] {
  if (typeof shape === 'string') return isOf(answer, shape) ? [] : [`${at}: ${JSON.stringify(answer)} is no ${shape}`]
  if (Array.isArray(shape)) {
    if (!Array.isArray(answer)) return [`${at}: no list`]
    return answer.flatMap((item, index) => mismatches(item, shape[0], `${at}[${index}]`))
  }
  if (typeof answer !== 'object' || answer === null) return [`${at}: no object`]
  const fields = answer as Record<string, unknown> // Any field may be asked for.
  if ('*' in shape)
    return Object.entries(fields).flatMap(([key, value]) => mismatches(value, shape['*'], `${at}.${key}`))
  return Object.entries(shape as Record<string, Shape>).flatMap(([name, of]) =>
    name in fields ? mismatches(fields[name], of, `${at}.${name}`) : [`${at}.${name}: missing`],
  )
}

function isOf(value: unknown, type: string): boolean {
  if (value === null) return type.endsWith('?')
  switch (type.replace('?', '')) {
    case 'int':
      return Number.isInteger(value)
    case 'float':
      return typeof value === 'number'
    case 'bool':
      return typeof value === 'boolean'
    case 'Z':
      return typeof value === 'string' && datetime.test(value) && value.endsWith('Z')
    case 'O':
      return typeof value === 'string' && datetime.test(value) && value.endsWith('+00:00')
    default:
      return typeof value === 'string'
  }
}
