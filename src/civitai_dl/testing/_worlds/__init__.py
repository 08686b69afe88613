"""Worlds that are ready to be served: a pleasant one, a nasty one, a real one."""

from civitai_dl.testing._worlds._demo import demo_lists, demo_world
from civitai_dl.testing._worlds._samples import sample_lists, world_from_samples
from civitai_dl.testing._worlds._traits import TRAITS, trait_lists, trait_world

__all__ = [
    "TRAITS",
    "demo_lists",
    "demo_world",
    "sample_lists",
    "trait_lists",
    "trait_world",
    "world_from_samples",
]
