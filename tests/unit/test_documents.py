"""JSON documents of the archive: what the service said, as people can read it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.documents import dump_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(codec=None), max_size=10),  # lone surrogates too
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_a_document_reads_back_as_what_was_said(document: object) -> None:
    """Whatever the service says, in UTF-8, with keys in its order; half a character is escaped."""
    data = dump_json(document)
    assert data.endswith(b"\n")
    assert list(_flat(document)) == list(_flat(json.loads(data)))


def _flat(value: object, path: str = "") -> list[tuple[str, object]]:
    """Every value with its place, in order, so that the order of keys counts as well."""
    if isinstance(value, dict):
        return [
            found for key, inner in value.items() for found in _flat(inner, f"{path}.{key!r}")
        ] or [(path, "{}")]
    if isinstance(value, list):
        return [
            found for place, inner in enumerate(value) for found in _flat(inner, f"{path}[{place}]")
        ] or [(path, "[]")]
    return [(path, value)]


def test_a_document_is_indented_and_keeps_its_letters() -> None:
    """Two spaces, one line for each thing, and Japanese as it is written."""
    document = {"b": "絵", "a": [1, {}], "c": []}
    assert (
        dump_json(document).decode()
        == '{\n  "b": "絵",\n  "a": [\n    1,\n    {}\n  ],\n  "c": []\n}\n'
    )
