/**
 * Everything the owner's API and a validator must remember. Miners and validators are keyed by hotkey, never by uid: a uid
 * is reused when its neuron is replaced. Times are milliseconds since 1970, stakes are rao as decimal text, JSON is text.
 */
export const sql = `
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE exams (
  id INTEGER PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  from_task INTEGER NOT NULL,
  body TEXT NOT NULL,
  published_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tasks (
  task_id INTEGER PRIMARY KEY CHECK (task_id > 0),
  exam_hash TEXT NOT NULL REFERENCES exams (hash),
  hash TEXT NOT NULL,
  block INTEGER NOT NULL,
  expected_verdicts INTEGER NOT NULL,
  body TEXT NOT NULL,
  published_at INTEGER NOT NULL,
  settled_at_block INTEGER,
  settled_at INTEGER
) STRICT;

CREATE TABLE answers (
  task_id INTEGER NOT NULL REFERENCES tasks (task_id),
  miner TEXT NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT,
  latency_ms INTEGER,
  passed INTEGER,
  votes INTEGER,
  judged_at INTEGER,
  PRIMARY KEY (task_id, miner)
) STRICT;
CREATE INDEX answers_by_miner ON answers (miner, task_id);

CREATE TABLE verdicts (
  task_id INTEGER NOT NULL REFERENCES tasks (task_id),
  validator TEXT NOT NULL,
  miner TEXT NOT NULL,
  hash TEXT NOT NULL,
  passed INTEGER NOT NULL,
  body TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (task_id, validator, miner)
) STRICT;
CREATE TRIGGER verdicts_are_never_changed BEFORE UPDATE ON verdicts
BEGIN
  SELECT RAISE(ABORT, 'verdicts are append-only');
END;

CREATE TABLE samples (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id INTEGER NOT NULL REFERENCES tasks (task_id),
  validator TEXT NOT NULL,
  miner TEXT NOT NULL,
  prompt TEXT NOT NULL,
  s3_bucket TEXT NOT NULL,
  s3_prefix TEXT NOT NULL,
  passed INTEGER NOT NULL,
  confidence INTEGER,
  reasoning TEXT,
  latency_ms INTEGER,
  original_artifacts TEXT,
  generated_artifacts TEXT,
  presentation_order TEXT,
  evaluated_at INTEGER NOT NULL,
  UNIQUE (task_id, validator, miner)
) STRICT;
CREATE INDEX samples_by_validator ON samples (validator, id);
CREATE INDEX samples_by_miner ON samples (miner, id);

CREATE TABLE evaluation_signatures (
  task_id INTEGER NOT NULL REFERENCES tasks (task_id),
  validator TEXT NOT NULL,
  signature TEXT NOT NULL,
  payload TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (task_id, validator, signature)
) STRICT;

CREATE TABLE scores (
  validator TEXT NOT NULL,
  miner TEXT NOT NULL,
  total INTEGER NOT NULL,
  passed INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (validator, miner)
) STRICT;
CREATE INDEX scores_by_miner ON scores (miner);

CREATE TABLE miners (
  hotkey TEXT PRIMARY KEY,
  uid INTEGER,
  model_name TEXT,
  model_revision TEXT,
  model_hash TEXT,
  weight_files TEXT,
  chute_id TEXT,
  chute_slug TEXT,
  is_valid INTEGER NOT NULL,
  invalid_reason TEXT,
  block INTEGER,
  failures INTEGER NOT NULL DEFAULT 0,
  last_validated_at INTEGER,
  first_seen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX miners_by_uid ON miners (uid);

CREATE TABLE validators (
  hotkey TEXT PRIMARY KEY,
  uid INTEGER NOT NULL,
  stake_rao TEXT NOT NULL,
  qualifies INTEGER NOT NULL,
  pinned INTEGER NOT NULL,
  pinned_stake_rao TEXT,
  updated_at INTEGER NOT NULL,
  last_active_at INTEGER
) STRICT;

CREATE TABLE blacklist (
  hotkey TEXT PRIMARY KEY,
  reason TEXT,
  added_by TEXT,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE rule_states (
  exam_hash TEXT PRIMARY KEY,
  last_task INTEGER NOT NULL,
  hash TEXT NOT NULL,
  state TEXT NOT NULL
) STRICT;

CREATE TABLE rankings (
  id INTEGER PRIMARY KEY,
  exam_hash TEXT NOT NULL,
  state_hash TEXT NOT NULL,
  body TEXT NOT NULL,
  view TEXT NOT NULL,
  made_at INTEGER NOT NULL
) STRICT;

CREATE TABLE seen_signatures (
  signature TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX seen_signatures_by_expiry ON seen_signatures (expires_at);

CREATE TABLE journal_tasks (
  task_id INTEGER PRIMARY KEY,
  note TEXT NOT NULL
) STRICT;

CREATE TABLE journal_verdicts (
  task_id INTEGER NOT NULL,
  miner TEXT NOT NULL,
  exam_hash TEXT NOT NULL,
  output TEXT NOT NULL,
  clip TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (task_id, miner)
) STRICT;
CREATE INDEX journal_verdicts_by_output ON journal_verdicts (output, clip, exam_hash);

CREATE TABLE journal_outbox (
  task_id INTEGER PRIMARY KEY,
  state TEXT NOT NULL CHECK (state IN ('unsent', 'sent', 'refused')),
  note TEXT
) STRICT;
CREATE INDEX journal_outbox_by_state ON journal_outbox (state, task_id);

CREATE TABLE weight_log (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  block INTEGER NOT NULL,
  mecid INTEGER NOT NULL,
  uids TEXT NOT NULL,
  weights TEXT NOT NULL,
  source TEXT NOT NULL,
  winner_hotkey TEXT,
  winner_uid INTEGER,
  reason TEXT NOT NULL,
  extrinsic TEXT,
  error TEXT
) STRICT;
CREATE INDEX weight_log_by_mecid ON weight_log (mecid, id);
`
