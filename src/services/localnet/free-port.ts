import {createServer} from 'node:net'
import {LeomaError} from '../../errors.js'

/** Where other commands look for the API of a localnet. */
const usualPort = 8000

/**
 * The port for the owner's API, known before it listens because every part is told the address. A port that was asked for
 * is used or refused; without one it is the usual port, or any free one when that is taken. 0 asks for any free one.
 */
export async function choosePort(wanted: number | undefined): Promise<number> {
  const free = await tryPort(wanted ?? usualPort)
  if (free !== undefined) return free
  if (wanted !== undefined) {
    throw new LeomaError('config', 'PORT_IN_USE', `port ${wanted} of this machine is taken`, {
      hints: ['choose another --port', 'or leave --port out'],
    })
  }
  const any = await tryPort(0)
  if (any === undefined) throw new LeomaError('config', 'PORT_IN_USE', 'this machine has no free port')
  return any
}

function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      const found = typeof address === 'object' && address ? address.port : undefined
      server.close(() => resolve(found))
    })
  })
}
