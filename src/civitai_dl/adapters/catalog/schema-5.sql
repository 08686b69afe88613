-- From version 4 to version 5.
-- dressed: what was written of a model when it was complete. written: JSON of a digest of what it
--   was made of, of the archive paths with their SHA-256, and of the second names. seal: CRC32 of
--   the row; a row without its seal is ignored, and the model is written again.
CREATE TABLE dressed (
  model_id INTEGER PRIMARY KEY,
  written  TEXT NOT NULL,
  seal     INTEGER NOT NULL
);
