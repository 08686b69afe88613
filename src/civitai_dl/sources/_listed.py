"""From models on a page of a list to their tasks, with all that the list tells of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from civitai_dl.domain.decisions import model_task
from civitai_dl.domain.entities import Expanded, Model, ModelRef, Planned

from .model import expand_model, prepare

if TYPE_CHECKING:
    from civitai_dl.ports import Desk


async def plan_listed(models: Sequence[Model], desk: Desk) -> tuple[list[Planned], list[str]]:
    """The page of each model with what it consists of, and notices. Nothing is asked for it twice.

    Of a list with nsfw=true only: others leave out images of models that they show.
    """
    children: list[Planned] = []
    notices: list[str] = []
    ground = await prepare(models, desk)
    for model in models:
        if model.id in ground.doubtful:
            children.append(Planned(model_task(model.id, single=True)))
            continue
        inside = await expand_model(model, ModelRef(model.id), desk, ground)
        assert isinstance(inside, Expanded)
        children.append(Planned(model_task(model.id), verdict=inside, children=inside.children))
        notices += inside.notices
    return children, notices
