/**
 * What pages show of settled tasks, counted once when a task settles: a history of thousands of tasks is then read as so
 * many short rows, and outlives the evidence that `db prune` removes. Nothing here decides anything.
 */
export const sql = `
ALTER TABLE answers ADD COLUMN score REAL;
UPDATE answers SET score = means.score
  FROM (SELECT task_id, miner, AVG(overall) AS score FROM verdicts GROUP BY task_id, miner) AS means
  WHERE means.task_id = answers.task_id AND means.miner = answers.miner AND answers.votes IS NOT NULL;

CREATE TABLE task_figures (
  task_id INTEGER PRIMARY KEY,
  published_at INTEGER NOT NULL,
  settled_at INTEGER NOT NULL,
  settled_at_block INTEGER NOT NULL,
  kind TEXT NOT NULL,
  prompt TEXT NOT NULL,
  asked INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  judged INTEGER NOT NULL,
  passed INTEGER NOT NULL,
  score REAL,
  latency_ms INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  verdicts INTEGER NOT NULL
) STRICT;
INSERT INTO task_figures
  SELECT tasks.task_id, published_at, COALESCE(settled_at, published_at), settled_at_block,
    COALESCE(json_extract(body, '$.manifest.kind'), ''),
    COALESCE(substr(json_extract(body, '$.manifest.prompt.text'), 1, 300), ''),
    COUNT(miner),
    COALESCE(SUM(outcome = 'ok'), 0),
    COALESCE(SUM(outcome LIKE 'rejected:%'), 0),
    COALESCE(SUM(passed IS NOT NULL AND outcome = 'ok'), 0),
    COALESCE(SUM(passed), 0),
    AVG(score),
    COALESCE(SUM(latency_ms), 0),
    (SELECT COALESCE(SUM(json_extract(value, '$.output.sizeBytes')), 0) FROM json_each(body, '$.manifest.answers')),
    (SELECT COUNT(*) FROM verdicts WHERE verdicts.task_id = tasks.task_id)
  FROM tasks LEFT JOIN answers USING (task_id)
  WHERE settled_at_block IS NOT NULL
  GROUP BY tasks.task_id;

CREATE TABLE vote_figures (
  task_id INTEGER NOT NULL,
  validator TEXT NOT NULL,
  verdicts INTEGER NOT NULL,
  agreed INTEGER NOT NULL,
  deviation REAL NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (task_id, validator)
) STRICT;
INSERT INTO vote_figures
  WITH ordered AS (
    SELECT task_id, miner, overall,
      ROW_NUMBER() OVER (PARTITION BY task_id, miner ORDER BY overall) AS place,
      COUNT(*) OVER (PARTITION BY task_id, miner) AS votes
    FROM verdicts
  ), medians AS (
    SELECT task_id, miner, AVG(overall) AS median FROM ordered
    WHERE place IN ((votes + 1) / 2, (votes + 2) / 2) GROUP BY task_id, miner
  )
  SELECT task_id, validator, COUNT(*), SUM(verdicts.passed = answers.passed), AVG(ABS(overall - median)), MAX(received_at)
  FROM verdicts JOIN medians USING (task_id, miner) JOIN answers USING (task_id, miner)
  WHERE answers.passed IS NOT NULL
  GROUP BY task_id, validator;

CREATE TABLE reigns (
  id INTEGER PRIMARY KEY,
  mechanism TEXT NOT NULL,
  hotkey TEXT,
  decision TEXT NOT NULL,
  block INTEGER NOT NULL,
  task_id INTEGER NOT NULL,
  at INTEGER NOT NULL
) STRICT;

CREATE TABLE offers (
  hotkey TEXT NOT NULL,
  block INTEGER NOT NULL,
  model_name TEXT,
  model_revision TEXT,
  is_valid INTEGER NOT NULL,
  invalid_reason TEXT,
  first_seen_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  PRIMARY KEY (hotkey, block)
) STRICT;
INSERT INTO offers
  SELECT hotkey, block, model_name, model_revision, is_valid, invalid_reason, first_seen_at,
    COALESCE(last_validated_at, first_seen_at)
  FROM miners WHERE block IS NOT NULL;
`
