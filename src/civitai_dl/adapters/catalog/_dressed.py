"""What was written of models, so that a later run can tell that nothing has changed."""

from __future__ import annotations

import sqlite3

import msgspec

from civitai_dl.domain.entities import Dressed, ModelId

from ._seal import seal_of

READ = "SELECT model_id, written, seal FROM dressed WHERE model_id = ?"

NOTE = "INSERT OR REPLACE INTO dressed (model_id, written, seal) VALUES (?, ?, ?)"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Dressed)


def note_dressed(connection: sqlite3.Connection, model_id: ModelId, dressed: Dressed) -> None:
    """Put down what was written of a model, in place of what was before."""
    written = _encoder.encode(dressed).decode()
    connection.execute(NOTE, (model_id, written, seal_of(model_id, written)))


def recall_dressed(connection: sqlite3.Connection, model_id: ModelId) -> Dressed | None:
    """What was written of a model; None where nobody knows, or the row is not what was written."""
    row = connection.execute(READ, (model_id,)).fetchone()
    if row is None or row["seal"] != seal_of(row["model_id"], row["written"]):
        return None
    try:
        return _decoder.decode(row["written"])
    except (msgspec.MsgspecError, ValueError):
        return None
