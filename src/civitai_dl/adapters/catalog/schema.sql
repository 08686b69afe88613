-- The state of an archive. One connection writes; times are seconds since the epoch (UTC).
-- tasks: every thing that was ever wanted, with how it stands. A row is never deleted.
CREATE TABLE tasks (
  id         INTEGER PRIMARY KEY,
  key        TEXT NOT NULL UNIQUE,
  type       TEXT NOT NULL,
  lane       TEXT NOT NULL,
  role       TEXT NOT NULL,
  status     TEXT NOT NULL,
  payload    TEXT NOT NULL,
  label      TEXT NOT NULL,
  source     TEXT,
  batch      TEXT,
  model_id   INTEGER,
  priority   INTEGER NOT NULL DEFAULT 0,
  grp        TEXT,
  waits_for  TEXT,
  run        INTEGER NOT NULL,
  retries    INTEGER NOT NULL DEFAULT 0,
  waited     REAL NOT NULL DEFAULT 0,
  mismatches INTEGER NOT NULL DEFAULT 0,
  crashes    INTEGER NOT NULL DEFAULT 0,
  not_before REAL NOT NULL DEFAULT 0,
  token      INTEGER NOT NULL DEFAULT 0,
  job_done   INTEGER NOT NULL DEFAULT 0,
  why        TEXT,
  detail     TEXT,
  hint       TEXT,
  until      REAL,
  path       TEXT,
  sha256     TEXT,
  size       INTEGER,
  verified   INTEGER,
  staged     TEXT,
  updated_at REAL NOT NULL
);
CREATE INDEX tasks_ready ON tasks (lane, run, priority, id) WHERE status = 'ready';
CREATE INDEX tasks_claimed ON tasks (source) WHERE status = 'claimed';
CREATE INDEX tasks_group ON tasks (grp) WHERE status IN ('waiting', 'ready', 'claimed');
CREATE INDEX tasks_waiting ON tasks (waits_for) WHERE status = 'waiting';
CREATE INDEX tasks_source ON tasks (source) WHERE path IS NOT NULL;
CREATE INDEX tasks_sha256 ON tasks (sha256) WHERE path IS NOT NULL;
CREATE INDEX tasks_model ON tasks (model_id, type);
CREATE INDEX tasks_troubled ON tasks (run, status) WHERE status IN ('failed', 'unavailable');

-- edges: which page told of which task, and in which run it did so last.
CREATE TABLE edges (
  parent INTEGER NOT NULL,
  child  INTEGER NOT NULL,
  run    INTEGER NOT NULL,
  PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX edges_child ON edges (child);

-- partials: how many bytes of a task's partial are durable, and where they came from.
CREATE TABLE partials (
  key   TEXT PRIMARY KEY,
  size  INTEGER NOT NULL,
  etag  TEXT,
  host  TEXT NOT NULL,
  total INTEGER
) WITHOUT ROWID;

CREATE TABLE runs (
  id          INTEGER PRIMARY KEY,
  started_at  REAL NOT NULL,
  finished_at REAL,
  roles       TEXT NOT NULL,
  selection   TEXT NOT NULL
);

-- targets: what each run was asked for, in the words it was asked in.
CREATE TABLE targets (
  run      INTEGER NOT NULL,
  position INTEGER NOT NULL,
  text     TEXT NOT NULL,
  origin   TEXT NOT NULL,
  roots    TEXT NOT NULL,
  PRIMARY KEY (run, position)
) WITHOUT ROWID;
