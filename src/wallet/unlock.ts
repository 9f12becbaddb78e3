import {Worker} from 'node:worker_threads'
import {LeomaError} from '../errors.js'
import {type Opened, schemeOf} from './encryption.js'

/** Where passwords come from. */
export interface Passwords {
  /** The masked password in an environment variable, or undefined. */
  fromVariable(name: string): string | undefined
  /** Asks a person, where there is one. */
  readonly ask?: (question: string, signal: AbortSignal) => Promise<string>
}

const maxAsked = 3

/** The variable that may hold the password of a key file: its absolute path, as Bittensor's tools name it. */
export function passwordVariable(file: string): string {
  return `BT_PW_${file.replaceAll(/[/.]/g, '_').toUpperCase()}`
}

/** Masked, not protected: XORed with the name of its variable, in base64. */
export function unmaskPassword(variable: string, masked: string): string {
  return mask(Buffer.from(masked, 'base64'), variable).toString('utf8')
}

export function maskPassword(variable: string, password: string): string {
  return mask(Buffer.from(password, 'utf8'), variable).toString('base64')
}

function mask(bytes: Buffer, variable: string): Buffer {
  const key = Buffer.from(variable)
  return Buffer.from(bytes.map((byte, index) => byte ^ (key[index % key.length] ?? 0)))
}

/**
 * The content of a key file, opened with the password where it is encrypted. Throws `WALLET_ENCRYPTED` when there is no
 * password, `PASSWORD_WRONG` and `WALLET_UNREADABLE` (kind `auth`).
 */
export async function unlock(file: string, bytes: Buffer, passwords: Passwords, signal: AbortSignal): Promise<Buffer> {
  const scheme = schemeOf(bytes)
  if (scheme === undefined) return bytes
  const variable = passwordVariable(file)
  const masked = passwords.fromVariable(variable)
  if (masked !== undefined) return opened(await openInThread(bytes, unmaskPassword(variable, masked), signal), file)
  if (!passwords.ask) {
    throw new LeomaError(
      'auth',
      'WALLET_ENCRYPTED',
      `${file} is encrypted (${scheme}), and nobody can be asked for its password`,
      {
        hints: [
          `set ${variable} as Bittensor's own tools do`,
          'or use a hotkey without a password: it holds no funds, and a service must be able to start unattended',
        ],
      },
    )
  }
  for (let asked = 1; ; asked++) {
    const password = await passwords.ask(`password of ${file}: `, signal)
    const result = await openInThread(bytes, password, signal)
    if (!('failed' in result && result.failed === 'password') || asked >= maxAsked) return opened(result, file)
  }
}

function opened(result: Opened, file: string): Buffer {
  if ('content' in result) return Buffer.from(result.content)
  if (result.failed === 'password') {
    throw new LeomaError('auth', 'PASSWORD_WRONG', `the password does not open ${file}`, {
      hints: [`check ${passwordVariable(file)}, or leave it out to be asked`],
    })
  }
  throw new LeomaError('auth', 'WALLET_UNREADABLE', `${file} is damaged: it is encrypted, but not whole`, {
    hints: ['restore it from a backup or from its mnemonic'],
  })
}

/** In a thread of its own: deriving a key takes seconds and half a gigabyte, which goes back when the thread ends. */
function openInThread(file: Buffer, password: string, signal: AbortSignal): Promise<Opened> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const script = import.meta.url.endsWith('.ts') ? './unlock-worker.ts' : './unlock-worker.js'
    const worker = new Worker(new URL(script, import.meta.url), {workerData: {file: Uint8Array.from(file), password}})
    const settle = (run: () => void) => {
      signal.removeEventListener('abort', abort)
      run()
      void worker.terminate()
    }
    const abort = () => settle(() => reject(signal.reason))
    signal.addEventListener('abort', abort, {once: true})
    worker.once('message', (result: Opened) => settle(() => resolve(result)))
    worker.once('error', (error) => settle(() => reject(error)))
    worker.once('exit', () => settle(() => reject(new Error('the thread that opens key files ended'))))
  })
}
