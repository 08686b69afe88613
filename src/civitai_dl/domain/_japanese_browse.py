"""Japanese for what `browse` says in the terminal; its pages have words of their own."""

from __future__ import annotations

BROWSE: dict[str, str] = {
    "The archive is shown at {address}": "アーカイブを表示しています: {address}",
    "Ctrl-C ends it": "Ctrl-C で終了します",
    "models: {models}, pages: {pages}, images and videos: {media}": (
        "モデル {models} 件、{pages} ページ、画像・動画 {media} 件"
    ),
    "{count} images are missing on the disk: civitai-dl verify finds them": (
        "ディスク上にない画像が {count} 件あります (civitai-dl verify で確認できます)"
    ),
    "Open it in a browser: {path}": "ブラウザーで開いてください: {path}",
    "name the directory that civitai-dl has downloaded into": (
        "civitai-dl の保存先ディレクトリを指定してください"
    ),
}
