/** Of `schema`; kept in SQLite's `user_version`. */
export const schemaVersion = 1

export const schema = `
CREATE TABLE constants (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  genesis_at INTEGER NOT NULL,
  block_time_ms INTEGER NOT NULL CHECK (block_time_ms > 0),
  seed TEXT NOT NULL
) STRICT;
CREATE TABLE subnets (
  netuid INTEGER PRIMARY KEY,
  owner_hotkey TEXT NOT NULL,
  settings TEXT NOT NULL
) STRICT;
CREATE TABLE neurons (
  netuid INTEGER NOT NULL REFERENCES subnets (netuid),
  uid INTEGER NOT NULL,
  hotkey TEXT NOT NULL,
  coldkey TEXT NOT NULL,
  stake_rao TEXT NOT NULL,
  validator_permit INTEGER,
  registered_at INTEGER NOT NULL,
  PRIMARY KEY (netuid, uid),
  UNIQUE (netuid, hotkey)
) STRICT;
CREATE TABLE last_updates (
  netuid INTEGER NOT NULL,
  mecid INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  block INTEGER NOT NULL,
  PRIMARY KEY (netuid, mecid, uid)
) STRICT;
CREATE TABLE weights (
  netuid INTEGER NOT NULL,
  mecid INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  uids TEXT NOT NULL,
  vals TEXT NOT NULL,
  PRIMARY KEY (netuid, mecid, uid)
) STRICT;
CREATE TABLE weight_events (
  id INTEGER PRIMARY KEY,
  block INTEGER NOT NULL,
  netuid INTEGER NOT NULL,
  mecid INTEGER NOT NULL,
  uid INTEGER NOT NULL,
  hotkey TEXT NOT NULL,
  uids TEXT NOT NULL,
  vals TEXT NOT NULL,
  version_key INTEGER NOT NULL,
  extrinsic TEXT NOT NULL
) STRICT;
CREATE INDEX weight_events_by_mechanism ON weight_events (netuid, mecid, id);
CREATE TABLE commitments (
  id INTEGER PRIMARY KEY,
  netuid INTEGER NOT NULL,
  hotkey TEXT NOT NULL,
  body TEXT NOT NULL,
  cost_bytes INTEGER NOT NULL,
  block INTEGER NOT NULL,
  reveal_block INTEGER NOT NULL,
  extrinsic TEXT NOT NULL,
  -- Set when another commitment came before the reveal: its space stays used, its text is never seen.
  replaced INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX commitments_by_hotkey ON commitments (netuid, hotkey, id);
CREATE TABLE nonces (hotkey TEXT PRIMARY KEY, nonce INTEGER NOT NULL) STRICT;
`
