import {S3Server} from '../fakes/s3-server.js'

/** A store in a process of its own, so that its memory and its work are not the client's. Ends with its parent. */
const server = await S3Server.start({
  accounts: [{accessKey: 'bench', secretKey: 'bench-secret', rights: ['get', 'list', 'put', 'delete']}],
})
process.stdout.write(`${server.url}\n`)
process.stdin.resume()
process.stdin.once('end', () => process.exit(0))
