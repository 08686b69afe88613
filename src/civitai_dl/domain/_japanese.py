"""The Japanese sentences by their English ones; `messages.py` is the only reader."""

from __future__ import annotations

JAPANESE: dict[str, str] = {
    "blocked": "遮断",
    "because the service's edge blocked us": "サービス側に遮断された",
    "trouble with the disk": "ディスクの障害",
    "because of trouble with the disk": "ディスクの障害",
    "too many open files": "開いているファイルが多すぎる",
    "because too many files were open": "開いているファイルが多すぎた",
    "not listed to the end": "一覧の取得は途中",
    "{n} of them without a digest to verify": "うち照合できるハッシュなし {n} 件",
    # while it runs
    "{share} models, {failed} failed": "現在 {share} モデル、失敗 {failed} 件",
    "{share} images, {failed} failed": "現在 {share} 枚、失敗 {failed} 件",
    "(retrying...)": "(再試行中…)",
    "model pages": "モデル一覧",
    "image pages": "画像一覧",
    "files": "ファイル",
    "images": "画像",
    "Model API": "Model API",
    "Image API": "Image API",
    "File server": "ファイルサーバー",
    "Image server": "画像サーバー",
    "{service} asked us to slow down: {time}": "{service}: アクセス制限により待機中 (あと {time})",
    "{service}: download quota used up, next try in {time}": (
        "{service}: ダウンロード上限に達したため休止中 (あと {time})"
    ),
    "{service} is not answering, next try in {time}": (
        "{service}: 応答がありません ({time}後に再試行)"
    ),
    "{service} rests ({reason}): {time}": "{service}: 休止中 ({reason}、あと {time})",
    "{service} stopped for this run: {detail}": "{service}: 今回の実行では停止しました ({detail})",
    "ETA {time}": "残り {time}",
    "and {n} more transfers": "ほか {n} 件を転送中",
    "still listing: {n} pages read, totals will grow": (
        "一覧を取得中: {n} ページ (合計は増えます)"
    ),
    "{n} already known": "既知 {n} 件",
    "{n} unavailable": "入手不可 {n} 件",
    "{n} failed": "失敗 {n} 件",
    "{n} to be retried": "再試行待ち {n} 件",
    "{n} models": "モデル {n} 件",
    "{n} files": "ファイル {n} 件",
    "{n} images": "画像 {n} 枚",
    "{n} targets, archive in {output}": "対象 {n} 件、保存先 {output}",
    "Continuing an earlier run: {n} tasks left": "前回の続きから再開します: 残り {n} 件",
    "failed: {label}: {detail}": "失敗: {label}: {detail}",
    "Further failures are counted here and listed in failed.txt.": (
        "以降の失敗は件数のみ表示します。内容は failed.txt に記録されます。"
    ),
    # why
    "because: {why}": "理由: {why}",
    "early access": "早期アクセス",
    "downloads disabled": "ダウンロード無効",
    "login required": "要ログイン",
    "no permission": "権限なし",
    "archived": "アーカイブ済み",
    "taken down": "公開停止",
    "gone": "削除済み",
    "unsafe": "危険なファイル",
    "because of early access": "早期アクセス期間中",
    "because the creator disabled downloads": "作者がダウンロードを無効化",
    "because a login is required": "ログインが必要",
    "because this account has no permission": "このアカウントに権限がない",
    "because the model is archived": "モデルがアーカイブ済み",
    "because of a takedown": "運営により公開停止",
    "because Civitai no longer has it": "Civitai から削除済み",
    "because of safety": "安全のため",
    "network or server error": "通信・サーバーエラー",
    "rate limited": "アクセス制限",
    "download quota": "ダウンロード上限",
    "not found": "見つからない",
    "refused": "拒否",
    "failed the check": "検証エラー",
    "bad download link": "リンク無効",
    "because of network or server errors": "通信またはサーバーのエラー",
    "because the service kept asking to slow down": "アクセス制限が解除されなかった",
    "because the download quota is used up": "ダウンロード上限に達した",
    "because Civitai did not find it": "Civitai で見つからなかった",
    "because the service refused": "サーバーに拒否された",
    "because the bytes failed their check": "データの検証に失敗した",
    "because the download link was not accepted": "ダウンロードリンクが無効だった",
    # errors
    "error: {text}": "エラー: {text}",
    "hint: {text}": "ヒント: {text}",
    "warning: {text}": "警告: {text}",
    # the closing account
    "Stopped after {time}: Civitai refused the API key.": (
        "{time}で停止しました: API キーが Civitai に拒否されました。"
    ),
    "Stopped after {time} by the storage: {trouble}": (
        "保存先の問題により {time}で停止しました: {trouble}"
    ),
    "Interrupted after {time}. What was fetched is safe, partial files too.": (
        "{time}で中断しました。取得済みのデータは、途中のファイルも含めて保存されています。"
    ),
    "Finished in {time}, but not everything could be fetched.": (
        "{time}で終了しましたが、取得できなかったものがあります。"
    ),
    "Finished in {time}. All that can be had is stored.": (
        "{time}で完了しました。入手できるものはすべて保存済みです。"
    ),
    "{n} expected": "全 {n} 件",
    "{n} stored and verified": "保存・検証済み {n} 件",
    "{n} unavailable {why}": "入手不可 {n} 件 ({why})",
    "{n} failed {why}": "失敗 {n} 件 ({why})",
    "{n} not tried yet": "未処理 {n} 件",
    "{n} more lines are not complete.": "ほかに未完了の行が {n} 行あります。",
    "{n} more lines are complete.": "ほかの {n} 行はすべて完了しています。",
    "In total": "合計",
    "In total ({what})": "合計 ({what})",
    "stored": "新規保存",
    "reused": "再利用",
    "kept": "既存",
    "unavailable": "入手不可",
    "failed": "失敗",
    "left": "未処理",
    "fetched and verified in this run: {bytes}, {rate}": "今回取得・検証 ({bytes}、{rate})",
    "same content, not transferred": "同じ内容があるため転送を省略",
    "stored before this run": "前回までに保存",
    "not tried, because the run stopped": "実行が止まったため未着手",
    "Notices": "お知らせ",
    "{n} more notices: see the log": "ほか {n} 件はログを参照",
    "What to do next": "次の操作",
    "Make a new key, then run the same command again": (
        "新しい API キーを発行し、同じコマンドを再実行"
    ),
    "Make room, then run the same command again": (
        "空き容量を確保してから、同じコマンドを再実行すると続きから再開します"
    ),
    "To go on, run the same command again": "同じコマンドを再実行すると続きから再開します",
    "Try again what failed": "失敗分を再試行",
    "Why each of them failed": "失敗の理由",
    "What cannot be had, and why": "入手できないものと理由",
    "The first early access ends {moment}": "最も早い早期アクセスの終了: {moment}",
    "How the archive stands": "アーカイブの状態を確認",
    "The archive": "保存先",
}
