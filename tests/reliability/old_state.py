"""The state of an archive as versions 1 to 5 of its schema had it.

Written down a second time on purpose: archives have it, whatever becomes of the scripts that make
new ones.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

VERSION_1 = """
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
CREATE TABLE edges (
  parent INTEGER NOT NULL,
  child  INTEGER NOT NULL,
  run    INTEGER NOT NULL,
  PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX edges_child ON edges (child);
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
CREATE TABLE targets (
  run      INTEGER NOT NULL,
  position INTEGER NOT NULL,
  text     TEXT NOT NULL,
  origin   TEXT NOT NULL,
  roots    TEXT NOT NULL,
  PRIMARY KEY (run, position)
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""

VERSION_2 = f"""
{VERSION_1}
ALTER TABLE tasks ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN prefixes TEXT;
ALTER TABLE tasks ADD COLUMN checked_at REAL;
ALTER TABLE tasks ADD COLUMN seal INTEGER;
ALTER TABLE tasks ADD COLUMN proof INTEGER;
ALTER TABLE runs ADD COLUMN settings TEXT NOT NULL DEFAULT '{{}}';
DROP INDEX tasks_ready;
DROP INDEX tasks_group;
CREATE INDEX tasks_ready ON tasks (lane, run, priority, id)
  WHERE status = 'ready' AND not_before = 0;
CREATE INDEX tasks_woken ON tasks (lane, run, priority, id)
  WHERE status = 'ready' AND not_before > 0 AND parked = 0;
CREATE INDEX tasks_due ON tasks (lane, run, parked, not_before)
  WHERE status = 'ready' AND not_before > 0;
CREATE INDEX tasks_group ON tasks (grp)
  WHERE grp IS NOT NULL AND status IN ('waiting', 'ready', 'claimed');
PRAGMA user_version = 2;
"""

VERSION_3 = f"""
{VERSION_2}
CREATE TABLE rates (
  host         TEXT NOT NULL,
  key          TEXT NOT NULL,
  lane         TEXT NOT NULL,
  rate         REAL,
  hold         REAL NOT NULL,
  paused_until REAL NOT NULL,
  learned_at   REAL NOT NULL,
  seal         INTEGER NOT NULL,
  PRIMARY KEY (host, key, lane)
) WITHOUT ROWID;
CREATE TABLE salts (
  id   INTEGER PRIMARY KEY CHECK (id = 1),
  salt BLOB NOT NULL
);
INSERT INTO salts (id, salt) VALUES (1, randomblob(16));
PRAGMA user_version = 3;
"""

VERSION_4 = f"""
{VERSION_3}
ALTER TABLE partials ADD COLUMN islands TEXT;
PRAGMA user_version = 4;
"""

VERSION_5 = f"""
{VERSION_4}
CREATE TABLE dressed (
  model_id INTEGER PRIMARY KEY,
  written  TEXT NOT NULL,
  seal     INTEGER NOT NULL
);
PRAGMA user_version = 5;
"""

VERSIONS = {1: VERSION_1, 2: VERSION_2, 3: VERSION_3, 4: VERSION_4, 5: VERSION_5}


def make_old(output: Path, *, filler: int = 0, version: int = 1) -> None:
    """Turn the state of an archive at rest into what an older version would have written.

    filler: so many more rows of an earlier time, which make the way to today longer.
    """
    path = output / ".civitai-dl" / "state.db"
    old = path.with_name("old.db")
    with closing(sqlite3.connect(old)) as connection:
        connection.executescript(VERSIONS[version])
        connection.execute("ATTACH ? AS now", (str(path),))
        for table in ("tasks", "edges", "partials", "runs", "targets"):
            names = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
            columns = ", ".join(names)
            connection.execute(
                f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}"
            )
        connection.executemany(
            "INSERT INTO tasks (key, type, lane, role, status, payload, label, run, updated_at) "
            "VALUES (?, 'dress', 'images', 'dress', 'skipped', '{}', 'long ago', 0, 0)",
            [(f"long-ago:{number}",) for number in range(filler)],
        )
        connection.execute("UPDATE tasks SET not_before = 0 WHERE not_before IS NULL")
        connection.commit()
        connection.execute("DETACH now")
        connection.execute("PRAGMA journal_mode = WAL")
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        path.with_name(name).unlink(missing_ok=True)
    old.replace(path)
