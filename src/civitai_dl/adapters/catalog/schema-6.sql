-- From version 5 to version 6.
-- followed: what is to be kept current. identity: JSON list of the keys of the tasks it begins
--   with, by which two ways to name one thing are one. selection: JSON of what of everything is
--   wanted of it, NULL for what a run wants by default. synced_at: when a run that brought it up to
--   date began, full_at: the same for one that looked at it in full; NULL before the first.
--   complete: whether all that could be had was stored then.
CREATE TABLE followed (
  id        INTEGER PRIMARY KEY,
  identity  TEXT NOT NULL UNIQUE,
  text      TEXT NOT NULL,
  origin    TEXT NOT NULL,
  added_at  REAL NOT NULL,
  selection TEXT,
  synced_at REAL,
  full_at   REAL,
  complete  INTEGER NOT NULL DEFAULT 0
);
