"""What `status` reads and says."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import anyio

from civitai_dl._standing import Standing, read_standing
from civitai_dl.adapters.storage import local_path
from civitai_dl.archive import closing_account
from civitai_dl.domain.entities import RunReport
from civitai_dl.domain.messages import Messages, format_bytes
from civitai_dl.errors import UsageError

from ._exit import OK
from ._frame import framed
from ._gone import count_gone, gone_as_json, gone_as_text, gone_in_all
from ._queue_view import at_work_line, queue_as_json, queue_blocks

if TYPE_CHECKING:
    from civitai_dl.config import Settings


def show_status(flags: Mapping[str, object]) -> int:
    """Print how an archive stands, or what of it is gone from the service; the exit status."""
    as_json = flags.get("as_json") is True

    def work(settings: Settings, messages: Messages) -> int:
        folder = local_path(settings.output)
        standing = anyio.run(read_standing, folder)
        if standing is None:
            raise UsageError(messages.say("there is no archive here: {path}", path=folder))
        if flags.get("gone"):
            text = gone_as_json(standing.gone) if as_json else gone_as_text(standing.gone, messages)
        else:
            text = _as_json(standing) if as_json else _as_text(standing, messages, settings.output)
        sys.stdout.write(f"{text}\n")
        return OK

    return framed(flags, work)


def _as_text(standing: Standing, messages: Messages, output: str) -> str:
    report = standing.report
    total = report.total
    lines = [at_work_line(standing, messages)] if standing.busy else []
    lines.append(
        messages.say(
            "{stored} of {expected} stored ({size}), {left} to do",
            stored=total.stored,
            expected=total.expected,
            size=format_bytes(total.bytes),
            left=total.open,
        )
    )
    earlier = sum(lane.open for lane in standing.queue.lanes.values()) - total.open - total.unread
    if (total.open or total.unread) and not standing.busy:
        lines.append(messages.say("to go on, run the same command again"))
    elif total.settled and earlier > 0 and not standing.busy:
        one, many = "{n} task is left of earlier runs", "{n} tasks are left of earlier runs"
        lines.append(f"{messages.count(one, many, earlier)}: civitai-dl retry")
    elif total.settled:
        lines.append(messages.say("everything that can be had is stored"))
    if standing.gone:
        lines.append(f"{gone_in_all(standing.gone, messages)}: civitai-dl status --gone")
    width = get_terminal_size((100, 24)).columns
    account = closing_account(report, messages, output=output, width=width)
    # The first block of an account speaks of a run that has just ended; none has.
    blocks = account.split("\n\n")[1:]
    queue = queue_blocks(standing, messages, output=output, width=width)
    return "\n\n".join(["\n".join(lines), *queue, *blocks])


def _as_json(standing: Standing) -> str:
    report: RunReport = standing.report
    total = report.total
    return json.dumps(
        {
            "busy": standing.busy,
            "expected": total.expected,
            "stored": total.stored,
            "bytes": total.bytes,
            "open": total.open,
            "unavailable": total.unavailable,
            "failed": total.failed,
            "gone": count_gone(standing.gone),
            "targets": [
                {
                    "text": account.text,
                    "origin": account.origin,
                    "expected": account.expected,
                    "stored": account.stored,
                    "open": account.open,
                    "unavailable": account.unavailable,
                    "failed": account.failed,
                    "cancelled": account.cancelled,
                }
                for account in report.accounts
            ],
            **queue_as_json(standing),
        },
        ensure_ascii=False,
        indent=2,
    )
