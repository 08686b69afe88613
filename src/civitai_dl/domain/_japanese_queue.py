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
