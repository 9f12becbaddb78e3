/**
 * What a rule looks at stands beside a verdict's text, so that folding a history does not parse it; tasks that have not
 * settled are found without reading those that have.
 */
export const sql = `
DROP TRIGGER verdicts_are_never_changed;
ALTER TABLE verdicts ADD COLUMN overall INTEGER NOT NULL DEFAULT 0;
UPDATE verdicts SET overall = json_extract(body, '$.verdict.overall');
CREATE TRIGGER verdicts_are_never_changed BEFORE UPDATE ON verdicts
BEGIN
  SELECT RAISE(ABORT, 'verdicts are append-only');
END;

CREATE INDEX tasks_that_are_open ON tasks (task_id) WHERE settled_at_block IS NULL;
CREATE INDEX tasks_by_exam ON tasks (exam_hash, task_id);
`
