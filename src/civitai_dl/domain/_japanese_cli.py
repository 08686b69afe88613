"""Japanese for what the commands say outside the display; see `_japanese.py`."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "{number} is taken as a model": "{number} はモデル ID として扱います",
    "{names} hold different keys; the first is used": (
        "{names} の API キーが異なります。最初のものを使います"
    ),
    "nothing is asked for": "ダウンロード対象が指定されていません",
    "give --users, --models, or a link; see civitai-dl --help": (
        "--users、--models、または URL を指定してください (civitai-dl --help 参照)"
    ),
    "nothing was requested; --skip-bad-lines leaves such lines out": (
        "まだ何もリクエストしていません。--skip-bad-lines で該当行を飛ばせます"
    ),
    "stopping: what is on its way is kept; press again to leave at once": (
        "停止しています。転送中のデータは保持されます (もう一度押すと即座に終了)"
    ),
    "keeping to {size}/s now": "転送速度を {size}/秒 に制限します",
    "no limit on bytes now": "転送速度の制限を解除しました",
    "the run has not answered yet: it will heed this as soon as it can": (
        "実行中の処理からまだ応答がありません。できるだけ早く反映されます"
    ),
    "gone from the service and kept here: {models} models, {versions} versions, {files} files": (
        "サービスから消え、ここに残るもの: モデル {models} 件、バージョン {versions} 件、"
        "ファイル {files} 件"
    ),
    "nothing of what is kept here is known to be gone from the service": (
        "サービスから消えたと分かっているものはありません"
    ),
    "model {name}: gone {since}": "モデル {name}: {since} に消失を確認",
    "model {name}:": "モデル {name}:",
    "  version {name}: gone {since}": "  バージョン {name}: {since} に消失を確認",
    "  file {name} of version {version}: gone {since}": (
        "  バージョン {version} のファイル {name}: {since} に消失を確認"
    ),
    "{share} files read, {n} could not be": "{share} ファイルを読み込み、失敗 {n} 件",
    "there is nothing here: {path}": "見つかりません: {path}",
    "{files} files ({size}), {hashed} of them read now, requests: {asked}, {time}": (
        "{files} ファイル ({size})、うち今回読み込み {hashed} 件、問い合わせ {asked} 回、{time}"
    ),
    "adopted, nothing transferred": "取り込み済み (転送なし)",
    "known to the service": "サービスに登録あり",
    "in the archive already": "アーカイブに保存済み",
    "known, but the service does not show them now": "登録はあるが現在は公開されていない",
    "unknown to the service": "サービスに登録なし",
    "not asked about to the end": "問い合わせ未完了",
    "not read: {path}: {why}": "読み込めません: {path}: {why}",
    "no answer: {why}": "応答がありません: {why}",
    "nothing was taken in (--dry-run)": "取り込みは行っていません (--dry-run)",
    "listed in {path}": "一覧: {path}",
    "there is no archive here: {path}": "アーカイブが見つかりません: {path}",
    "A run is at work here now": "現在ここで実行中です",
    "{stored} of {expected} stored ({size}), {left} to do": (
        "{expected} 件中 {stored} 件を保存 ({size})、残り {left} 件"
    ),
    "everything that can be had is stored": "入手できるものはすべて保存済みです",
    "to go on, run the same command again": "同じコマンドを再実行すると続きから再開します",
    "{share} files checked, {n} damaged": "{share} ファイルを検査、破損 {n} 件",
    "{done} of {total}": "{total} 中 {done}",
    "nothing is changed: put that right, and verify again": (
        "何も変更していません。原因を取り除いてから再度検査してください"
    ),
    "nothing is changed (--no-heal)": "何も変更しません (--no-heal)",
    "it will be fetched again when all is read": "検査がすべて終わってから再取得します",
    "it will be set aside and made whole when all is read": (
        "検査がすべて終わってから隔離し、修復します"
    ),
    "missing ({size} bytes, SHA256 {sha256})": (
        "ファイルがありません ({size} バイト、SHA256 {sha256})"
    ),
    "cut off: {found} of {size} bytes": "途中で切れています: {size} バイト中 {found} バイト",
    "too long: {found} bytes, {size} were stored": (
        "長すぎます: {found} バイト (保存時は {size} バイト)"
    ),
    "it has the content of {other}": "中身が {other} のものになっています",
    "it cannot be looked at: {why}": "確認できません: {why}",
    "the disk does not give it: {why}": "ディスクから読み取れません: {why}",
    "changed: SHA256 is {found}, {expected} was stored": (
        "内容が変化しています: SHA256 は {found} (保存時は {expected})"
    ),
    "first in segment {number} of {of}": "最初の破損は {of} 区間中の第 {number} 区間",
    "a folder lies in its place": "同じ場所にフォルダーがあります",
    "a symbolic link lies in its place": "同じ場所にシンボリックリンクがあります",
    "something that is no file lies in its place": "同じ場所にファイルではないものがあります",
    "left as it is": "そのままにしました",
    "it was whole when it was read again": "読み直したところ正常でした",
    "made whole without a transfer, from bytes that were in the archive": (
        "アーカイブ内にあったデータから、転送なしで修復しました"
    ),
    "fetched again and verified": "再取得して検証しました",
    "not made whole yet: {why}": "まだ修復できていません: {why}",
    "made whole: {fetched} of {of} segments fetched": (
        "修復しました: {of} 区間中 {fetched} 区間を再取得"
    ),
    "the damaged bytes are in {where}": "破損したデータは {where} にあります",
    "... and {n} more: see --json": "... ほか {n} 件 (--json で全件を表示)",
    "{files} files, {size} checked in {time} ({rate})": (
        "{files} ファイル、{size} を {time} で検査しました ({rate})"
    ),
    "stopped: {n} files, {size} were not read": ("停止しました: {n} ファイル、{size} は未検査です"),
    "nothing is wrong with them": "異常はありません",
    "{damaged} damaged: {well} whole again, {left} not": (
        "破損 {damaged} 件: 修復済み {well} 件、未修復 {left} 件"
    ),
    "to try those again: civitai-dl retry": "再試行するには: civitai-dl retry",
    "nothing failed, and nothing was left: there is nothing to retry": (
        "失敗したものも残っているものもないため、再試行の必要はありません"
    ),
    # sidecars
    "{n} models so far": "ここまで {n} モデル",
    "sidecars in place: {sidecars}, of {models} models": (
        "サイドカー {sidecars} 件を書き出しました ({models} モデル)"
    ),
    "documents left as they are, nothing can be added to them: {n}": (
        "追記できない形式のため変更しなかったファイル: {n} 件"
    ),
    "models passed over, their model.json is missing or was edited: {n}": (
        "model.json がないか書き換えられているため飛ばしたモデル: {n} 件"
    ),
    "models that could not be written: {n}": "書き込めなかったモデル: {n} 件",
    "stopped; the same command does the rest": (
        "停止しました。同じコマンドを再実行すると残りを処理します"
    ),
    "images with prompts in {folder}/: {new} new, {old} before": (
        "プロンプトを埋め込んだ画像 ({folder}/): 新規 {new} 件、作成済み {old} 件"
    ),
    "images that carry a prompt already: {n}": "すでにプロンプトを含む画像: {n} 件",
    "images whose prompt is too long for a JPEG: {n}": (
        "プロンプトが長すぎて JPEG に入らない画像: {n} 件"
    ),
    "images that are no PNG, JPEG or WebP: {n}": "PNG、JPEG、WebP 以外の画像: {n} 件",
    "images that are not whole, left as they are: {n}": (
        "壊れているため変更しなかった画像: {n} 件"
    ),
    # doctor
    "ok": "正常",
    "attention": "注意",
    "problem": "要対処",
    "{n} problems were found": "対処が必要な点が {n} 件あります",
    "nothing has to be mended": "対処が必要な点はありません",
    "no run is at work here": "現在ここで実行中のものはありません",
    "a run is at work here{holder}": "現在ここで実行中です{holder}",
    "the state database is missing; a new run would fetch images again": (
        "状態データベースがありません。このまま実行すると画像を再取得します"
    ),
    "it cannot be used: {why}": "使用できません: {why}",
    "the state database is sound: version {version}, {size}, log {log}": (
        "状態データベースは正常です: バージョン {version}、{size}、ログ {log}"
    ),
    "the state database is damaged: {why}": "状態データベースが破損しています: {why}",
    "the next run brings the state database up to date": (
        "次回の実行時に状態データベースを新しい形式へ更新します"
    ),
    "the log of the state database is large: {log}": (
        "状態データベースのログが大きくなっています: {log}"
    ),
    "let a run end in order": "実行を一度正常に終了させてください",
    "tasks by state: {states}": "状態ごとのタスク数: {states}",
    "of {count} stored files and images {missing} are missing or have another size": (
        "保存済みの {count} 件のうち {missing} 件が見つからないか、サイズが異なります"
    ),
    "all {count} stored files and images are there, with their size": (
        "保存済みの {count} 件はすべて揃っており、サイズも一致します"
    ),
    "run the same download again": "同じダウンロードをもう一度実行してください",
    "run the same command with --rebuild": "同じコマンドに --rebuild を付けて実行してください",
    "update civitai-dl": "civitai-dl を更新してください",
    "no partial files are left": "途中のファイルは残っていません",
    "{count} files are on their way, {size}": "転送中のファイル {count} 件、{size}",
    "{count} partial files are left, {size}; the next run goes on with them": (
        "途中のファイルが {count} 件 ({size}) 残っています。次回の実行で続きから再開します"
    ),
    "{count} files that failed their check lie in corrupted/": (
        "照合に失敗したファイルが corrupted/ に {count} 件あります"
    ),
    "look at the evidence beside them; delete what you do not need": (
        "隣の記録を確認し、不要なものは削除してください"
    ),
    "nothing lies in corrupted/": "corrupted/ は空です",
    "nobody tells how much space is free": "空き容量を調べられません",
    "little space is free: {free}": "空き容量が少なくなっています: {free}",
    "free some space; a run pauses when there is none": (
        "空き容量を増やしてください。なくなると実行は一時停止します"
    ),
    "space free: {free}": "空き容量: {free}",
    "the archive lies on a network file system ({kind})": (
        "アーカイブはネットワークファイルシステム上にあります ({kind})"
    ),
    "let only one machine write to it; a local disk is safer and faster": (
        "書き込むのは 1 台だけにしてください。ローカルディスクの方が安全で高速です"
    ),
    "file system: {kind}": "ファイルシステム: {kind}",
    "nothing can be written here: {why}": "ここには書き込めません: {why}",
    "check the permissions of the directory": "ディレクトリの権限を確認してください",
    "hard links work": "ハードリンクを使えます",
    "there are no hard links: equal files are copied": (
        "ハードリンクを使えないため、同じ内容のファイルはコピーします"
    ),
    "names are given in one step that replaces nothing": ("上書きせずに一度で名前を付けられます"),
    "names cannot be given in one step: let nobody else write into the archive during a run": (
        "一度で名前を付けられません。実行中は他のプログラムで書き込まないでください"
    ),
    "locks work": "ロックを使えます",
    "locks do not work here: never start two runs at once": (
        "ここではロックが効きません。同時に 2 つ実行しないでください"
    ),
    "files can be made durable": "ファイルを確実にディスクへ書き込めます",
    "files cannot be made durable here": "ここではファイルを確実に書き込めません",
    "put the archive on another disk": "アーカイブを別のディスクに置いてください",
    "case matters in names": "名前の大文字と小文字を区別します",
    "case does not matter in names": "名前の大文字と小文字を区別しません",
    "names may have only {longest} bytes": "名前は {longest} バイトまでに限られます",
    "put the archive on another file system, or expect some names to fail": (
        "別のファイルシステムに置いてください。そのままでは一部の名前で失敗します"
    ),
    "names may have {longest} bytes": "名前は {longest} バイトまで使えます",
    "civitai-dl {program}, Python {python}, SQLite {sqlite}": (
        "civitai-dl {program}、Python {python}、SQLite {sqlite}"
    ),
    "this SQLite can damage a file that two connections write; here only one ever does": (
        "この SQLite は 2 つの接続から書き込むと破損することがあります "
        "(本プログラムは 1 つだけ使います)"
    ),
    "open state.db with other programs only to read": (
        "他のプログラムで state.db を開くときは読み取りだけにしてください"
    ),
    "{tasks} tasks from the old state; {files} files read ({size}), {found} taken in": (
        "旧データベースのタスク {tasks} 件、読み取ったファイル {files} 件 ({size})、"
        "取り込み {found} 件"
    ),
    "{kept} files of the old state are there, with their size": (
        "旧データベースに記録された {kept} 件は揃っており、サイズも一致します"
    ),
    "{wrong} files are not what is listed for them; they were left alone": (
        "一覧と内容の異なるファイルが {wrong} 件ありました (変更していません)"
    ),
    "the old state database is kept in {aside}": "旧データベースは {aside} に保管しました",
    "run the same download again: it fetches only what is not there": (
        "同じダウンロードをもう一度実行してください。足りないものだけを取得します"
    ),
}
