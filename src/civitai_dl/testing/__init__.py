"""FakeCivitai: a Civitai on loopback to test against, with a world of your own making.

    world = World().model(1, creator="ann", versions=2)
    async with FakeCivitai(world) as fake:
        fake.faults.add(Fault(origin="storage", cut_after=1000))
        ...  # talk to fake.base_url
    assert fake.account.leaks("my key") == []
    fake.faults.assert_all_served()
    world.truth.files()  # what should have been brought home, byte for byte

From a shell: `python -m civitai_dl.testing --world demo`.
"""

from civitai_dl.testing._service import (
    GOOD_KEY,
    KNOWN_FAULTS,
    Account,
    Alteration,
    FakeCivitai,
    FakeOptions,
    Fault,
    Faults,
    Origin,
    Planted,
    Seen,
    byteranges,
    displaced,
    gzipped,
    mislabelled,
    misplaced,
    redirected,
    rewritten,
    shortened,
    swapped,
    unasked_part,
)
from civitai_dl.testing._wire import Line
from civitai_dl.testing._world import (
    FakeCreator,
    FakeFile,
    FakeImage,
    FakeModel,
    FakeVersion,
    TrueFile,
    TrueImage,
    Truth,
    World,
)
from civitai_dl.testing._worlds import (
    TRAITS,
    demo_lists,
    demo_world,
    sample_lists,
    trait_lists,
    trait_world,
    world_from_samples,
)

__all__ = [
    "GOOD_KEY",
    "KNOWN_FAULTS",
    "TRAITS",
    "Account",
    "Alteration",
    "FakeCivitai",
    "FakeCreator",
    "FakeFile",
    "FakeImage",
    "FakeModel",
    "FakeOptions",
    "FakeVersion",
    "Fault",
    "Faults",
    "Line",
    "Origin",
    "Planted",
    "Seen",
    "TrueFile",
    "TrueImage",
    "Truth",
    "World",
    "byteranges",
    "demo_lists",
    "demo_world",
    "displaced",
    "gzipped",
    "mislabelled",
    "misplaced",
    "redirected",
    "rewritten",
    "sample_lists",
    "shortened",
    "swapped",
    "trait_lists",
    "trait_world",
    "unasked_part",
    "world_from_samples",
]
