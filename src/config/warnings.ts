import {variableNames} from './variables.js'

/** Published variables that are part of the exam now, and where they stand in it. */
export const movedToExam: Readonly<Record<string, string>> = {
  CLIP_DURATION: 'clip.durationS',
  DOMINANCE_THRESHOLD: 'ranking.dominance',
  EVALUATION_CRITICAL_THRESHOLD: 'judge.criticalThreshold',
  EVALUATION_PASS_THRESHOLD: 'judge.passThreshold',
  MAX_VIDEO_HISTORY: 'clip.restTasks',
  MAX_VIDEO_SIZE: 'clip.maxSourceBytes',
  MIN_VIDEO_SIZE: 'clip.minSourceBytes',
  ONE_SHOT_BOUNDARY_MARGIN: 'clip.boundaryMarginS',
  ONE_SHOT_SCENE_THRESHOLD: 'clip.sceneThreshold',
  OWNER_SAMPLING_INTERVAL: 'everyBlocks',
  REQUEST_TIMEOUT: 'request.deadlineMs',
  SAFE_CLIP_START_OFFSET_SECONDS: 'clip.safeStartOffsetS',
  SCORER_COMPLETENESS_THRESHOLD: 'ranking.completeness',
  SCORER_TASK_WINDOW: 'ranking.window',
}

/** Names that mean something to what surrounds the program: the compose file and oclif. */
const elsewhere =
  /^LEOMA_(IMAGE|COMMIT|VERSION|WALLET_DIR|UID|GID|SKIP_.*|TEST_.*|FINNEY_METADATA|SUBTENSOR_SPEC|REDIRECTED|COLUMNS|USE_.*)$/

/** Things in the environment that will not do what their author expects; one sentence each. */
export function environmentWarnings(env: NodeJS.ProcessEnv): string[] {
  const given = Object.keys(env)
    .filter((name) => env[name] !== undefined && env[name]?.trim() !== '')
    .sort()
  const known = new Set<string>(variableNames)
  const moved = given.filter((name) => Object.hasOwn(movedToExam, name))
  const unknown = given.filter((name) => /^(LEOMA|HIPPIUS)_/.test(name) && !known.has(name) && !elsewhere.test(name))
  return [
    ...(moved.length === 0
      ? []
      : [
          `ignored, because it belongs to the subnet's published exam now: ${moved
            .map((name) => `${name} (${movedToExam[name]})`)
            .join(', ')}`,
        ]),
    ...unknown.map((name) => `${name} is not a variable of leoma; env.example lists them all`),
  ]
}
