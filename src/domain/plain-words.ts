/** Codes and counts in words that a stranger understands: for explanations, tables and the dashboard alike. */

/** `1 task`, `2 tasks`. */
export const counted = (number: number, one: string, more = `${one}s`): string =>
  `${number} ${number === 1 ? one : more}`

/** `first_frame` as `first frame`. */
const spaced = (code: string): string => code.replaceAll(/[_-]+/g, ' ')

const gates: Readonly<Record<string, string>> = {
  empty: 'an empty file',
  too_large: 'too large a file',
  encoding: 'a compressed answer',
  unreadable: 'a file that is no readable video',
  container: 'the wrong file format',
  codec: 'the wrong codec',
  streams: 'the wrong number of video streams',
  resolution: 'the wrong picture size',
  fps: 'the wrong frame rate',
  frames: 'the wrong number of frames',
  duration: 'the wrong length',
  motion: 'hardly any motion',
  held_frames: 'frames that only repeat the one before',
  first_frame: 'not beginning with the given frame',
  detail: 'less detail than the given frame',
  duplicate: "repeating another miner's output",
}

/** What a gate found, so that it stands behind `rejected for`; the code itself where it is not known here. */
export const gateWords = (gate: string): string =>
  (Object.hasOwn(gates, gate) ? gates[gate] : undefined) ?? spaced(gate)

const invalid: Readonly<Record<string, (detail: string) => string>> = {
  not_on_subnet: () => 'the hotkey is not registered on the subnet',
  blacklisted: () => 'blacklisted by the owner of the subnet',
  missing_model_name: () => 'the commitment names no model',
  missing_model_revision: () => 'the commitment names no revision',
  missing_chute_id: () => 'the commitment names no chute',
  model_name_must_start_with_leoma: () => "the repository's name does not begin with leoma",
  model_name_must_end_with_hotkey: () => "the repository's name does not end with the hotkey",
  revision_mismatch: (detail) =>
    detail.startsWith('chute=')
      ? 'the chute serves another revision than the committed one'
      : 'the model is at another revision than the committed one',
  chute_fetch_failed: () => 'the chute cannot be looked up',
  chute_not_running: () => 'the chute is not running',
  chute_image_unknown: () => "the chute's image cannot be looked up",
  chute_code_unreadable: () => "the chute's code cannot be read",
  image_not_allowed: () => 'the chute runs an image that the exam does not allow',
  code_is_not_the_template: () => 'the chute does not run the published template',
  code_names_another_model: () => "the chute's code names another model",
  hf_model_fetch_failed: () => 'the model is not public, or has no weights to be found',
  duplicate_model: (detail) => {
    const [, uid] = /^earliest_uid=(\d{1,5})$/.exec(detail) ?? []
    return uid === undefined ? 'a copy of an earlier model' : `a copy of the model of uid ${uid}, which was first`
  },
  copy_of: () => 'a copy of what another miner submitted first',
}

/** Why validation found a miner not valid: `duplicate_model:earliest_uid=2` as a person would say it. */
export function invalidWords(reason: string): string {
  const [, code = reason, detail = ''] = /^([^:]*):?([\s\S]*)$/.exec(reason) ?? []
  const [, most] = /^max_commits_exceeded_(\d{1,5})$/.exec(code) ?? []
  if (most !== undefined) return `more than ${counted(Number(most), 'commitment')} by this hotkey`
  const say = Object.hasOwn(invalid, code) ? invalid[code] : undefined
  return say ? say(detail) : spaced(reason)
}
