"""What is written into the library, in portions: models, pictures, and what follows from both."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from civitai_dl.domain.decisions import media_of
from civitai_dl.domain.entities import ModelId
from civitai_dl.domain.library import (
    ModelFacts,
    PictureFacts,
    Tally,
    apart,
    rating_of,
    standing_of,
)


@dataclass(frozen=True, slots=True)
class NewModel:
    """A model to be written. stamp: changes when anything of it does."""

    facts: ModelFacts
    tally: Tally
    stamp: str
    added: float


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture to be written. task: a row of the state. order: among the previews of its model."""

    task: int
    stamp: float
    path: str
    place: str
    order: int
    model_id: ModelId | None
    image_id: int | None
    size: int
    sha256: str
    facts: PictureFacts


_MODEL = (
    "INSERT OR REPLACE INTO models (id, stamp, name, kind, creator, creator_key, base_models, "
    "tags, words, haystack, standing, rating, nsfw, versions, gone_versions, files, images, bytes, "
    "downloads, published, added, cover) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
)

_PICTURE = (
    "INSERT INTO images (task, stamp, path, place, place_order, media, model, version, image_id, "
    "creator, creator_key, rating, level, width, height, created, size, digest, twin) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
    "EXISTS (SELECT 1 FROM images WHERE digest = ? AND twin = 0)) "
)

_COVER = """
UPDATE models SET cover = (
  SELECT row FROM images WHERE model = models.id
  ORDER BY media <> 'image', place <> 'preview', place_order, row LIMIT 1
) WHERE id IN (SELECT value FROM json_each(?))
"""

_CREATORS = """
INSERT INTO creators (key, name, models, images, folder)
SELECT key, MIN(name), SUM(models), SUM(images), MAX(folder) FROM (
  SELECT creator_key AS key, creator AS name, COUNT(*) AS models, 0 AS images, 0 AS folder
  FROM models WHERE creator_key IS NOT NULL GROUP BY creator_key
  UNION ALL
  SELECT creator_key, MIN(creator), 0, COUNT(*), 0
  FROM images WHERE creator_key IS NOT NULL AND twin = 0 GROUP BY creator_key
  UNION ALL
  -- Twins, too: whose images were all met in galleries before was asked for all the same.
  SELECT creator_key, MIN(creator), 0, 0, 1
  FROM images WHERE place = 'user' AND creator_key IS NOT NULL GROUP BY creator_key
) GROUP BY key
"""


def write_models(connection: sqlite3.Connection, models: Sequence[NewModel]) -> None:
    """Write models anew, with what they can be found by."""
    for model in models:
        facts = model.facts
        _forget_words(connection, facts.id)
        connection.execute(_MODEL, _model_row(model))
        connection.executemany(
            "INSERT OR IGNORE INTO model_bases (base_model, model) VALUES (?, ?)",
            [(base, facts.id) for base in facts.base_models],
        )
        connection.executemany(
            "INSERT OR IGNORE INTO model_tags (tag, model) VALUES (?, ?)",
            [(tag.lower(), facts.id) for tag in facts.tags],
        )
        connection.execute(
            "INSERT INTO models_text (rowid, name, creator, tags, words) VALUES (?, ?, ?, ?, ?)",
            (facts.id, facts.name, facts.creator or "", "\n".join(facts.tags), _joined(facts)),
        )


def _joined(facts: ModelFacts) -> str:
    return "\n".join(facts.words)


def _model_row(model: NewModel) -> tuple[object, ...]:
    facts, tally = model.facts, model.tally
    creator = facts.creator
    rating = rating_of(facts.level)
    searched = "\n".join((facts.name, creator or "", *facts.tags, *facts.words))
    return (
        facts.id,
        model.stamp,
        facts.name,
        facts.kind,
        creator,
        None if creator is None else creator.lower(),
        json.dumps(facts.base_models),
        json.dumps(facts.tags),
        json.dumps(facts.words),
        searched.lower(),
        standing_of(tally).value,
        0 if rating is None else rating.value,
        facts.nsfw,
        facts.versions,
        facts.gone_versions,
        tally.files,
        tally.images,
        tally.bytes,
        min(facts.downloads, 2**62),
        facts.published,
        model.added,
    )


def remove_models(connection: sqlite3.Connection, models: Collection[ModelId]) -> None:
    """Forget models."""
    for number in models:
        _forget_words(connection, number)
        connection.execute("DELETE FROM models WHERE id = ?", (number,))


def _forget_words(connection: sqlite3.Connection, number: ModelId) -> None:
    connection.execute("DELETE FROM models_text WHERE rowid = ?", (number,))
    connection.execute("DELETE FROM model_bases WHERE model = ?", (number,))
    connection.execute("DELETE FROM model_tags WHERE model = ?", (number,))


def write_pictures(connection: sqlite3.Connection, pictures: Sequence[NewPicture]) -> None:
    """Write pictures whose tasks are not there."""
    for picture in pictures:
        row = connection.execute(_PICTURE, _picture_row(picture)).lastrowid
        if picture.facts.prompt:
            connection.execute(
                "INSERT INTO images_text (rowid, prompt) VALUES (?, ?)",
                (row, apart(picture.facts.prompt)),
            )


def _picture_row(picture: NewPicture) -> tuple[object, ...]:
    facts, parts = picture.facts, picture.path.split("/")
    rating = rating_of(facts.level)
    digest = int.from_bytes(bytes.fromhex(picture.sha256[:16].rjust(16, "0")), "big", signed=True)
    return (
        picture.task,
        picture.stamp,
        picture.path,
        picture.place,
        picture.order,
        media_of(picture.path).value,
        picture.model_id,
        parts[2] if picture.place == "preview" and len(parts) > 3 else "",
        picture.image_id,
        facts.creator,
        None if facts.creator is None else facts.creator.lower(),
        0 if rating is None else rating.value,
        facts.level,
        min(facts.width, 2**31),
        min(facts.height, 2**31),
        facts.created,
        picture.size,
        digest,
        digest,
    )


def remove_pictures(connection: sqlite3.Connection, tasks: Collection[int]) -> None:
    """Forget pictures; of equal ones another one is shown from now on."""
    for task in tasks:
        found = connection.execute(
            "SELECT row, digest, twin FROM images WHERE task = ?", (task,)
        ).fetchone()
        if found is None:
            continue
        connection.execute("DELETE FROM images WHERE row = ?", (found["row"],))
        if not found["twin"]:
            connection.execute(
                "UPDATE images SET twin = 0 "
                "WHERE row = (SELECT MIN(row) FROM images WHERE digest = ?)",
                (found["digest"],),
            )


def choose_covers(connection: sqlite3.Connection, models: Collection[ModelId]) -> None:
    """A still that the creator shows first, else whatever there is."""
    connection.execute(_COVER, (json.dumps(list(models)),))


def count_creators(connection: sqlite3.Connection) -> None:
    """Say again who made how much."""
    connection.execute("DELETE FROM creators")
    connection.execute(_CREATORS)


def note(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Remember a fact about the library itself."""
    connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))


def noted(connection: sqlite3.Connection, name: str) -> str:
    """What is remembered; empty for nothing."""
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return "" if row is None else str(row[0])
