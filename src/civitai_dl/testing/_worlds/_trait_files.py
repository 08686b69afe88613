"""Models whose names, files and digests are odd in one way each."""

from __future__ import annotations

from civitai_dl.testing._world import FakeFile, FakeImage, FakeModel, FakeVersion

SHARED = 777_777
"""The content number of bytes that several files hold."""
_LONG = "とても長い名前のモデル" * 12
_MIB = 1 << 20


def file_traits() -> dict[str, FakeModel]:
    """Return one model per trait of files, digests and metadata."""
    return {
        "plain": FakeModel(),
        "file metadata missing": _of(
            FakeFile("absent.safetensors", metadata="absent"),
            FakeFile("null.safetensors", metadata="null", extent="full"),
            FakeFile("empty.safetensors", metadata="empty", precision="fp32"),
        ),
        "one name twice in a version": _of(
            FakeFile("twice.safetensors"),
            FakeFile("twice.safetensors", 7000, extent="full", precision="fp32"),
        ),
        "names that differ in case only": _of(
            FakeFile("Style.safetensors"),
            FakeFile("style.SAFETENSORS", 7000, extent="full"),
        ),
        "one name in two versions": FakeModel(
            versions=[
                FakeVersion("v2.0", files=[FakeFile("VSK.safetensors")]),
                FakeVersion("v1.0", files=[FakeFile("VSK.safetensors", 7000)]),
            ]
        ),
        "one download url for two files": _of(
            FakeFile("first.safetensors", extent="full"),
            FakeFile("second.safetensors", 7000),
            FakeFile("third.safetensors", 8000),
        ),
        "no SHA256": _of(FakeFile(hashes="without-sha256")),
        "no digests": _of(FakeFile(hashes="none")),
        "wrong SHA256": _of(FakeFile(hashes="wrong")),
        "one SHA256 in two versions": FakeModel(
            versions=[
                FakeVersion("v2.0", files=[FakeFile(content=SHARED)]),
                FakeVersion("v1.0", files=[FakeFile("other.safetensors", content=SHARED)]),
            ]
        ),
        "one SHA256 in two models": _of(FakeFile("again.safetensors", content=SHARED)),
        "no size": _of(FakeFile(size_listed=False)),
        "large": FakeModel(
            kind="Checkpoint",
            versions=[
                FakeVersion("v2.0", files=[FakeFile(size=4 * _MIB)]),
                FakeVersion("v1.0", files=[FakeFile(size=3 * _MIB + 1)]),
            ],
        ),
        "many formats": _of(
            FakeFile("model.ckpt", format="PickleTensor", extent="full"),
            FakeFile("model.gguf", format="GGUF", extent=None, precision="Q4_K_M"),
            FakeFile("data.zip", format="Other", kind="Training Data", extent=None, precision=None),
            FakeFile("model.yaml", format="Other", kind="Config", container="raw", size=600),
        ),
        "linked VAE": _of(
            FakeFile("host.safetensors"),
            FakeFile("linked.vae.safetensors", 7000, extent="full", linked=True),
        ),
        "listed url is 404": _of(
            FakeFile("fine.safetensors"),
            FakeFile(
                "hidden.safetensors",
                7000,
                kind="UNet",
                precision="int8",
                listed_url_broken=True,
            ),
        ),
        "404 at first": _of(FakeFile(transient_404s=1)),
        "times without Z": FakeModel(
            versions=[FakeVersion(files=[FakeFile(bare_times=True)], bare_times=True)]
        ),
    }


def name_traits() -> dict[str, FakeModel]:
    """Return one model per trait of names."""
    return {
        "names with slashes": _named("../../etc/passwd", "..\\..\\v1", "a/b\\c:d*e?.safetensors"),
        "names of dots": FakeModel(
            name="..",
            versions=[
                FakeVersion(
                    ".",
                    files=[
                        FakeFile(".."),
                        FakeFile(".hidden.safetensors", 7000, extent="full"),
                        FakeFile("trailing dots. . .", 8000, precision="fp32"),
                    ],
                )
            ],
        ),
        "device names": FakeModel(
            name="CON",
            versions=[
                FakeVersion("NUL", files=[FakeFile("aux.safetensors")]),
                FakeVersion("com1.", files=[FakeFile("PRN")]),
                FakeVersion(" "),
            ],
        ),
        "emoji": _named("🎨 Style 👩‍🎤🏽", "✨ v1 ✨", "🎨👩‍🎤.safetensors"),
        "right to left": _named("نموذج \u202egpj.exe", "الإصدار \u0661", "ملف\u202e.safetensors"),
        "names over 255 bytes": _named(_LONG, _LONG, f"{_LONG}.safetensors"),
        "NFC and NFD twins": _of(
            FakeFile("\u00e9.safetensors"),
            FakeFile("e\u0301.safetensors", 7000, extent="full"),
        ),
        "control characters in names": _named(
            "line\nbreak\tand\x07bell", "tab\tbed", "new\nline\x1f.safetensors"
        ),
        "percent and quotes in names": _named(
            "100%25 'style'", "<v1%2F2>|&;", 'say "hi" %2e%2e%2f.safetensors'
        ),
    }


def _of(*files: FakeFile) -> FakeModel:
    return FakeModel(versions=[FakeVersion(files=files)])


def _named(model: str, version: str, file: str) -> FakeModel:
    return FakeModel(
        name=model,
        versions=[
            FakeVersion(version, files=[FakeFile(file)], images=[FakeImage(meta={"prompt": model})])
        ],
    )
