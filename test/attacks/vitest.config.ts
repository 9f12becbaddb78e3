import {defineConfig} from 'vitest/config'

/** Not part of `npm test`: every attack is rendered, gated and judged, which takes minutes. `npm run attacks` runs it. */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    name: 'attacks',
    include: ['attacks/**/*.test.ts'],
    setupFiles: ['./helpers/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 1_800_000,
    maxWorkers: 1,
  },
})
