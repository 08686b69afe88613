"""The options of searches, laid upon the searches that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from civitai_dl.domain.entities import SearchTarget, SearchTerms, Selection, Wanted
from civitai_dl.domain.messages import Messages
from civitai_dl.errors import UsageError
from civitai_dl.sources import narrow, read_most, read_period, read_sort

from ._search_flags import SEARCH_FLAGS


def narrow_by_flags(
    wanted: Sequence[Wanted],
    flags: Mapping[str, object],
    selection: Selection,
    messages: Messages,
) -> list[Wanted]:
    """What is asked for, its searches narrowed by the options of the run.

    What the selection would leave out of a list afterwards need not be listed, and does not count
    among the first so many. Raises: UsageError for a value that is none, and where there is no
    search to narrow.
    """
    given = {name: str(flags[name]) for name in SEARCH_FLAGS if flags.get(name) is not None}
    terms = SearchTerms(
        types=selection.types,
        base_models=selection.base_models,
        sort=read_sort(given["sort"]) if "sort" in given else "",
        period=read_period(given["period"]) if "period" in given else "",
        most=read_most(given["max_models"]) if "max_models" in given else None,
    )
    if given and not any(isinstance(item.target, SearchTarget) for item in wanted):
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(
            messages.say("{names}: there is no search that this could be about", names=names),
            hint=messages.say("name one, as in search:WORDS, tag:NAME or favorites:"),
        )
    return narrow(wanted, terms)
