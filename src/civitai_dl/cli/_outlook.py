"""What a dry run tells: how much there is, before a byte moves."""

from __future__ import annotations

import shutil

from civitai_dl.adapters.storage import local_path
from civitai_dl.domain.entities import Role, RunReport
from civitai_dl.domain.messages import Messages, format_bytes

NAMES = {
    Role.FILE: "model files",
    Role.PREVIEW: "previews",
    Role.DESCRIPTION: "images in descriptions",
    Role.GALLERY: "gallery images",
    Role.USER_IMAGE: "images of creators",
}

SHOWN = 40


def outlook_text(report: RunReport, messages: Messages, *, output: str) -> str:
    """Per line and in all: things to fetch, bytes as far as they are listed, free space."""
    lines = [messages.say("Nothing was transferred. To be fetched:")]
    lines += [
        messages.say(
            "  {target}: {open} to fetch, {stored} stored",
            target=account.text,
            open=account.open,
            stored=account.stored,
        )
        for account in report.accounts[:SHOWN]
    ]
    total = 0
    for role, name in NAMES.items():
        count, size = report.outlook.get(role.value, (0, 0))
        total += size
        facts = {"role": messages.say(name), "count": count, "size": format_bytes(size)}
        if count:
            lines.append(
                messages.say("  {role}: {count}, {size}" if size else "  {role}: {count}", **facts)
            )
    free = shutil.disk_usage(local_path(output)).free
    lines.append(messages.say("Free space: {size}", size=format_bytes(free)))
    if total > free:
        lines.append(messages.say("That is more than there is room for"))
    return "\n".join(lines)
