"""The words of the pages, in English and in Japanese."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

LANGUAGES = {"en": "English", "ja": "日本語"}

Say = Callable[..., str]

JAPANESE = {
    "Archive": "アーカイブ",
    "Models": "モデル",
    "Images": "画像",
    "Creators": "作者",
    "Run": "実行状況",
    "Parts of the archive": "アーカイブの各ページ",
    "Skip to the content": "本文へ移動",
    "Show mature images": "成人向け画像を表示",
    "Mature": "成人向け",
    "Mature images are shown": "成人向け画像を表示しています",
    "Mature images are blurred": "成人向け画像をぼかしています",
    "mature images": "成人向け画像",
    "Keys": "キー操作",
    "search": "検索",
    "move": "移動",
    "open": "開く",
    "close": "閉じる",
    "Copied": "コピーしました",
    "Copy": "コピー",
    "Loading more": "続きを読み込み中",
    "More": "さらに表示",
    "Image": "画像",
    "Video": "動画",
    "Audio": "音声",
    "About this image": "この画像について",
    "Previous image": "前の画像",
    "Next image": "次の画像",
    "Close": "閉じる",
    "Search": "検索",
    "Names, creators, tags, trigger words": "名前・作者・タグ・トリガーワード",
    "Names, creators, tags, trigger words, words of prompts": "名前・作者・タグ・トリガーワード・"
    "プロンプトの語",
    "Words of prompts": "プロンプトの語",
    "Names": "名前",
    "Type": "種類",
    "Base model": "ベースモデル",
    "Rating": "レーティング",
    "State": "状態",
    "Order": "並び順",
    "Creator": "作者",
    "Tag": "タグ",
    "Kind": "形式",
    "From": "出所",
    "all": "すべて",
    "clear": "条件を消す",
    "complete": "完了",
    "partial": "一部のみ",
    "failed": "失敗",
    "gone": "公開終了",
    "versions gone": "一部の版が公開終了",
    "added last": "追加が新しい順",
    "published last": "公開が新しい順",
    "by name": "名前順",
    "most downloads": "ダウンロード数順",
    "largest": "容量順",
    "previews": "プレビュー",
    "galleries": "ギャラリー",
    "users": "ユーザーの画像",
    "still images": "静止画",
    "videos": "動画",
    "sounds": "音声",
    "{count} models": "{count} モデル",
    "1 model": "1 モデル",
    "{count} images": "{count} 枚",
    "1 image": "1 枚",
    "more than {count} images": "{count} 枚以上",
    "{count} creators": "作者 {count} 人",
    "1 creator": "作者 1 人",
    "{models}, {images}": "{models}、画像 {images}",
    "reading the archive: {share} %": "アーカイブを読み込み中: {share} %",
    "{count} images with these words in their prompts": "プロンプトにこの語がある画像 {count} 枚",
    "Nothing fits this choice.": "条件に合うものがありません。",
    "The archive is empty so far.": "アーカイブはまだ空です。",
    "The archive is being read; this page fills up soon.": "アーカイブを読み込み中です。"
    "まもなく表示されます。",
    "Model": "モデル",
    "By": "作者",
    "Size": "サイズ",
    "Posted": "投稿日",
    "Prompt": "プロンプト",
    "Negative prompt": "ネガティブプロンプト",
    "Made with": "使用リソース",
    "Parameters": "生成パラメータ",
    "Workflow": "ワークフロー",
    "Its author tells nothing of how it was made.": "生成情報は公開されていません。",
    "Show": "表示する",
    "Versions": "バージョン",
    "Gallery": "ギャラリー",
    "Description": "説明",
    "Trigger words": "トリガーワード",
    "all of them": "すべてまとめて",
    "Previews": "プレビュー",
    "Files": "ファイル",
    "File": "ファイル",
    "Scans": "スキャン",
    "verified": "検証済み",
    "stored": "保存済み (照合値なし)",
    "waiting": "未取得",
    "unavailable": "入手不可",
    "All models": "すべてのモデル",
    "at work now": "実行中",
    "no run is at work": "実行中の処理はありません",
    "What was asked for": "指定されたもの",
    "Asked for": "指定",
    "Stored": "保存済み",
    "To do": "残り",
    "Not to be had": "入手不可",
    "Failed": "失敗",
    "What": "対象",
    "Why": "理由",
    "Nothing failed.": "失敗はありません。",
    "{stored} of {expected} stored ({size}), {left} to do": "{expected} 件中 {stored} 件保存済み"
    " ({size})、残り {left} 件",
    "Nothing has been asked for yet.": "まだ何も指定されていません。",
    "Not here": "見つかりません",
    "The archive has nothing under this address.": "この場所には何もありません。",
    "To the models": "モデル一覧へ",
}


@lru_cache(maxsize=8)
def words_of(language: str) -> Say:
    """A function from an English sentence, and what belongs into it, to one in a language."""
    known = JAPANESE if language == "ja" else {}

    def say(text: str, **facts: object) -> str:
        spoken = known.get(text, text)
        return spoken.format(**facts) if facts else spoken

    return say


def counted(say: Say, count: int, one: str, many: str) -> str:
    """So many of them; English has a word for one alone. many: with a place for the count."""
    return say(one) if count == 1 else say(many, count=f"{count:,}")


def pick(asked: str | None, remembered: str | None, accepted: str, fallback: str) -> str:
    """The language of a page. accepted: what a browser's Accept-Language header says."""
    for code in (asked, remembered):
        if code in LANGUAGES:
            return str(code)
    for part in accepted.split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return fallback
