-- From version 1 to version 2.
-- tasks.parked: 1 from when a task is put off until a claim finds that its time has come. So each
--   ready task is in one of three indexes: ready (never put off), woken (its time has come), due
--   (parked ones, by their time; the woken are in it, too), and those that wait are in no claim's
--   way.
-- tasks.prefixes: JSON list of the SHA256 of the stored file's first n * 64 MiB, n = 1, 2, ...;
--   NULL for a file of one segment. tasks.checked_at: when the stored bytes were last read and
--   found good, or written; NULL when nobody knows.
-- tasks.seal, tasks.proof: CRC32 of what a task is, and of how it ended: a flipped bit is found
--   when the row is read.
-- runs.selection: JSON. runs.settings: JSON of what repeating the run needs; never the key.
ALTER TABLE tasks ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN prefixes TEXT;
ALTER TABLE tasks ADD COLUMN checked_at REAL;
ALTER TABLE tasks ADD COLUMN seal INTEGER;
ALTER TABLE tasks ADD COLUMN proof INTEGER;
ALTER TABLE runs ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
DROP INDEX tasks_ready;
DROP INDEX tasks_group;
-- FAIL: the transaction takes it back, so that no second copy of each page is kept for it.
UPDATE OR FAIL tasks SET
  parked = (status = 'ready' AND not_before > 0),
  checked_at = CASE WHEN status = 'stored' AND path IS NOT NULL THEN updated_at END,
  seal = seal_of(key, type, lane, role, payload, label, source, batch, model_id, grp, waits_for),
  proof = proof_of(path, sha256, size, verified, prefixes, why, detail, hint, until);
CREATE INDEX tasks_ready ON tasks (lane, run, priority, id)
  WHERE status = 'ready' AND not_before = 0;
CREATE INDEX tasks_woken ON tasks (lane, run, priority, id)
  WHERE status = 'ready' AND not_before > 0 AND parked = 0;
CREATE INDEX tasks_due ON tasks (lane, run, parked, not_before)
  WHERE status = 'ready' AND not_before > 0;
CREATE INDEX tasks_group ON tasks (grp)
  WHERE grp IS NOT NULL AND status IN ('waiting', 'ready', 'claimed');
