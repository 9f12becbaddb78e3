import {z} from 'zod'
import {LeomaError} from '../errors.js'
import {plainText} from './answer-text.js'
import {ProviderHttp, type ProviderOptions} from './provider-http.js'

const WhoAmI = z.object({name: z.string()})

/** Whose token it is. Throws `HF_TOKEN_REFUSED` for one that the hub does not know. */
export async function tokenOwner(
  options: Pick<ProviderOptions, 'url' | 'token' | 'time' | 'timeoutMs'>,
  signal: AbortSignal,
): Promise<string> {
  const http = new ProviderHttp({...options, name: 'Hugging Face', code: 'HF', variable: 'HF_ENDPOINT'})
  const call = {path: '/api/whoami-v2', attempts: 2}
  const answer = await http.ask(call, signal)
  if (answer.status === 401 || answer.status === 403) {
    throw new LeomaError('config', 'HF_TOKEN_REFUSED', `Hugging Face does not know the token (${answer.status})`, {
      hints: ['correct HF_TOKEN, or leave it empty: public models need none'],
    })
  }
  if (answer.status !== 200) throw http.unexpected(call, answer)
  return plainText(http.parse(answer, WhoAmI, call).name, 100)
}
