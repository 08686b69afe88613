"""Japanese for what `add`, `remove`, `list`, `sync` and hooks say; see `_japanese.py`."""

from __future__ import annotations

SYNC: dict[str, str] = {
    "added: {new}; there already: {known}": "追加 {new} 件、登録済み {known} 件",
    "`civitai-dl sync` brings them up to date": "`civitai-dl sync` で最新の状態になります",
    "{target} is not kept current here": "{target} はこのアーカイブの更新対象ではありません",
    "removed: {count}; what is stored of it stays": (
        "更新対象から {count} 件を外しました。保存済みのものはそのまま残ります"
    ),
    "nothing is kept current here yet": "更新対象がまだ登録されていません",
    "`civitai-dl add TARGET...` adds something, `civitai-dl add --from-runs` all that earlier runs "
    "were asked for": (
        "`civitai-dl add TARGET...` で登録するか、`civitai-dl add --from-runs` で"
        "これまでの実行の対象をすべて登録してください"
    ),
    "{n} targets": "更新対象 {n} 件",
    "never synced": "未同期",
    "synced {moment}, complete": "{moment} に同期、完了",
    "synced {moment}, not complete": "{moment} に同期、未完了",
    "nothing new: {n} targets in {time}": "新しいものはありません ({n} 件を {time}で確認)",
    "nothing new was seen, but not all could be looked at": (
        "新しいものは見つかりませんでしたが、確認できなかったものがあります"
    ),
    "new models {new_models}, versions {new_versions}; stored files {stored_files}, "
    "images {stored_images}; changed {changed}, gone {gone}, back {back}": (
        "新規: モデル {new_models} 件、バージョン {new_versions} 件。"
        "保存: ファイル {stored_files} 件、画像 {stored_images} 枚。"
        "変更 {changed} 件、消失 {gone} 件、復活 {back} 件"
    ),
    "  and {n} more of them": "  ほか {n} 件",
    "model {number}": "モデル {number}",
    "{name} (model {number})": "{name} (モデル {number})",
    "{name} (model {number}, {creator})": "{name} (モデル {number}、{creator})",
    "all of it: {path}": "すべての内容: {path}",
    "new": "新規",
    "new version {what}": "新しいバージョン {what}",
    "new file {what}": "新しいファイル {what}",
    "file {what} was replaced": "ファイル {what} が差し替えられました",
    "was {what}": "旧名 {what}",
    "other words; the page before is in {kept}": "説明などの変更 (以前のページは {kept})",
    "withdrawn ({what})": "公開が制限されました ({what})",
    "no longer withdrawn ({what})": "公開の制限が解除されました ({what})",
    "gone from the service; what was saved is kept": (
        "サービスから消えました (保存済みのものは残っています)"
    ),
    "version {what} is gone from the service": "バージョン {what} がサービスから消えました",
    "file {what} is gone from the service": "ファイル {what} がサービスから消えました",
    "back at the service": "サービスに復活しました",
    "version {what} is back": "バージョン {what} が復活しました",
    "file {what} is back": "ファイル {what} が復活しました",
    "--on-finish: {trouble}": "--on-finish が失敗しました: {trouble}",
}
