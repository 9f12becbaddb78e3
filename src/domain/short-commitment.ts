import type {ModelSubmission, Parsed} from './commitment.js'

/**
 * A submission in few enough bytes for chains whose commitments hold 128, where the published JSON needs at least 147:
 *
 *     leoma:1:<name>:<revision>:<chute>
 *
 * - `<name>`: the repository; where it ends with its author's hotkey, as the rules ask for, `~` stands for that.
 * - `<revision>`: the 20 bytes of the commit in base64url, 27 characters.
 * - `<chute>`: the 16 bytes of a UUID in base64url, 22 characters; any other id as it is, after `=`.
 *
 * Everything is in the text itself, and the author is who signed it: nobody has to be asked, and nothing can be missing.
 */
export const shortPrefix = 'leoma:1:'

/** Longer than any that can be written. */
const maxLength = 640
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Undefined for a submission that has no short form: a revision that is no full commit, a name with `:` or `~` in it. */
export function formatShortCommitment(
  {modelName, modelRevision, chuteId}: ModelSubmission,
  author: string,
): string | undefined {
  if (!/^[0-9a-f]{40}$/.test(modelRevision) || /[:~\s]/.test(modelName) || modelName === '' || chuteId === '') {
    return undefined
  }
  const name = modelName.endsWith(author) ? `${modelName.slice(0, -author.length)}~` : modelName
  const chute = uuid.test(chuteId) ? toBase64(chuteId.replaceAll('-', '')) : `=${chuteId}`
  return `${shortPrefix}${name}:${toBase64(modelRevision)}:${chute}`
}

/**
 * Reads what `formatShortCommitment` writes, and nothing else: each submission of an author has one text. Never throws;
 * the reasons are the published ones.
 */
export function parseShortCommitment(text: string, author: string): Parsed<ModelSubmission> {
  if (text.length > maxLength) return {ok: false, reason: 'missing_model_name'}
  const [name = '', revision = '', ...rest] = text.slice(shortPrefix.length).split(':')
  const chute = rest.join(':')
  if (!/^[^\s~]{1,255}~?$/.test(name)) return {ok: false, reason: 'missing_model_name'}
  const modelRevision = fromBase64(revision, 20)
  if (modelRevision === undefined) return {ok: false, reason: 'missing_model_revision'}
  const chuteId = chute.startsWith('=') ? chute.slice(1) : fromBase64(chute, 16)?.replace(...dashes)
  if (chuteId === undefined || !/^\S{1,255}$/.test(chuteId)) return {ok: false, reason: 'missing_chute_id'}
  const value = {modelName: name.endsWith('~') ? `${name.slice(0, -1)}${author}` : name, modelRevision, chuteId}
  return formatShortCommitment(value, author) === text ? {ok: true, value} : {ok: false, reason: 'missing_model_name'}
}

const dashes = [/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'] as const

function toBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64url')
}

/** Hex of exactly so many bytes; undefined for anything else. */
function fromBase64(text: string, bytes: number): string | undefined {
  const decoded = Buffer.from(text.slice(0, 64), 'base64url')
  return decoded.length === bytes && decoded.toString('base64url') === text ? decoded.toString('hex') : undefined
}
