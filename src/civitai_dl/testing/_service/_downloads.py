"""/api/download/models/:versionId: the checks in their order, then a redirect to storage."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from civitai_dl.testing._service._account import REDIRECTS
from civitai_dl.testing._service._answers import error, html, json_answer, schema_error
from civitai_dl.testing._service._pick import BadWordError, pick_file
from civitai_dl.testing._service._stamps import iso
from civitai_dl.testing._wire import Request, Response
from civitai_dl.testing._world import is_public_at

if TYPE_CHECKING:
    from civitai_dl.testing._service._context import Context
    from civitai_dl.testing._world import FakeFile, FakeModel, FakeVersion

_DAY = 24 * 3600.0
_FINAL = "no-store, max-age=0"
_TRANSIENT = "private, no-store"
_BROWSER_WORDS = ("mozilla", "chrome", "safari", "firefox", "opera", "edge")
_QUOTA = (
    "We've noticed an unusual amount of downloading from your account. "
    "Contact support@civitai.com or come back later."
)
_LOGIN = "The creator of this asset requires you to be logged in to download it"
_DISABLED = "The creator of this asset has disabled downloads on this file"
_EARLY = "This asset is in Early Access. You can use Buzz access it now!"


def answer_download(context: Context, request: Request, version_text: str) -> Response:
    """Answer one download request; a browser gets pages where others get JSON [server source]."""
    answer = _checked(context, request, version_text)
    if answer.status in REDIRECTS or not _is_browser(request):
        return answer
    if answer.status == HTTPStatus.UNAUTHORIZED or b'"Early Access"' in answer.read(0, 200):
        return html(307, "Login", {"Location": f"{context.api}/login?reason=download-auth"})
    return Response(answer.status, {"Content-Type": "text/plain"}, answer.read(0, answer.length))


def _checked(context: Context, request: Request, version_text: str) -> Response:
    key = context.caller(request)
    refusal = _refused_at_once(context, key, version_text)
    if refusal is not None:
        return refusal
    try:
        chosen = _find(context, request, int(version_text))
    except BadWordError as bad:
        return schema_error(bad.field, f"Invalid enum value: {bad.word}")
    if chosen is None:
        return error(404, "File not found", cache=_FINAL)
    model, version, file = chosen
    context.resolves[file.id] += 1
    if context.resolves[file.id] <= file.transient_404s:
        return error(404, "File not found", cache=_TRANSIENT)
    return _refused(context, key, model, version) or _redirect(context, key, model, file)


def _refused_at_once(context: Context, key: str | None, version_text: str) -> Response | None:
    """Return the refusal that does not even look at the file, or None."""
    if key in context.options.blocked_keys:
        return error(403, "Forbidden", cache=_FINAL)
    if _over_quota(context, key):
        return error(429, _QUOTA, cache=_FINAL)
    if not version_text.isdecimal():
        return error(400, "Missing modelVersionId", cache=_FINAL)
    return None


def _find(
    context: Context, request: Request, version_id: int
) -> tuple[FakeModel, FakeVersion, FakeFile] | None:
    found = context.index.versions.get(version_id)
    if found is None:
        return None
    model, version = found
    hidden = model.status != "Published" or model.poi or not is_public_at(version, context.now)
    file = None if hidden else pick_file(version, request)
    return None if file is None else (model, version, file)


def _refused(
    context: Context, key: str | None, model: FakeModel, version: FakeVersion
) -> Response | None:
    """Return the refusal, in the order in which the service checks, or None."""
    owns = key is not None and key in version.owners
    if model.mode == "Archived":
        return error(410, "Model archived, not available for download", cache=_FINAL)
    until = version.early_access_until
    if until is not None and until > context.now and not owns:
        data = {"error": "Early Access", "deadline": iso(until), "message": _EARLY}
        return json_answer(data, 403, cache=_FINAL)
    if version.private and not owns:
        return error(403, "You do not have access to download this file", cache=_FINAL)
    if key is None and (version.requires_login or context.options.require_key_for_downloads):
        return json_answer({"error": "Unauthorized", "message": _LOGIN}, 401, cache=_FINAL)
    if version.usage_control != "Download":
        return json_answer({"error": "Unauthorized", "message": _DISABLED}, 401, cache=_FINAL)
    return None


def _redirect(context: Context, key: str | None, model: FakeModel, file: FakeFile) -> Response:
    options, now = context.options, context.clock.now()
    context.redirects[key].append(now)
    store = options.stores[context.resolves[file.id] % len(options.stores)]
    creator = context.index.user(model.creator)
    user_id = creator.id if creator is not None else 0
    target = context.signer.url(store, file, user_id, now, now + options.link_lifetime)
    headers = {"Location": context.storage + target, "Cache-Control": "no-store"}
    return Response(options.redirect_status, headers)


def _over_quota(context: Context, key: str | None) -> bool:
    quota = context.options.quota
    if quota is None:
        return False
    recent = [at for at in context.redirects[key] if at > context.clock.now() - _DAY]
    context.redirects[key] = recent
    return len(recent) >= quota


def _is_browser(request: Request) -> bool:
    agent = (request.header("user-agent") or "").lower()
    return any(word in agent for word in _BROWSER_WORDS)
