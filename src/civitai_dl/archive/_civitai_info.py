"""`<stem>.civitai.info`: the version as the service tells of it, for Civitai Helper and others."""

from __future__ import annotations

from civitai_dl.domain.entities import Model

SHOWN = ("name", "type", "nsfw", "poi", "description", "tags")
LICENCE = (
    "allowNoCredit",
    "allowCommercialUse",
    "allowDerivatives",
    "allowDifferentLicense",
)


def civitai_info(model: Model, version: dict[str, object]) -> dict[str, object]:
    """A version as /model-versions/:id tells it, with what readers expect of its model inside.

    version: the version inside the model's answer.
    """
    raw = model.raw
    inside = {key: raw[key] for key in (*SHOWN, *LICENCE) if key in raw}
    info = {**version, "modelId": model.id, "model": inside}
    if isinstance(raw.get("creator"), dict):
        info["creator"] = raw["creator"]
    return info
