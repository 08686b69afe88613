-- From version 2 to version 3.
-- rates: what was learned about how often a lane of a host may be asked. key: a digest of the API
--   key with the salt, empty where no key is sent; never the key. rate: requests per second, NULL
--   where nothing was refused. hold: seconds before a little more is tried. paused_until,
--   learned_at: seconds since the epoch. seal: CRC32 of the row; a row without its seal is ignored.
-- salts: random bytes of this archive, so that digests of one key differ between archives.
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
