/** An executor's own memory: who is submitted, the round that is open with what it has found so far, what is committed. */
export const sql = `
CREATE TABLE executor_submissions (
  hotkey TEXT PRIMARY KEY,
  image_ref TEXT NOT NULL,
  submit_time INTEGER NOT NULL,
  submit_block INTEGER NOT NULL,
  claim_block INTEGER NOT NULL,
  committed TEXT
) STRICT;

CREATE TABLE executor_round (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  body TEXT NOT NULL
) STRICT;

CREATE TABLE executor_staged (
  hotkey TEXT NOT NULL,
  image_ref TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (hotkey, image_ref)
) STRICT;
`
