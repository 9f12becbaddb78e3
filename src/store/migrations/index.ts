import {sql as initial} from './001-initial.js'
import {sql as scoring} from './002-scoring.js'
import {sql as mechanisms} from './003-mechanisms.js'
import {sql as figures} from './004-figures.js'
import {sql as executor} from './005-executor.js'
import {sql as proofs} from './006-proofs.js'

/** Forward only, in order, never edited once released; `PRAGMA user_version` is how many a file has had. */
export const migrations: readonly string[] = [initial, scoring, mechanisms, figures, executor, proofs]
