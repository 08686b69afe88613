"""What `status`, `retry`, `pause`, `resume` and `cancel` say, in Japanese."""

from __future__ import annotations

QUEUE = {
    "a pause is about the run at work, and the next one is not paused": (
        "一時停止は実行中の処理だけに効き、次の実行には引き継がれません"
    ),
    "the run at work does not know how to do that": "実行中の処理はこの指示に対応していません",
    "it was started by another version of civitai-dl": "別の版の civitai-dl が実行しています",
    "cancelled; ask for it again to have the rest": (
        "取り消し済み。残りが必要なら、もう一度指定してください"
    ),
    "A run is at work here since {since} (process {process})": (
        "実行中です ({since} から、プロセス {process})"
    ),
    "{n} tasks are left of earlier runs": "以前の実行の残りが {n} 件あります",
    "Lane": "レーン",
    "ready": "未着手",
    "waiting": "待機",
    "at work": "実行中",
    "streams": "接続",
    "done": "完了",
    "At work": "実行中のもの",
    "Waiting": "待機中",
    "Failed, by reason": "失敗 (理由別)",
    "Unavailable, by reason": "取得不可 (理由別)",
    "Rates learned": "学習した速度",
    "Free on the disk: {size}": "ディスクの空き容量: {size}",
    "outage": "障害・制限",
    "to be tried again": "再試行",
    "{kind}: {n} {lane}, the first at {moment}": "{kind}: {lane} {n} 件、最初は {moment}",
    "no limit met": "制限なし",
    "paused until {moment}": "{moment} まで休止",
    "nothing failed, or cannot be had, for these reasons": (
        "この理由で失敗したもの、入手できないものはありません"
    ),
    "{n} things would be tried again": "{n} 件を再試行します (まだ実行していません)",
    "{lane}, not tried yet: {n}": "{lane}、未処理: {n} 件",
    "and {n} more; --json lists all": "ほか {n} 件。--json ですべて表示します",
    "nothing was paused": "一時停止中のものはありませんでした",
    "{n} transfers ended at a checkpoint": "転送 {n} 件を途中まで保存して止めました",
    "not asked for by itself in this archive: {targets}": (
        "このアーカイブでは単独で指定されていません: {targets}"
    ),
    "nothing was cancelled; `civitai-dl status` lists what was asked for": (
        "何も取り消していません。指定したものは `civitai-dl status` で確認できます"
    ),
    "nothing was left to do": "残っている作業はありませんでした",
    "{n} things dropped": "{n} 件を取り消しました",
    "{n} kept, for others want it": "{n} 件は他の指定にも含まれるため残します",
    "Going on: nothing is paused any more": "再開しました: 一時停止中のものはありません",
    "Paused (civitai-dl resume goes on)": "一時停止中 (civitai-dl resume で再開)",
    "Paused: {lanes} (civitai-dl resume goes on)": "一時停止中: {lanes} (civitai-dl resume で再開)",
    "cancelled: {targets} ({n} things)": "取り消しました: {targets} ({n} 件)",
}
