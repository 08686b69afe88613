"""Options of a run that are about its lists of models, laid upon what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from civitai_dl.domain.decisions import search_text, settled
from civitai_dl.domain.entities import SearchTarget, SearchTerms, Wanted


def narrow(wanted: Sequence[Wanted], terms: SearchTerms) -> list[Wanted]:
    """The same things, with lists narrowed by `terms` where their own words do not say otherwise.

    What is changed is told in words that say all of it, so that it can be asked for again.
    Each list comes once.
    """
    found: dict[object, Wanted] = {}
    for item in wanted:
        changed = _narrowed(item, terms) if isinstance(item.target, SearchTarget) else item
        known = changed.target
        key = settled(known) if isinstance(known, SearchTarget) else known
        found.setdefault(key, changed)
    return list(found.values())


def _narrowed(item: Wanted, terms: SearchTerms) -> Wanted:
    target = item.target
    assert isinstance(target, SearchTarget)
    own = target.terms
    joined = SearchTerms(
        types=own.types or terms.types,
        base_models=own.base_models or terms.base_models,
        sort=own.sort or terms.sort,
        period=own.period or terms.period,
        most=terms.most if own.most is None else own.most,
    )
    if joined == own:
        return item
    changed = replace(target, terms=joined)
    return replace(item, target=changed, text=search_text(changed))
