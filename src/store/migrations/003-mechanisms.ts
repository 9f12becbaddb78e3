/**
 * What mechanisms beside the first need: submissions that arrive by signed request, with their history, exams that
 * begin with no task, and the logs of validators' own evidence.
 */
export const sql = `
CREATE TABLE submissions (
  id INTEGER PRIMARY KEY,
  mechanism TEXT NOT NULL,
  hotkey TEXT NOT NULL,
  text TEXT NOT NULL,
  identity TEXT NOT NULL,
  block INTEGER NOT NULL,
  at INTEGER NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('api', 'chain')),
  is_current INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX submissions_in_force ON submissions (mechanism, hotkey) WHERE is_current = 1;
CREATE INDEX submissions_by_hotkey ON submissions (hotkey, id);
CREATE INDEX submissions_by_identity ON submissions (mechanism, identity, block);

CREATE TABLE own_exams (
  id INTEGER PRIMARY KEY,
  mechanism TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  body TEXT NOT NULL,
  published_at INTEGER NOT NULL
) STRICT;
CREATE INDEX own_exams_by_mechanism ON own_exams (mechanism, id);

CREATE TABLE records (
  mechanism TEXT NOT NULL,
  author TEXT NOT NULL,
  sequence INTEGER NOT NULL CHECK (sequence > 0),
  exam_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  block INTEGER NOT NULL,
  body TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (mechanism, author, sequence)
) STRICT;
CREATE TRIGGER records_are_never_changed BEFORE UPDATE ON records
BEGIN
  SELECT RAISE(ABORT, 'records are append-only');
END;
`
