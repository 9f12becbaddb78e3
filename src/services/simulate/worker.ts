import {parentPort, workerData} from 'node:worker_threads'
import {type Job, type Plan, playJob} from './job.js'

/** A thread that plays one season after the other, as it is told. */
const plan = workerData as Plan // Made by simulate.ts of the same program.
parentPort?.on('message', (job: Job) => parentPort?.postMessage(playJob(plan, job)))
