-- The library: an index of an archive that can be made again at any time from what lies on the disk.
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE models (
  id            INTEGER PRIMARY KEY,
  stamp         TEXT NOT NULL,
  name          TEXT NOT NULL,
  kind          TEXT NOT NULL,
  creator       TEXT,
  creator_key   TEXT,
  base_models   TEXT NOT NULL,
  tags          TEXT NOT NULL,
  words         TEXT NOT NULL,
  haystack      TEXT NOT NULL,
  standing      TEXT NOT NULL,
  rating        INTEGER NOT NULL,
  nsfw          INTEGER NOT NULL,
  versions      INTEGER NOT NULL,
  gone_versions INTEGER NOT NULL,
  files         INTEGER NOT NULL,
  images        INTEGER NOT NULL,
  bytes         INTEGER NOT NULL,
  downloads     INTEGER NOT NULL,
  published     REAL,
  added         REAL NOT NULL,
  cover         INTEGER
);
CREATE INDEX models_added ON models (added, id);
CREATE INDEX models_creator ON models (creator_key);

CREATE TABLE model_bases (
  base_model TEXT NOT NULL,
  model      INTEGER NOT NULL,
  PRIMARY KEY (base_model, model)
) WITHOUT ROWID;
CREATE INDEX model_bases_model ON model_bases (model);

CREATE TABLE model_tags (
  tag   TEXT NOT NULL,
  model INTEGER NOT NULL,
  PRIMARY KEY (tag, model)
) WITHOUT ROWID;
CREATE INDEX model_tags_model ON model_tags (model);

CREATE VIRTUAL TABLE models_text USING fts5 (name, creator, tags, words, tokenize = 'trigram');

-- images: `task` is a row of the state. twin: 1 where the same bytes are shown from another place.
-- digest: the first 8 bytes of the SHA-256. place_order: previews as their model shows them.
CREATE TABLE images (
  row         INTEGER PRIMARY KEY AUTOINCREMENT,
  task        INTEGER NOT NULL UNIQUE,
  stamp       REAL NOT NULL,
  path        TEXT NOT NULL,
  place       TEXT NOT NULL,
  place_order INTEGER NOT NULL,
  media       TEXT NOT NULL,
  model       INTEGER,
  version     TEXT NOT NULL,
  image_id    INTEGER,
  creator     TEXT,
  creator_key TEXT,
  rating      INTEGER NOT NULL,
  level       INTEGER NOT NULL,
  width       INTEGER NOT NULL,
  height      INTEGER NOT NULL,
  created     REAL,
  size        INTEGER NOT NULL,
  digest      INTEGER NOT NULL,
  twin        INTEGER NOT NULL
);
CREATE INDEX images_model ON images (model, place, place_order);
CREATE INDEX images_creator ON images (creator_key, row) WHERE twin = 0;
CREATE INDEX images_user ON images (creator_key, creator) WHERE place = 'user';
CREATE INDEX images_rating ON images (rating, row) WHERE twin = 0;
CREATE INDEX images_media ON images (media, row) WHERE twin = 0;
CREATE INDEX images_digest ON images (digest);
CREATE INDEX images_id ON images (image_id) WHERE image_id IS NOT NULL;

-- Prompts are found here and read from their files. A row that is no longer in `images` finds
-- nothing, so that nothing has to be taken out.
CREATE VIRTUAL TABLE images_text USING fts5 (
  prompt, content = '', tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);

-- Which row has which word; it takes no room.
CREATE VIRTUAL TABLE images_words USING fts5vocab (images_text, instance);

CREATE TABLE creators (
  key    TEXT PRIMARY KEY,
  name   TEXT NOT NULL,
  models INTEGER NOT NULL,
  images INTEGER NOT NULL,
  folder INTEGER NOT NULL
) WITHOUT ROWID;
