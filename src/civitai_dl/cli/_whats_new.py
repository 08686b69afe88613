"""What a sync says of what is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from civitai_dl.domain.entities import Change, ChangeKind
from civitai_dl.domain.messages import format_duration, printable

if TYPE_CHECKING:
    from civitai_dl._news import News
    from civitai_dl.domain.messages import Messages

SHOWN = 40
"""Models and users that are told by name; the report in JSON has all of them."""

SAID = {
    ChangeKind.NEW_MODEL: "new",
    ChangeKind.NEW_VERSION: "new version {what}",
    ChangeKind.NEW_FILE: "new file {what}",
    ChangeKind.FILE_REPLACED: "file {what} was replaced",
    ChangeKind.RENAMED: "was {what}",
    ChangeKind.TEXT: "other words; the page before is in {kept}",
    ChangeKind.WITHDRAWN: "withdrawn ({what})",
    ChangeKind.RESTORED: "no longer withdrawn ({what})",
    ChangeKind.GONE_MODEL: "gone from the service; what was saved is kept",
    ChangeKind.GONE_VERSION: "version {what} is gone from the service",
    ChangeKind.GONE_FILE: "file {what} is gone from the service",
    ChangeKind.BACK_MODEL: "back at the service",
    ChangeKind.BACK_VERSION: "version {what} is back",
    ChangeKind.BACK_FILE: "file {what} is back",
}


def in_a_line(news: News, messages: Messages, *, targets: int, seconds: float, well: bool) -> str:
    """All of it in one sentence. well: whether everything could be looked at."""
    time = format_duration(seconds, messages.language)
    if not news and not well:
        return messages.say("nothing new was seen, but not all could be looked at")
    if not news:
        return messages.count(
            "nothing new: {n} target in {time}",
            "nothing new: {n} targets in {time}",
            targets,
            time=time,
        )
    counts = {name: f"{count:,}" for name, count in news.counts().items()}
    return messages.say(
        "new models {new_models}, versions {new_versions}; stored files {stored_files}, "
        "images {stored_images}; changed {changed}, gone {gone}, back {back}",
        **counts,
    )


def by_name(news: News, messages: Messages) -> list[str]:
    """A line for each model and user of which something is new, up to a number of them."""
    lines = [_model_line(number, news, messages) for number in _numbers(news)[:SHOWN]]
    lines += [
        f"  {printable(name)}: {messages.count('{n} image', '{n} images', count)}"
        for name, count in sorted(news.of_users.items())[: SHOWN - len(lines)]
    ]
    left = len(_numbers(news)) + len(news.of_users) - len(lines)
    if left:
        lines.append(messages.count("  and {n} more", "  and {n} more of them", left))
    return lines


def _numbers(news: News) -> list[int]:
    """The models of which something is new, those that have changed before the others."""
    changed = dict.fromkeys(int(change.model_id) for change in news.changes)
    others = {*(file.model_id for file in news.files), *news.of_models} - changed.keys()
    return [*changed, *sorted(others)]


def _model_line(number: int, news: News, messages: Messages) -> str:
    changes = [change for change in news.changes if change.model_id == number]
    files = sum(file.model_id == number for file in news.files)
    said = [_said(change, messages) for change in changes]
    if files:
        said.append(messages.count("{n} file", "{n} files", files))
    if news.of_models[number]:
        said.append(messages.count("{n} image", "{n} images", news.of_models[number]))
    return f"  {_title(number, changes, messages)}: {'; '.join(said)}"


def _title(number: int, changes: Sequence[Change], messages: Messages) -> str:
    if not changes:
        return messages.say("model {number}", number=number)
    last = changes[-1]
    facts = {"name": printable(last.model), "number": number}
    if last.creator is None:
        return messages.say("{name} (model {number})", **facts)
    creator = printable(str(last.creator))
    return messages.say("{name} (model {number}, {creator})", **facts, creator=creator)


def _said(change: Change, messages: Messages) -> str:
    name = printable(change.what)
    what = name if change.number is None else f"{change.number} ({name})"
    return messages.say(SAID[change.kind], what=what, kept=change.kept)
