import type {Profile} from '../types.js'

/** In the order in which they register and commit: a tie is broken by the earlier commitment. */
export const cast: readonly Profile[] = [
  {name: 'oracle', about: 'returns the hidden continuation, encoded again', expects: 'wins'},
  {
    name: 'drift',
    about: 'the continuation with growing blur, noise and colour shift; every third answer drifts far',
    expects: 'passes',
  },
  {name: 'busy', about: 'answers 429 and 503 first, then delivers a drift of its own', expects: 'passes'},
  {name: 'zoom', about: 'zooms slowly into the conditioning frame', expects: 'fails'},
  {name: 'noise', about: 'lets the frame dissolve into noise', expects: 'fails'},
  {name: 'wrong-frame', about: 'returns a good video of another clip', expects: 'fails'},
  {name: 'frozen', about: 'returns the conditioning frame, 81 times', expects: 'rejected:motion'},
  {name: 'short', about: 'returns one second', expects: 'rejected:frames'},
  {name: 'broken', about: 'returns bytes that are no video', expects: 'rejected:unreadable'},
  {name: 'broken-empty', about: 'returns an empty body', expects: 'rejected:empty'},
  {name: 'broken-huge', about: 'returns 300 MB', expects: 'rejected:too_large'},
  {name: 'broken-html', about: 'returns an HTML page with status 200', expects: 'rejected:unreadable'},
  {name: 'broken-truncated', about: 'returns a video that was cut off in the middle', expects: 'rejected:unreadable'},
  {name: 'slow', about: 'answers after the deadline', expects: 'absent'},
  {name: 'copycat', about: "commits the oracle's weights later", expects: 'invalid'},
]
