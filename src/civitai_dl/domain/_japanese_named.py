"""Japanese for what is said about the naming of things; see `_japanese.py`."""

from __future__ import annotations

NAMED: dict[str, str] = {
    "{origin}: bare numbers are taken as models ({count}, such as {number})": (
        "{origin}: 数字だけの行 {count} 件 ({number} など) はモデル ID として扱います"
    ),
    "{names}: there is no search that this could be about": (
        "{names}: 対象となる検索が指定されていません"
    ),
    "name one, as in search:WORDS, tag:NAME or favorites:": (
        "search:語句、tag:名前、favorites: のいずれかを指定してください"
    ),
}
