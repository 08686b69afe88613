"""Japanese for the words of selections, and for what `why` says; see `_japanese.py`."""

from __future__ import annotations

WHY: dict[str, str] = {
    # --- why something is left out
    "model {id} is excluded": "モデル {id} は除外されています",
    "the user {name} is excluded": "ユーザー {name} は除外されています",
    "its creator {name} is excluded": "作成者 {name} は除外されています",
    "its author {name} is excluded": "投稿者 {name} は除外されています",
    "its tag {tag} is excluded": "タグ {tag} は除外されています",
    "only version {wanted} was asked for": "バージョン {wanted} だけが指定されています",
    "its type is {found}, --types asks for {wanted}": (
        "種類が {found} です (--types の指定は {wanted})"
    ),
    "its base model is {found}, --base-models asks for {wanted}": (
        "ベースモデルが {found} です (--base-models の指定は {wanted})"
    ),
    "it was published on {found}, --since asks for {wanted} or later": (
        "公開日が {found} です (--since の指定は {wanted} 以降)"
    ),
    "it is number {rank} by date, --versions asks for the newest {wanted}": (
        "新しい順で {rank} 番目です (--versions の指定は新しい順に {wanted} 件)"
    ),
    "it is number {rank} by date for {base}, --versions asks for {wanted} of each": (
        "{base} では新しい順で {rank} 番目です"
        " (--versions の指定はベースモデルごとに新しい順で {wanted} 件)"
    ),
    "its file type is {found}, --file-types asks for {wanted}": (
        "ファイルの種類が {found} です (--file-types の指定は {wanted})"
    ),
    "it is training data, which --no-training-data leaves out": (
        "学習データです (--no-training-data により対象外)"
    ),
    "its format is {found}, --formats asks for {wanted}": (
        "形式が {found} です (--formats の指定は {wanted})"
    ),
    "its precision is {found}, --fp asks for {wanted}": (
        "精度が {found} です (--fp の指定は {wanted})"
    ),
    "its size is {found}, --size asks for {wanted}": (
        "サイズ区分が {found} です (--size の指定は {wanted})"
    ),
    "it has {found} bytes, --max-file-size admits {wanted}": (
        "{found} バイトあります (--max-file-size の上限は {wanted} バイト)"
    ),
    "its rating is {found}, --browsing-level asks for {wanted}": (
        "レーティングが {found} です (--browsing-level の指定は {wanted})"
    ),
    "its medium is {found}, --media asks for {wanted}": (
        "メディアが {found} です (--media の指定は {wanted})"
    ),
    "--only images leaves model files out": "--only images によりモデルファイルは対象外です",
    "--only models leaves images out": "--only models により画像は対象外です",
    "--no-gallery leaves galleries and images of users out": (
        "--no-gallery によりギャラリーとユーザーの画像は対象外です"
    ),
    "standard input cannot be two lists at once": (
        "標準入力を二つのリストとして同時に使うことはできません"
    ),
    # --- why something is held for unsafe
    "the {scan} scan of the service found danger in it": (
        "サービスのスキャン ({scan}) で危険と判定されています"
    ),
    "it is a pickle, which may run code when loaded; {twin} has the same as SafeTensor": (
        "読み込み時にコードを実行しうる pickle 形式です。同じ内容の SafeTensor が {twin} にあります"
    ),
    # --- how something stands
    "stored: {path} ({size})": "保存済み: {path} ({size})",
    "it would not be fetched now, because {why}": "今の指定では取得しません。理由: {why}",
    "not fetched, because {why}": "取得していません。理由: {why}",
    "not fetched, because the choices of that run leave it out": (
        "取得していません。理由: そのときの指定では対象外です"
    ),
    "cannot be had: {why}: {detail}": "取得できません: {why}: {detail}",
    "failed: {why}: {detail}": "失敗: {why}: {detail}",
    "waiting until {moment}": "{moment} まで待機中",
    "waiting until {moment}: {detail}": "{moment} まで待機中: {detail}",
    "until {moment}": "{moment} まで",
    "being fetched, or it was when the run ended": "取得中、または実行が終わったとき取得中でした",
    "wanted, and not fetched yet": "取得対象で、まだ取得していません",
    "wanted under these choices, and no run has asked for it yet": (
        "この指定では取得対象ですが、まだどの実行でも取得していません"
    ),
    "the archive knows nothing of it": "アーカイブに情報がありません",
    "to change that: {command}": "対処: {command}",
    "previews and images of descriptions": "プレビューと説明文の画像",
    "gallery": "ギャラリー",
    "{n} stored": "{n} 件保存済み",
    "{n} to do": "{n} 件未取得",
    "{n} failed ({why})": "{n} 件失敗 ({why})",
    "{n} cannot be had ({why})": "{n} 件取得不可 ({why})",
    "(under the choices given here)": "(ここで与えた指定による)",
    "(under the choices of the run of {moment})": "({moment} の実行の指定による)",
}
