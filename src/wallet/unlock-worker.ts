import {parentPort, workerData} from 'node:worker_threads'
import {z} from 'zod'

const Job = z.object({file: z.instanceof(Uint8Array), password: z.string()})

// Named by hand, because the thread is started on this very file: as it stands in the source, or compiled.
const {openKeyFile}: typeof import('./encryption.js') = await import(
  new URL(import.meta.url.endsWith('.ts') ? './encryption.ts' : './encryption.js', import.meta.url).href
)
const {file, password} = Job.parse(workerData)
parentPort?.postMessage(await openKeyFile(file, password))
