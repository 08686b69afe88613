"""Japanese for what `plan` says; see `_japanese.py`."""

from __future__ import annotations

PLANS: dict[str, str] = {
    "--json and --csv are two forms of one output: give one": (
        "--json と --csv は同時に指定できません"
    ),
    "Plan for {output}: nothing was transferred.": "{output} の取得計画 (転送は行っていません)",
    "The listing was interrupted: there may be more.": (
        "列挙は途中で中断されました。ほかにもある可能性があります。"
    ),
    "Not everything could be listed: there may be more.": (
        "列挙できなかったものがあります。ほかにもある可能性があります。"
    ),
    "and {n} smaller targets": "ほか {n} 件の対象 (取得量の少ないもの)",
    "target": "対象",
    "type": "種類",
    "on disk": "保存済み",
    "in all": "合計",
    "models": "モデル",
    "versions": "バージョン",
    "to fetch": "取得予定",
    "bytes": "容量",
    "model files": "モデルファイル",
    "previews": "プレビュー",
    "images in descriptions": "説明文の画像",
    "gallery images": "ギャラリー画像",
    "images of creators": "ユーザーの画像",
    "To transfer: {n} files, {size}": "転送するファイル: {n} 件、{size}",
    "  of {n} files nobody tells the size": "  うち {n} 件はサイズ不明",
    "  not counting {size} that are in partial files already": (
        "  途中まで転送済みの {size} は含みません"
    ),
    "To transfer: {n} images": "転送する画像: {n} 件",
    "about {size}, as those stored weigh": "保存済み画像の平均から約 {size}",
    "the service does not tell their size": "サービスはサイズを公開していません",
    "Reused, not transferred: {n}": "同じ内容のため転送不要: {n} 件",
    "Stored already: {n}": "保存済み: {n} 件",
    "Cannot be had: {n}": "取得できないもの: {n} 件",
    "Failed before, and not tried again: {n}": "以前失敗し、再試行しないもの: {n} 件",
    "Left out: {n}": "対象外: {n} 件",
    "Could not be listed: {n}": "列挙できなかったページ: {n} 件",
    "and {n} more pages": "ほか {n} ページ",
    "free on {moment}": "{moment} に公開",
    "free from {first} to {last}": "{first} から {last} にかけて公開",
    "Free space: {free}; afterwards {left}": "空き容量: {free}、取得後 {left}",
    "Free space: {free}; afterwards at most {left}": "空き容量: {free}、取得後は最大で {left}",
    "Not enough room: {size} more must be free": "空き容量が足りません: あと {size} 必要です",
    "Time: not known until something was transferred into this archive": (
        "所要時間: このアーカイブへの転送実績がないため不明"
    ),
    "Time: at least {time} ({basis})": "所要時間: {time} 以上 ({basis})",
    "Time: about {time} ({basis})": "所要時間: 約 {time} ({basis})",
    "files {rate} as last time": "ファイルは前回の {rate}",
    "images {rate}/s as last time": "画像は前回の毎秒 {rate} 件",
    "limit {rate}": "速度制限 {rate}",
    (
        "Whether a file needs a login, or its downloads are disabled, shows when it is asked for. "
        "The download that follows within {hours} hours lists nothing again."
    ): (
        "ログインが必要か、ダウンロードが無効かは、実際に取得するときに分かります。"
        "{hours} 時間以内にダウンロードすれば、列挙はやり直しません。"
    ),
}
