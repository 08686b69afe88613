"""Signed storage URLs in the two forms that downloads are redirected to [observed]."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from civitai_dl.testing._service._options import Store
    from civitai_dl.testing._wire import Request
    from civitai_dl.testing._world import FakeFile

_R2_BUCKET = "civitai-delivery-worker-prod"
_B2_FOLDER = "file/civitai-modelfiles"
_R2_PATH = re.compile(rf"^/{_R2_BUCKET}/model/\d+/[^/]*\.x(\d+)\.\w+$")
_B2_PATH = re.compile(rf"^/{_B2_FOLDER}/model/\d+/[^/]*\.x(\d+)\.\w+$")
_B2_GRANT = re.compile(r"^3_(\d+)_(\d+)_(\d+)_([0-9a-f]+)_dnld$")
_AMZ_DATE = "%Y%m%dT%H%M%SZ"
_NUMBER_WIDTH = 8


@dataclass(frozen=True)
class Grant:
    """What a signed URL allows. expires: seconds since 1970."""

    store: Store
    file_id: int
    expires: float


class Signer:
    """Makes signed URLs and reads them back; its secret lives as long as the fake."""

    def __init__(self) -> None:
        self._secret = b"fake storage"
        self._serial = count(1)

    def url(self, store: Store, file: FakeFile, user_id: int, now: float, expires: float) -> str:
        """Return path and query of a fresh signed URL; no two are equal.

        now, expires: seconds since 1970; fractions are lost.
        """
        sign = self._r2 if store == "r2" else self._b2
        return sign(file, user_id, int(now), int(expires))

    def path(self, store: Store, file: FakeFile, user_id: int) -> str:
        """Return the path of a file at a store: a signed URL without its query."""
        folder = _R2_BUCKET if store == "r2" else _B2_FOLDER
        return f"/{folder}/model/{user_id}/{_key(file)}"

    def _r2(self, file: FakeFile, user_id: int, now: int, expires: int) -> str:
        path = self.path("r2", file, user_id)
        fields = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"fake{next(self._serial)}/auto/s3/aws4_request",
            "X-Amz-Date": datetime.fromtimestamp(now, timezone.utc).strftime(_AMZ_DATE),
            "X-Amz-Expires": str(expires - now),
            "X-Amz-SignedHeaders": "host",
            "response-content-disposition": f'attachment; filename="{file.name}"',
        }
        fields["X-Amz-Signature"] = self._signature(path, *sorted(fields.values()))
        # Storage signatures escape every reserved character, where urlencode would write "+".
        return f"{path}?{urlencode(fields, quote_via=quote, safe='', errors='replace')}"

    def _b2(self, file: FakeFile, user_id: int, now: int, expires: int) -> str:
        path = self.path("b2", file, user_id)
        span = f"{now}_{expires}_{next(self._serial):0{_NUMBER_WIDTH}d}"
        grant = f"3_{span}_{self._signature(path, span)}_dnld"
        disposition = quote(f'attachment; filename="{file.name}"', safe="", errors="replace")
        return f"{path}?Authorization={grant}&b2ContentDisposition={disposition}"

    def read(self, request: Request) -> Grant | None:
        """Return what a URL grants, expired or not; None when it was never signed like this."""
        if found := _R2_PATH.match(request.path):
            return self._read_r2(request, int(found[1]))
        if found := _B2_PATH.match(request.path):
            return self._read_b2(request, int(found[1]))
        return None

    def file_id(self, path: str) -> int | None:
        """Return the file that a storage path is about, signed or not."""
        found = _R2_PATH.match(path) or _B2_PATH.match(path)
        return int(found[1]) if found else None

    def _read_r2(self, request: Request, file_id: int) -> Grant | None:
        fields = dict(request.query)
        signature = fields.pop("X-Amz-Signature", "")
        if signature != self._signature(request.path, *sorted(fields.values())):
            return None
        # The Z of the real form says the same as the +0000 that strptime can read.
        signed = datetime.strptime(fields["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
        return Grant("r2", file_id, signed.timestamp() + int(fields["X-Amz-Expires"]))

    def _read_b2(self, request: Request, file_id: int) -> Grant | None:
        found = _B2_GRANT.match(request.first("Authorization") or "")
        if found is None or found[4] != self._signature(
            request.path, "_".join(found.group(1, 2, 3))
        ):
            return None
        return Grant("b2", file_id, float(found[2]))

    def _signature(self, *words: str) -> str:
        text = "\n".join(words).encode("utf-8", "replace")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


def _key(file: FakeFile) -> str:
    """Return the object's name in storage: a stem, the file id, a suffix; all plain ASCII."""
    stem, _, suffix = file.name.rpartition(".")
    plain = re.sub(r"[^A-Za-z0-9]+", "", stem)[:40] or "file"
    return f"{plain}.x{file.id}.{re.sub(r'[^A-Za-z0-9]+', '', suffix)[:12] or 'bin'}"
