"""A file of the world as the API writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from civitai_dl.testing._service._pick import traits
from civitai_dl.testing._service._stamps import iso
from civitai_dl.testing._world import (
    FakeFile,
    FakeModel,
    FakeVersion,
    Json,
    file_body,
    public_files,
)

if TYPE_CHECKING:
    from civitai_dl.testing._service._context import Context

Style = Literal["item", "model", "version"]
"""Where a file stands: in a list of models, in a model by id, in a version by id or hash."""


def file_list(
    context: Context, base: str, style: Style, model: FakeModel, version: FakeVersion
) -> list[Json]:
    """Return the files of a version; an archived model lists none. base: scheme and host."""
    if model.mode == "Archived":
        return []
    return [file_json(context, base, style, version, file) for file in public_files(version)]


def file_json(
    context: Context, base: str, style: Style, version: FakeVersion, file: FakeFile
) -> Json:
    """Return one file."""
    data: Json = {"id": file.id}
    if file.size_listed:
        data["sizeKB"] = size_kb(file)
    data["name"] = file.override_name or file.name
    if style != "version":
        data["overrideName"] = file.override_name
    data["type"] = "VAE" if file.linked else file.kind
    data |= _scans(version, file)
    data |= _metadata(file, style)
    data["hashes"] = context.index.hashes(file)
    primary: Json = {"primary": bool(file.primary)}
    if style == "version":
        data |= primary
    data["downloadUrl"] = listed_url(context, base, version, file)
    if style != "version" and file.primary:
        data |= primary
    return data


def size_kb(file: FakeFile) -> float:
    """Return the size in KiB; times 1024 and rounded it is exact [observed]."""
    return file_body(file).size / 1024


def listed_url(context: Context, base: str, version: FakeVersion, file: FakeFile) -> str:
    """Return the downloadUrl that answers list for a file. base: scheme and host."""
    if file.url is not None:
        return context.moved(file.url)
    url = f"{base}/api/download/models/{version.id}"
    if context.options.file_ids_in_urls and not file.linked:
        return f"{url}?fileId={file.id}"
    if file.primary:
        return url
    words = {name: word for name, word in traits(file).items() if word is not None}
    return f"{url}?{urlencode(words)}"


def _scans(version: FakeVersion, file: FakeFile) -> Json:
    scanned = version.published_at
    return {
        "pickleScanResult": file.pickle_scan,
        "pickleScanMessage": "No Pickle imports" if file.format == "PickleTensor" else None,
        "virusScanResult": file.virus_scan,
        "virusScanMessage": None,
        "scannedAt": iso(scanned, bare=file.bare_times) if scanned is not None else None,
    }


def _metadata(file: FakeFile, style: Style) -> Json:
    match file.metadata:
        case "absent":
            return {}
        case "null":
            return {"metadata": None}
        case "empty":
            return {"metadata": {}}
        case _:
            words = {"format": file.format, "size": file.extent, "fp": file.precision}
            # By model id, keys that are null are left out.
            kept = {k: v for k, v in words.items() if v is not None or style != "model"}
            return {"metadata": kept}
