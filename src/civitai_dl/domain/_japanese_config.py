"""Japanese for configuration, key, and the way to the service; see `_japanese.py`."""

from __future__ import annotations

CONFIG: dict[str, str] = {
    # keys
    "others could read {path}, which holds API keys; it is private again": (
        "API キーを含む {path} を他のユーザーが読める状態でした。本人だけが読めるよう直しました"
    ),
    "the key is good: {who}": "API キーは有効です: {who}",
    "on Windows the rights of your profile's folder protect the file": (
        "Windows では、ファイルはユーザーフォルダーのアクセス権で保護されます"
    ),
    "{origin} counts before the stored key": "保存したキーより {origin} が優先されます",
    "no API key was stored for {url}": "{url} の API キーは保存されていませんでした",
    "the API key for {url} is not stored any more; the site's settings revoke it": (
        "{url} の API キーの保存を取り消しました。キー自体の無効化はサイトの設定で行えます"
    ),
    "a key is still set: {origin}": "ほかにキーが設定されています: {origin}",
    "there is no API key for {url}": "{url} の API キーがありません",
    "run `civitai-dl login`": "`civitai-dl login` を実行してください",
    "key: {origin}": "キー: {origin}",
    "service: {url}": "サービス: {url}",
    "there is no keyring here that can be used": "使えるキーリングがありません",
    "install the extra `keyring` and a keyring of the system, or give --store file": (
        "追加機能 `keyring` とシステムのキーリングを導入するか、--store file を指定してください"
    ),
    "API key for {url} (it is not shown)": "{url} の API キー (表示されません)",
    "there is no terminal to ask for the key": "キーの入力を求める端末がありません",
    "give it on standard input: civitai-dl login --token-stdin < FILE": (
        "標準入力で渡してください: civitai-dl login --token-stdin < FILE"
    ),
    "no key was given; nothing was stored": "キーが入力されなかったため、何も保存していません",
    "the API key for {url} is in the system's keyring now": (
        "{url} の API キーをシステムのキーリングに保存しました"
    ),
    "the API key for {url} is in {path} now, which only you can read": (
        "{url} の API キーを {path} に保存しました (本人だけが読めます)"
    ),
    # the way to the service
    "no proxy is in force": "プロキシは使っていません",
    "proxies in force: {names}": "使用中のプロキシ: {names}",
    "{host} has the address {addresses}": "{host} のアドレス: {addresses}",
    "no address is known for {host}: {why}": "{host} のアドレスが分かりません: {why}",
    "look at your network and its name servers": "ネットワークと DNS を確認してください",
    "{url} answers, within {time}": "{url} から応答がありました ({time} 以内)",
    "{url} cannot be reached: {why}": "{url} に接続できません: {why}",
    "look at your network, and at --base-url": "ネットワークと --base-url を確認してください",
    "the certificate of {url} is not trusted": "{url} の証明書を信頼できません",
    "somebody may listen on the way: look at this network's proxy and at the clock": (
        "通信が傍受されている可能性があります。プロキシと時計を確認してください"
    ),
    "the service blocks this region (HTTP 451)": (
        "サービスがこの地域からの接続を拒否しています (HTTP 451)"
    ),
    "use a connection from another region": "別の地域からの接続を使ってください",
    "the edge before the service wants to see a browser (HTTP {status})": (
        "サービス手前の Cloudflare がブラウザーでの確認を求めています (HTTP {status})"
    ),
    "open the site in a browser from this address, then try again later": (
        "同じ接続元からブラウザーでサイトを開き、しばらくしてから再試行してください"
    ),
    "the service refuses whoever asks from here (HTTP {status})": (
        "この接続元からの要求は拒否されています (HTTP {status})"
    ),
    "the service asks to slow down (HTTP {status})": (
        "サービスが要求を減らすよう求めています (HTTP {status})"
    ),
    "the service has trouble, or is being maintained (HTTP {status})": (
        "サービスに障害が起きているか、メンテナンス中です (HTTP {status})"
    ),
    "try again later": "しばらくしてから再試行してください",
    "a page came in place of data (HTTP {status}): maintenance, or this network's login page": (
        "データではなくページが返りました (HTTP {status})。"
        "メンテナンス中か、ネットワークのログインページです"
    ),
    "open the site in a browser, and sign in to this network if it asks": (
        "ブラウザーでサイトを開き、必要ならネットワークにログインしてください"
    ),
    "there is no API key: what wants a login cannot be had": (
        "API キーがないため、ログインが必要なものは入手できません"
    ),
    "the API key is good: {who} ({origin})": "API キーは有効です: {who} ({origin})",
    "Civitai refused the API key": "API キーが拒否されました",
    "Civitai refused the API key ({origin})": "API キーが拒否されました ({origin})",
    "make a new key in the account settings of the site, then run `civitai-dl login`": (
        "サイトのアカウント設定で新しいキーを作り、`civitai-dl login` を実行してください"
    ),
    "there is an API key, which could not be tried ({origin})": (
        "API キーはありますが、確認できませんでした ({origin})"
    ),
    "there is an API key ({origin})": "API キーがあります ({origin})",
    "the stored key cannot be had: {why}": "保存したキーを取り出せません: {why}",
    "the clock is right, within {skew}": "時計は正確です (誤差 {skew} 以内)",
    "the clock is {skew} ahead": "時計が {skew} 進んでいます",
    "the clock is {skew} behind": "時計が {skew} 遅れています",
    "set it: links and dates are misjudged, and certificates may not be trusted": (
        "時計を合わせてください。リンクや日付の判断を誤り、証明書を信頼できないことがあります"
    ),
    "the service was not asked (--offline)": "サービスには問い合わせていません (--offline)",
    # settings
    "the configuration does not fit: {why}": "設定に誤りがあります: {why}",
    "run `civitai-dl config edit`": "`civitai-dl config edit` で修正してください",
    "there is no configuration file {path}": "設定ファイルはありません: {path}",
    "configuration: {path}": "設定ファイル: {path}",
    "configuration: {path}, profile {profile}": ("設定ファイル: {path}、プロファイル {profile}"),
    "others can read {path}, which holds an API key": (
        "API キーを含む {path} を他のユーザーが読めます"
    ),
    "let only yourself read it (chmod 600), or run `civitai-dl login`": (
        "本人だけが読めるようにするか (chmod 600)、`civitai-dl login` を使ってください"
    ),
    "variables that mean nothing: {names}": "意味のない環境変数: {names}",
    "look at their spelling": "綴りを確認してください",
    "unset those that are old": "古いものを削除してください",
    # config
    "configuration file: {path}": "設定ファイル: {path}",
    "configuration file: {path} (not there)": "設定ファイル: {path} (まだありません)",
    "profile: {name}": "プロファイル: {name}",
    "{path} is fine": "{path} に誤りはありません",
    "{path} has {n} mistake": "{path} に誤りが {n} 件あります",
    "{path} has {n} mistakes": "{path} に誤りが {n} 件あります",
    "what was saved stays; run `civitai-dl config edit` again": (
        "保存した内容は残っています。もう一度 `civitai-dl config edit` を実行してください"
    ),
    "no editor could be opened: {why}": "エディターを開けません: {why}",
    "set VISUAL or EDITOR to the editor that you use; the file is {path}": (
        "VISUAL または EDITOR に使用するエディターを設定してください。ファイル: {path}"
    ),
    # doctor
    "libcurl {curl} with {tls}, aiohttp {aiohttp}": "libcurl {curl} ({tls})、aiohttp {aiohttp}",
    "aiohttp {aiohttp}, no libcurl": "aiohttp {aiohttp} (libcurl なし)",
    "reflinks work": "reflink を使えます",
    "there are no reflinks": "reflink は使えません",
}
