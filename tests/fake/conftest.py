"""One fixture: serve a world, and ask it as a well-behaved client does."""

from contextlib import AsyncExitStack

import pytest
from walker import Walker, session

from civitai_dl.testing import FakeCivitai, FakeOptions


@pytest.fixture
async def serve():
    """Start fakes and hand back walkers; everything is gone at the end of the test."""
    async with AsyncExitStack() as stack:

        async def start(world, key=None, **options):
            fake = FakeCivitai(world, options=FakeOptions(**options))
            await stack.enter_async_context(fake)
            return Walker(fake, await stack.enter_async_context(session()), key)

        yield start
