import {ensureBuilt} from '../helpers/built.js'

/** Once, before any test: pages are served from the build, and a build in the middle of them would pull it away. */
export default function setup(): void {
  ensureBuilt()
}
