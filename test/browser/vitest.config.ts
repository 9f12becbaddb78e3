import {defineConfig} from 'vitest/config'

/** Apart from the other projects: needs a browser, and takes longer than everybody's `npm test` may. */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    globalSetup: ['./browser/global-setup.ts'],
    setupFiles: ['./helpers/setup.ts'],
    disableConsoleIntercept: true,
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {name: 'browser', include: ['browser/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 400_000},
      },
    ],
  },
})
