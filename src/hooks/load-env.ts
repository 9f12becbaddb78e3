import type {Hook} from '@oclif/core'
import {environment, loadDotEnv} from '../config/environment.js'

/** Before flags are parsed, so that `.env` counts everywhere. */
const hook: Hook.Init = async function () {
  try {
    loadDotEnv(process.cwd(), environment())
  } catch (error) {
    // Only an error with an exit code gets out of a hook.
    this.error(error instanceof Error ? error : String(error), {exit: 3})
  }
}

export default hook
