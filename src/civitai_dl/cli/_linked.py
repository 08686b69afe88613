"""What came of `link` and `unlink`, as people and programs read it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence

from civitai_dl.domain.messages import Messages, format_bytes, printable
from civitai_dl.domain.placing import NoPlace, Way
from civitai_dl.linking import Done, Keep, LinkReport, Obstacle, UnlinkReport

MOST = 20
"""Paths that are told one by one."""

_WAYS = {
    Way.HARDLINK: "  hard links, which take no room: {n}",
    Way.REFLINK: "  reflinks, which take no room until one side changes: {n}",
    Way.SYMLINK: "  symbolic links into the archive, which must stay where it is: {n}",
    Way.COPY: "  copies ({size}): {n}",
}

_NO_PLACE = {
    NoPlace.TRAINING_DATA: "training data is nothing that an application loads",
    NoPlace.PACKED: "it has to be unpacked first",
    NoPlace.NO_FOLDER: "this application has no folder for it; --folder {kind}=PATH names one",
    NoPlace.NOT_LOADED: "no application loads a file with such a name",
    NoPlace.LONE_CONFIG: "the weights that it belongs to are not here",
    NoPlace.UNKNOWN_MODEL: "its model.json is missing, or cannot be read: run the download again",
}

_OBSTACLES = {
    Obstacle.TAKEN: "another file has this name, and the others that it could have",
    Obstacle.CHANGED: "it was changed after it was placed, and is kept",
    Obstacle.DAMAGED: "the archive's own file is missing or damaged: civitai-dl verify",
    Obstacle.APPEARED: "another file has just been put there",
}

_KEPT = {
    Keep.CHANGED: "kept, since it was changed after it was placed: {path}",
    Keep.LAST: "kept, since the archive has no copy of it any more: {path}",
}


def link_account(report: LinkReport, messages: Messages) -> str:
    """What a person reads at the end of `link`."""
    lines = [_head(report, messages), *_folders(report.done, messages)]
    lines += _ways(report.done, messages)
    counts = [
        (report.there, "there already: {n}"),
        (report.same, "there as files of your own with the same bytes: {n}"),
        (
            report.kept,
            "previews and sidecars left as they are, your own or edited: {n}",
        ),
        (
            sum(done.replaced for done in report.done),
            "of these in the place of older ones, since the archive has others now: {n}",
        ),
        (len(report.pruned), "placed earlier and not wanted any more, removed by --prune: {n}"),
        (
            report.stale - len(report.pruned),
            "placed earlier and not wanted by this command (--prune removes them): {n}",
        ),
        (
            report.unread,
            "lines of the record that cannot be read (what they tell of is left alone): {n}",
        ),
    ]
    lines += [messages.say(text, n=f"{count:,}") for count, text in counts if count > 0]
    lines += _unplaced(report, messages)
    if report.overrides:
        text = "extra_model_paths.yaml is not read; --folder TYPE=PATH names other folders"
        lines.append(messages.say(text))
    if report.elsewhere:
        text = (
            "{size} are to go to another file system, where hard links do not lead: unless it is"
            " one that knows reflinks, choose --mode copy or --mode symlink"
        )
        lines.append(messages.say(text, size=format_bytes(report.elsewhere)))
    lines += [
        messages.say(
            "not placed: {path}: {why}",
            path=printable(one.path),
            why=messages.say(_OBSTACLES[one.why]),
        )
        for one in report.conflicts[:MOST]
    ]
    lines += _more(len(report.conflicts) - MOST, messages)
    if report.interrupted:
        lines.append(messages.say("stopped: the same command goes on"))
    return "\n".join(lines)


def _head(report: LinkReport, messages: Messages) -> str:
    weights = [done for done in report.done if not done.beside]
    text = "{layout} in {root}: {files} placed ({size}), previews and sidecars: {beside}"
    if report.dry_run:
        text = (
            "{layout} in {root}: {files} to be placed ({size}),"
            " previews and sidecars: {beside}; nothing was changed"
        )
    return messages.say(
        text,
        layout=report.layout.value,
        root=printable(str(report.root)),
        files=messages.files(len(weights)),
        size=format_bytes(sum(done.size for done in weights)),
        beside=f"{len(report.done) - len(weights):,}",
    )


def _folders(done: Sequence[Done], messages: Messages) -> list[str]:
    by_folder: dict[str, list[Done]] = defaultdict(list)
    for one in done:
        by_folder[one.path.rpartition("/")[0]].append(one)
    lines = []
    for folder, found in sorted(by_folder.items()):
        weights = [one for one in found if not one.beside]
        lines.append(
            messages.say(
                "  {folder}: {files} ({size}), previews and sidecars: {beside}",
                folder=printable(folder),
                files=messages.files(len(weights)),
                size=format_bytes(sum(one.size for one in weights)),
                beside=f"{len(found) - len(weights):,}",
            )
        )
    return lines


def _ways(done: Sequence[Done], messages: Messages) -> list[str]:
    lines = []
    for way in Way:
        sizes = [one.size for one in done if one.how is way]
        if sizes:
            size = format_bytes(sum(sizes))
            lines.append(messages.say(_WAYS[way], n=f"{len(sizes):,}", size=size))
    return lines


def _unplaced(report: LinkReport, messages: Messages) -> list[str]:
    counts = Counter((one.why, one.kind) for one in report.unplaced)
    return [
        messages.say(
            "without a place: {n} {kind}: {why}",
            n=f"{count:,}",
            kind=printable(kind) or "?",
            why=messages.say(_NO_PLACE[why], kind=printable(kind)),
        )
        for (why, kind), count in sorted(counts.items())
    ]


def _more(count: int, messages: Messages) -> list[str]:
    if count <= 0:
        return []
    return [messages.say("... and {n} more: see --json", n=f"{count:,}")]


def link_json(report: LinkReport) -> str:
    """The same for programs."""
    return json.dumps(
        {
            "dry_run": report.dry_run,
            "complete": not report.interrupted,
            "layout": report.layout.value,
            "root": str(report.root),
            "placed": [
                {
                    "path": done.path,
                    "source": done.source,
                    "how": done.how.value,
                    "bytes": done.size,
                    "sidecar": done.beside,
                    "replaced": done.replaced,
                }
                for done in report.done
            ],
            "there": report.there,
            "same": report.same,
            "kept": report.kept,
            "stale": report.stale - len(report.pruned),
            "pruned": [record.path for record in report.pruned],
            "unplaced": [
                {"source": one.source, "type": one.kind, "why": one.why.value}
                for one in report.unplaced
            ],
            "conflicts": [
                {"source": one.source, "path": one.path, "why": one.why.value}
                for one in report.conflicts
            ],
            "exit_status": report.exit_code,
        },
        ensure_ascii=False,
        indent=2,
    )


def unlink_account(report: UnlinkReport, messages: Messages) -> str:
    """What a person reads at the end of `unlink`."""
    text = "{root}: {files} removed, {kept} kept"
    if report.dry_run:
        text = "{root}: {files} to be removed, {kept} to be kept; nothing was changed"
    lines = [
        messages.say(
            text,
            root=printable(str(report.root)),
            files=messages.files(len(report.removed)),
            kept=f"{len(report.kept):,}",
        )
    ]
    if report.folders:
        text = "folders that were made for them and are gone, too: {n}"
        lines.append(messages.say(text, n=f"{len(report.folders):,}"))
    lines += [
        messages.say(_KEPT[why], path=printable(record.path)) for record, why in report.kept[:MOST]
    ]
    lines += _more(len(report.kept) - MOST, messages)
    if report.unread:
        text = "lines of the record that cannot be read (what they tell of is left alone): {n}"
        lines.append(messages.say(text, n=f"{report.unread:,}"))
    if report.interrupted:
        lines.append(messages.say("stopped: the same command goes on"))
    return "\n".join(lines)


def unlink_json(report: UnlinkReport) -> str:
    """The same for programs."""
    return json.dumps(
        {
            "dry_run": report.dry_run,
            "complete": not report.interrupted,
            "root": str(report.root),
            "removed": [record.path for record in report.removed],
            "kept": [{"path": record.path, "why": why.value} for record, why in report.kept],
            "folders": report.folders,
            "exit_status": report.exit_code,
        },
        ensure_ascii=False,
        indent=2,
    )
