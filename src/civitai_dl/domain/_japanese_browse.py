"""Japanese for what `browse` says in the terminal; its pages have words of their own."""

from __future__ import annotations

BROWSE: dict[str, str] = {
    "The archive is shown at {address}": "アーカイブを表示しています: {address}",
    "Ctrl-C ends it": "Ctrl-C で終了します",
    "what browse needs is not installed": "browse に必要なパッケージがありません",
    "name the directory that civitai-dl has downloaded into": (
        "civitai-dl の保存先ディレクトリを指定してください"
    ),
}
