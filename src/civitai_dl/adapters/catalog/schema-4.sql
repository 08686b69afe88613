-- From version 3 to version 4.
-- partials.islands: what is durable beyond `size`, as a JSON list of [start, end, CRC32 in hex];
--   NULL for nothing. What is damaged counts as nothing, and the CRC32 is looked at before use.
ALTER TABLE partials ADD COLUMN islands TEXT;
