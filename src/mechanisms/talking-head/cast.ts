import type {Profile} from '../types.js'

/** In the order in which they submit: of two with one image the earlier owns it. */
export const cast: readonly Profile[] = [
  {name: 'good', about: 'moves the mouth with the sound, in good time', expects: 'wins'},
  {name: 'slow', about: 'the same video, but it takes its time', expects: 'passes'},
  {name: 'memory-hungry', about: 'the same video, but it holds a lot of memory', expects: 'passes'},
  {name: 'silent', about: 'a video without sound', expects: 'passes'},
  {name: 'frozen', about: 'the picture, not moving, with the sound', expects: 'passes'},
  {name: 'network', about: 'asks the network before it works', expects: 'fails'},
  {name: 'writes-outside', about: 'writes outside its folders', expects: 'fails'},
  {name: 'symlink', about: 'links its output to a file of the host', expects: 'fails'},
  {name: 'forks', about: 'forks without end', expects: 'fails'},
  {name: 'fills-disk', about: 'fills the disk', expects: 'fails'},
  {name: 'replaces-reference', about: 'replaces the inputs that it is measured against', expects: 'fails'},
  {name: 'hangs', about: 'never answers', expects: 'fails'},
  {name: 'prints', about: 'prints gigabytes', expects: 'fails'},
  {name: 'missing', about: 'an image that no registry has', expects: 'rejected:unpullable'},
  {name: 'copycat', about: "submits the good one's image later", expects: 'rejected:copy'},
]
