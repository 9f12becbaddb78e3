import {boundedText, integer, oneOf, seconds, url} from './schemas.js'

const roles = ['executor'] as const

/** What an executor is set up with; nothing of it changes a score, which the exam alone does. */
export const executorVariables = {
  EXECUTOR_HOST: {schema: boundedText(255), about: 'address that the executor listens on', roles, default: '127.0.0.1'},
  EXECUTOR_PORT: {
    schema: integer({min: 0, max: 65_535}),
    about: 'port that the executor listens on; 0 for any free one',
    roles,
    default: '9000',
  },
  EXECUTOR_POLL_INTERVAL: {
    schema: seconds({min: 0.05, max: 3600}),
    about: 'pause between two looks for a round to run, in seconds',
    roles,
    default: '5',
  },
  SANDBOX: {
    schema: oneOf(['auto', 'podman', 'docker', 'bwrap', 'process']),
    about:
      'what holds the images of miners; auto takes the first of podman, docker and bwrap that works; process holds nothing and is for trials',
    roles,
    default: 'auto',
  },
  CHALLENGES_DIR: {
    schema: boundedText(4096),
    about: 'folder with one folder for each challenge: face.png, audio.wav, and text.txt where the words are known',
    roles,
    defaultNote: 'LEOMA_DATA/challenges',
  },
  METRIC_FACE_URL: {schema: url, about: 'service that finds faces and compares them', roles},
  METRIC_SPEECH_URL: {schema: url, about: 'service that writes down what is said', roles},
  METRIC_LIPSYNC_URL: {schema: url, about: 'service that tells how well lips follow a voice', roles},
  METRIC_TOKEN: {
    schema: boundedText(4096),
    about: 'sent to the metric services as a bearer token',
    roles,
    secret: true as const,
  },
  METRIC_TIMEOUT: {
    schema: seconds({min: 0.1, max: 3600}),
    about: 'longest wait for one answer of a metric service, in seconds',
    roles,
    default: '120',
  },
  VALIDATOR_MAX_SKEW_SECONDS: {
    schema: seconds({min: 1, max: 3600}),
    about: "how far the clock of the executor's validator may be off, in seconds",
    roles,
    default: '120',
  },
}
