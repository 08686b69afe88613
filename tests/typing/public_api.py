"""How the library is used, for the type checker: `make check` reads this file and runs nothing."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import assert_type

from civitai_dl import (
    CivitaiDLError,
    RunReport,
    Selection,
    Settings,
    download_creator,
    download_creator_async,
    download_model,
    download_model_async,
)
from civitai_dl.domain.entities import Event, Stored, TaskSettled


class Listener:
    """Any object with `emit` is a reporter."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def emit(self, event: Event) -> None:
        """Keep the paths of what was stored."""
        if isinstance(event, TaskSettled) and isinstance(event.outcome, Stored):
            self.paths.append(event.outcome.path)


def synchronous() -> int:
    """A model by id, and a creator by name."""
    report = download_model(4384, into="archive")
    assert_type(report, RunReport)
    want = Selection(images=False, levels=1)
    try:
        other = download_creator("ann", into=Path("archive"), want=want, token="key")
    except CivitaiDLError as error:
        assert_type(error.hint, str)
        return 1
    assert_type(other.total.bytes, int)
    return report.exit_code | other.exit_code


async def asynchronous() -> RunReport:
    """The same inside an event loop, with a listener and settings."""
    settings = Settings(max_rate_model=1.0, concurrency=4)
    listener = Listener()
    await download_creator_async("ann", into="archive", settings=settings, reporter=listener)
    return await download_model_async("urn:air:sdxl:lora:civitai:1@2", into="archive")
