"""Japanese for what `link` and `unlink` say; see `_japanese.py`."""

from __future__ import annotations

LINKS: dict[str, str] = {
    "{files} of {total} done, {size} read": "{total} 件中 {files} 件を処理、読み取り {size}",
    "  hard links, which take no room: {n}": "  ハードリンク {n} 件 (容量を消費しません)",
    "  reflinks, which take no room until one side changes: {n}": (
        "  reflink {n} 件 (どちらかを変更するまで容量を消費しません)"
    ),
    "  symbolic links into the archive, which must stay where it is: {n}": (
        "  アーカイブへのシンボリックリンク {n} 件 (アーカイブを移動しないでください)"
    ),
    "  copies ({size}): {n}": "  コピー {n} 件、{size}",
    "training data is nothing that an application loads": (
        "学習データはアプリケーションが読み込むものではありません"
    ),
    "it has to be unpacked first": "先に展開する必要があります",
    "this application has no folder for it; --folder {kind}=PATH names one": (
        "このアプリケーションには対応するフォルダーがありません "
        "(--folder {kind}=PATH で指定できます)"
    ),
    "no application loads a file with such a name": (
        "この名前のファイルを読み込むアプリケーションはありません"
    ),
    "the weights that it belongs to are not here": "対応するモデルファイルがここにありません",
    "its model.json is missing, or cannot be read: run the download again": (
        "model.json がないか、読み取れません。ダウンロードをもう一度実行してください"
    ),
    "another file has this name, and the others that it could have": (
        "この名前も、代わりの名前も、別のファイルが使っています"
    ),
    "it was changed after it was placed, and is kept": (
        "配置した後に変更されているため、そのまま残しました"
    ),
    "the archive's own file is missing or damaged: civitai-dl verify": (
        "アーカイブ側のファイルがないか、破損しています (civitai-dl verify を実行してください)"
    ),
    "another file has just been put there": "処理中に別のファイルが置かれました",
    "there already: {n}": "{n} 件は配置済みです",
    "there as files of your own with the same bytes: {n}": (
        "{n} 件は、同じ内容のファイルがすでに置かれています"
    ),
    "previews and sidecars left as they are, your own or edited: {n}": (
        "プレビューや付随ファイル {n} 件は、元からあるか編集されているため、そのままにしました"
    ),
    "of these in the place of older ones, since the archive has others now: {n}": (
        "うち {n} 件は、アーカイブの内容が変わったため置き換えたものです"
    ),
    "placed earlier and not wanted any more, removed by --prune: {n}": (
        "以前に配置した {n} 件は不要になったため取り除きます (--prune)"
    ),
    "placed earlier and not wanted by this command (--prune removes them): {n}": (
        "以前に配置した {n} 件は今回の対象外です (--prune で取り除けます)"
    ),
    "lines of the record that cannot be read (what they tell of is left alone): {n}": (
        "配置の記録のうち {n} 行を読み取れません (該当するファイルには触れません)"
    ),
    "extra_model_paths.yaml is not read; --folder TYPE=PATH names other folders": (
        "extra_model_paths.yaml は参照しません。別のフォルダーは --folder TYPE=PATH で"
        "指定してください"
    ),
    (
        "{size} are to go to another file system, where hard links do not lead: unless it is"
        " one that knows reflinks, choose --mode copy or --mode symlink"
    ): (
        "{size} は別のファイルシステムへの配置となり、ハードリンクを作れません。reflink に"
        "対応していない場合は --mode copy か --mode symlink を指定してください"
    ),
    "not placed: {path}: {why}": "配置できません: {path}: {why}",
    "stopped: the same command goes on": "停止しました。同じコマンドで続きから再開できます",
    "{layout} in {root}: {files} placed ({size}), previews and sidecars: {beside}": (
        "{root} ({layout}): {files}を配置 ({size})、プレビューと付随ファイル {beside} 件"
    ),
    (
        "{layout} in {root}: {files} to be placed ({size}),"
        " previews and sidecars: {beside}; nothing was changed"
    ): (
        "{root} ({layout}): 配置予定 {files} ({size})、プレビューと付随ファイル "
        "{beside} 件 (何も変更していません)"
    ),
    "  {folder}: {files} ({size}), previews and sidecars: {beside}": (
        "  {folder}: {files} ({size})、プレビューと付随ファイル {beside} 件"
    ),
    "without a place: {n} {kind}: {why}": "配置先なし: {kind} {n} 件: {why}",
    "{root}: {files} removed, {kept} kept": ("{root}: {files}を取り除き、{kept} 件を残しました"),
    "{root}: {files} to be removed, {kept} to be kept; nothing was changed": (
        "{root}: {files}を取り除き、{kept} 件を残す予定です (何も変更していません)"
    ),
    "folders that were made for them and are gone, too: {n}": (
        "配置のために作ったフォルダー {n} 個も取り除きました"
    ),
    "kept, since the archive has no copy of it any more: {path}": (
        "アーカイブに同じものが残っていないため、そのままにしました: {path}"
    ),
    "kept, since it was changed after it was placed: {path}": (
        "配置した後に変更されているため残しました: {path}"
    ),
}
