import {defineConfig} from 'vitest/config'

const project = (name: string, include: string[], testTimeout: number) => ({
  extends: true as const,
  // A process for each file would spend a fifth of the time on loading the same modules again.
  test: {name, include, testTimeout, hookTimeout: testTimeout, isolate: false},
})

/**
 * `unit` needs nothing outside the process; `integration` starts local processes (SQLite, ffmpeg, HTTP on loopback);
 * `e2e` runs bin/run.js as a child; `sim` runs whole subnets. Timeouts are ceilings against a hang, never a measure.
 */
export default defineConfig({
  test: {
    root: new URL('.', import.meta.url).pathname,
    globalSetup: ['./helpers/generated-clips.ts'],
    setupFiles: ['./helpers/setup.ts'],
    disableConsoleIntercept: true,
    restoreMocks: true,
    maxWorkers: 2,
    projects: [
      project('unit', ['unit/**/*.test.ts', 'commands/**/*.test.ts'], 30_000),
      project('integration', ['integration/**/*.test.ts', 'contract/**/*.test.ts'], 120_000),
      project('e2e', ['e2e/**/*.test.ts'], 300_000),
      project('sim', ['sim/**/*.test.ts'], 600_000),
      // Needs Podman and bubblewrap, and a minute: .ci/run installs them and asks for it.
      ...(process.env.LEOMA_TEST_CONTAINERS ? [project('containers', ['containers/**/*.test.ts'], 180_000)] : []),
      // Against Bittensor's own Python packages, which .ci/run installs.
      ...(process.env.LEOMA_TEST_PYTHON ? [project('interop', ['interop/**/*.test.ts'], 60_000)] : []),
    ],
  },
})
