"""Japanese for what the commands say outside the display; see `_japanese.py`."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "{number} is taken as a model": "{number} はモデル ID として扱います",
    "{names} hold different keys; the first is used": (
        "{names} の API キーが異なります。最初のものを使います"
    ),
    "nothing is asked for": "ダウンロード対象が指定されていません",
    "give --users, --models, or a link; see civitai-dl --help": (
        "--users、--models、または URL を指定してください (civitai-dl --help 参照)"
    ),
    "nothing was requested; --skip-bad-lines leaves such lines out": (
        "まだ何もリクエストしていません。--skip-bad-lines で該当行を飛ばせます"
    ),
    "stopping: what is on its way is kept; press again to leave at once": (
        "停止しています。転送中のデータは保持されます (もう一度押すと即座に終了)"
    ),
    "Nothing was transferred. To be fetched:": "転送は行っていません。取得予定:",
    "  {target}: {open} to fetch, {stored} stored": (
        "  {target}: 取得予定 {open} 件、保存済み {stored} 件"
    ),
    "  {role}: {count}": "  {role}: {count} 件",
    "  {role}: {count}, {size}": "  {role}: {count} 件、{size}",
    "Free space: {size}": "空き容量: {size}",
    "That is more than there is room for": "空き容量が足りません",
    "model files": "モデルファイル",
    "previews": "プレビュー",
    "images in descriptions": "説明文の画像",
    "gallery images": "ギャラリー画像",
    "images of creators": "ユーザーの画像",
    "there is no archive here: {path}": "アーカイブが見つかりません: {path}",
    "A run is at work here now": "現在ここで実行中です",
    "{stored} of {expected} stored ({size}), {left} to do": (
        "{expected} 件中 {stored} 件を保存 ({size})、残り {left} 件"
    ),
    "everything that can be had is stored": "入手できるものはすべて保存済みです",
    "to go on, run the same command again": "同じコマンドを再実行すると続きから再開します",
}
