"""What every storage must do, and what a directory must do besides."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_dl.adapters.storage import STATE, LocalStorage, System, local_path, open_storage
from civitai_dl.domain.entities import Island
from civitai_dl.errors import (
    ConfigError,
    NotEnoughRoom,
    OutOfHandles,
    StorageBroken,
    StorageDenied,
    StorageError,
    StorageFull,
    StorageUnfit,
)
from civitai_dl.ports import Storage

Open = Callable[[], Storage]

HERE, THERE = "model_0/5/20-v1/a.safetensors", "model_0/6/30-v1/b.safetensors"
LARGE = bytes(range(256)) * 5_000


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def put(storage: Storage, path: str, data: bytes, key: str = "file:1:1") -> None:
    """Store bytes as a transfer does."""
    async with storage.partial(key) as partial:
        await partial.begin(0)
        await partial.write(data)
        await partial.finish()
        await partial.publish(path)


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


OUTSIDE = [
    "../x",
    "a/../../x",
    "a/..",
    "..",
    ".",
    "a/./x",
    "/etc/x",
    "a//x",
    "a/",
    "",
    "a\\x",
    "..\\x",
    "C:\\x",
    "a/b\0c",
]


class StorageSuite:
    """Behaviour that holds wherever an archive lies; a subclass gives the fixture `opened`."""

    @pytest.fixture
    def opened(self) -> Open:
        """Opens the same archive anew, as the next process would."""
        raise NotImplementedError

    @pytest.fixture
    def storage(self, opened: Open) -> Storage:
        return opened()

    # partials

    async def test_a_file_is_written_measured_and_named(self, storage: Storage) -> None:
        """What was written is in the archive under its name, and was measured on its way."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0, crc=True)
            for at in range(0, len(LARGE), 60_000):
                await partial.write(LARGE[at : at + 60_000])
            assert partial.size == len(LARGE) == 1_280_000
            measured = await partial.finish()
            await partial.publish(HERE)
        assert (1_280_000, sha256(LARGE)) == (measured.size, measured.sha256)
        assert f"{zlib.crc32(LARGE):08x}" == measured.crc32
        assert (LARGE[:4096], LARGE[-4096:]) == (measured.head, measured.tail)
        assert await storage.read(HERE) == LARGE

    async def test_the_crc32_is_measured_when_asked_for(self, storage: Storage) -> None:
        """A CRC32 that nobody asked for is not measured; one of few bytes keeps its noughts."""
        async with storage.partial("a") as partial:
            await partial.begin(0)
            await partial.write(b"123456789")
            assert (await partial.finish()).crc32 == ""
        async with storage.partial("a") as partial:
            await partial.begin(9, crc=True)
            assert (await partial.finish()).crc32 == "cbf43926"
        async with storage.partial("b") as partial:
            await partial.begin(0, crc=True)
            assert (await partial.finish()).crc32 == "00000000"

    @pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 524_288, 524_289])
    async def test_files_of_every_size_are_what_they_were(
        self, storage: Storage, size: int
    ) -> None:
        """An empty file, and files on either side of a buffer's end, are measured as they are."""
        data = LARGE[:size]
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(data)
            measured = await partial.finish()
            await partial.publish(HERE)
        assert (size, sha256(data)) == (measured.size, measured.sha256)
        assert (data[:4096], data[-4096:]) == (measured.head, measured.tail if size else b"")
        assert await storage.sizes([HERE]) == [size]
        assert await storage.read(HERE) == data

    async def test_publishing_replaces_nothing(self, storage: Storage) -> None:
        """A file that is there already stays as it is, and the new bytes get another name."""
        await put(storage, HERE, b"the user's own")
        async with storage.partial("file:2:2") as partial:
            await partial.begin(0)
            await partial.write(b"ours")
            await partial.finish()
            with pytest.raises(FileExistsError):
                await partial.publish(HERE)
            assert await storage.read(HERE) == b"the user's own"
            await partial.publish(THERE)
        assert await storage.read(HERE) == b"the user's own"
        assert await storage.read(THERE) == b"ours"

    async def test_nothing_has_a_name_before_it_is_published(self, storage: Storage) -> None:
        """Bytes on their way are in no place where a person looks."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(LARGE)
            await partial.sync()
            await partial.finish()
            assert await storage.sizes([HERE]) == [None]

    async def test_a_partial_is_continued_by_the_next_attempt(self, opened: Open) -> None:
        """Bytes of a broken transfer are kept, digested again and continued by the next process."""
        async with opened().partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(LARGE[:700_000])
            assert await partial.sync() == 700_000
        storage = opened()
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 700_000
            await partial.begin(700_000, crc=True)
            assert partial.size == 700_000
            await partial.write(LARGE[700_000:])
            measured = await partial.finish()
            await partial.publish(HERE)
        assert (sha256(LARGE), f"{zlib.crc32(LARGE):08x}") == (measured.sha256, measured.crc32)
        assert LARGE[:4096] == measured.head
        assert await storage.read(HERE) == LARGE

    async def test_what_lies_above_the_checkpoint_is_dropped(self, storage: Storage) -> None:
        """A transfer that goes on at byte 700 digests exactly the 700 bytes before it."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700 + b"garbage")
            await partial.sync()
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 707
            await partial.begin(700)
            assert partial.size == 700
            await partial.write(b"b" * 300)
            measured = await partial.finish()
            await partial.publish(HERE)
        assert sha256(b"a" * 700 + b"b" * 300) == measured.sha256
        assert await storage.read(HERE) == b"a" * 700 + b"b" * 300

    async def test_starting_over_leaves_nothing_of_before(self, storage: Storage) -> None:
        """A file that shrank on the far side has no tail of the old one."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(LARGE)
            await partial.sync()
            await partial.begin(0)
            await partial.write(b"short")
            measured = await partial.finish()
            await partial.publish(HERE)
        assert (5, sha256(b"short"), b"short") == (measured.size, measured.sha256, measured.tail)
        assert await storage.read(HERE) == b"short"

    async def test_a_partial_cannot_be_continued_beyond_its_end(self, storage: Storage) -> None:
        """Asked to keep more bytes than there are, a partial says so and makes none up."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            await partial.sync()
            with pytest.raises(StorageError):
                await partial.begin(701)

    # pieces

    @pytest.mark.parametrize("step", [1_000, 60_000, 140_000, 400_000])
    @pytest.mark.parametrize("proven", [False, True])
    async def test_bytes_may_come_out_of_order(
        self, storage: Storage, step: int, *, proven: bool
    ) -> None:
        """What is written ahead is taken in where it belongs, and digested in order."""
        places = [0, 300_000, 700_000, 900_000, len(LARGE)]
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0, crc=True)
            islands = []
            for start, end in [*pairwise(places[1:])][::-1]:
                ahead = partial.ahead(start)
                assert (start, start) == (ahead.island.start, ahead.island.end)
                for at in range(start, end, step):
                    await ahead.write(LARGE[at : min(at + step, end)])
                assert end == ahead.end
                await ahead.flush()
                islands.append(ahead.island)
                assert f"{zlib.crc32(LARGE[start:end]):08x}" == ahead.island.crc32
                assert 0 == partial.size
            for at in range(0, places[1], step):
                await partial.write(LARGE[at : min(at + step, places[1])])
            for island in sorted(islands):
                assert island.start == partial.size
                assert await partial.take_in(island, proven=proven)
            assert len(LARGE) == partial.size
            measured = await partial.finish()
            await partial.publish(HERE)
        assert (sha256(LARGE), f"{zlib.crc32(LARGE):08x}") == (measured.sha256, measured.crc32)
        assert (LARGE[:4096], LARGE[-4096:]) == (measured.head, measured.tail)
        assert await storage.read(HERE) == LARGE

    async def test_what_follows_a_piece_is_written_behind_it(self, storage: Storage) -> None:
        """A stream goes on where a piece ends."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            ahead = partial.ahead(700)
            await ahead.write(b"b" * 300)
            await partial.write(b"a" * 700)
            await ahead.flush()
            assert await partial.take_in(ahead.island)
            await partial.write(b"c" * 500)
            measured = await partial.finish()
            await partial.publish(HERE)
        data = b"a" * 700 + b"b" * 300 + b"c" * 500
        assert sha256(data) == measured.sha256
        assert await storage.read(HERE) == data

    async def test_islands_are_kept_by_the_next_attempt(self, opened: Open) -> None:
        """What was durable beyond the size is there for the next process; the rest is dropped."""
        async with opened().partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(LARGE[:100_000])
            ahead, lost = partial.ahead(400_000), partial.ahead(900_000)
            await ahead.write(LARGE[400_000:600_000])
            await lost.write(LARGE[900_000:])
            await lost.flush()
            assert 100_000 == await partial.sync()
            island = ahead.island
        storage = opened()
        async with storage.partial("file:1:1") as partial:
            assert partial.held == len(LARGE)
            await partial.begin(100_000, islands=[island])
            assert (600_000, 100_000) == (partial.held, partial.size)
            await partial.write(LARGE[100_000:400_000])
            assert await partial.take_in(island)
            await partial.write(LARGE[600_000:])
            measured = await partial.finish()
            await partial.publish(HERE)
        assert sha256(LARGE) == measured.sha256
        assert await storage.read(HERE) == LARGE

    async def test_an_island_beyond_the_end_is_not_kept(self, storage: Storage) -> None:
        """Asked to keep an island that is not there, a partial says so and makes none up."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            await partial.sync()
            with pytest.raises(StorageError):
                await partial.begin(700, islands=[Island(800, 900, "00000000")])

    @pytest.mark.parametrize(
        "island", [Island(700, 1_000, "00000000"), Island(700, 1_001, "00000000")]
    )
    @pytest.mark.parametrize("proven", [False, True])
    async def test_an_island_with_other_bytes_is_not_taken_in(
        self, storage: Storage, island: Island, *, proven: bool
    ) -> None:
        """Bytes that are not those that were written change nothing of what is held."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            ahead = partial.ahead(700)
            await ahead.write(b"b" * 300)
            await ahead.flush()
            assert not await partial.take_in(island, proven=proven)
            assert 700 == partial.size
            await partial.write(b"c" * 300)
            measured = await partial.finish()
            await partial.publish(HERE)
        assert sha256(b"a" * 700 + b"c" * 300) == measured.sha256
        assert await storage.read(HERE) == b"a" * 700 + b"c" * 300

    async def test_starting_over_drops_the_islands_too(self, storage: Storage) -> None:
        """Nothing of a longer file is left behind a shorter one."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            ahead = partial.ahead(500_000)
            await ahead.write(b"x" * 500_000)
            await ahead.flush()
            await partial.begin(0)
            await partial.write(b"short")
            await partial.finish()
            await partial.publish(HERE)
        assert await storage.read(HERE) == b"short"

    async def test_two_openings_of_one_task_never_share_a_file(self, storage: Storage) -> None:
        """Should two workers ever meet on one task, neither writes into the other's bytes."""
        async with storage.partial("file:1:1") as one, storage.partial("file:1:1") as other:
            await one.begin(0)
            await other.begin(0)
            for _ in range(3):
                await one.write(b"1" * 300_000)
                await other.write(b"2" * 300_000)
            assert sha256(b"1" * 900_000) == (await one.finish()).sha256
            assert sha256(b"2" * 900_000) == (await other.finish()).sha256
            await one.publish(HERE)
            with pytest.raises(FileExistsError):
                await other.publish(HERE)
        assert await storage.read(HERE) == b"1" * 900_000

    async def test_partials_of_different_tasks_are_different(self, storage: Storage) -> None:
        """What one task left is not taken over by another."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            await partial.sync()
        async with storage.partial("file:1:2") as partial:
            assert partial.held == 0

    async def test_what_was_discarded_is_gone(self, opened: Open) -> None:
        """Wrong bytes that were dropped are not continued by anybody."""
        async with opened().partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(LARGE)
            await partial.sync()
            await partial.discard()
            await partial.discard()
        async with opened().partial("file:1:1") as partial:
            assert partial.held == 0

    async def test_what_was_published_is_not_continued(self, opened: Open) -> None:
        """A file that has its name leaves no partial behind."""
        await put(opened(), HERE, b"done")
        async with opened().partial("file:1:1") as partial:
            assert partial.held == 0

    async def test_a_task_that_wrote_nothing_leaves_nothing(self, opened: Open) -> None:
        """A transfer that was refused before its first byte leaves no trace."""
        async with opened().partial("file:1:1") as partial:
            await partial.begin(0)
            assert (partial.held, partial.size) == (0, 0)
        async with opened().partial("file:1:1") as partial:
            assert partial.held == 0

    async def test_an_error_inside_keeps_the_bytes(self, storage: Storage) -> None:
        """A transfer that breaks off keeps what was made durable."""

        async def broken() -> None:
            async with storage.partial("file:1:1") as partial:
                await partial.begin(0)
                await partial.write(b"a" * 700)
                await partial.sync()
                raise RuntimeError("cut")

        with pytest.raises(RuntimeError, match="cut"):
            await broken()
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 700

    async def test_wrong_bytes_are_set_aside_with_their_evidence(self, storage: Storage) -> None:
        """What failed its digest three times lies in corrupted/, with the evidence beside it."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"wrong")
            await partial.finish()
            where = await partial.quarantine("20-1-a.safetensors", {"why": "SHA256", "名": 1})
        assert where == "corrupted/20-1-a.safetensors"
        assert await storage.read(where) == b"wrong"
        note = await storage.read(f"{where}.evidence.json")
        assert note is not None
        assert note.decode() == '{\n  "why": "SHA256",\n  "名": 1\n}\n'
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 0

    async def test_what_is_set_aside_replaces_nothing(self, storage: Storage) -> None:
        """The same file set aside again lies beside the first, with evidence of its own."""
        found = []
        for data in (b"one", b"two", b"three"):
            async with storage.partial("file:1:1") as partial:
                await partial.begin(0)
                await partial.write(data)
                await partial.finish()
                found.append(await partial.quarantine("a.bin", {"bytes": data.decode()}))
        assert found == ["corrupted/a.bin", "corrupted/2-a.bin", "corrupted/3-a.bin"]
        assert [b"one", b"two", b"three"] == [await storage.read(path) for path in found]
        assert b"two" in (await storage.read("corrupted/2-a.bin.evidence.json") or b"")

    async def test_many_are_published_at_once(self, storage: Storage) -> None:
        """Of several files, one whose name is taken is told, and the others get theirs."""
        await put(storage, HERE, b"the user's own", key="file:9:9")
        paths = ["a/1.png", HERE, "a/2.png", "a/1.png", "../x"]
        async with AsyncExitStack() as stack:
            partials = [
                await stack.enter_async_context(storage.partial(f"image:{number}"))
                for number in range(len(paths))
            ]
            for number, partial in enumerate(partials):
                await partial.begin(0)
                await partial.write(b"%d" % number)
                await partial.finish()
            await storage.sync_all(partials)
            ends = await storage.publish_all(list(zip(partials, paths, strict=True)))
            kinds = [None if end is None else type(end) for end in ends]
            assert [None, FileExistsError, None, FileExistsError, StorageDenied] == kinds
            assert await storage.read(HERE) == b"the user's own"
            # Whose name was taken is still there to get another one.
            assert [None] == await storage.publish_all([(partials[1], "a/3.png")])
        found = [await storage.read(f"a/{number}.png") for number in (1, 2, 3)]
        assert [b"0", b"2", b"1"] == found
        assert [] == await storage.publish_all([])
        await storage.sync_all([])

    async def test_a_stored_file_is_set_aside_with_its_evidence(self, storage: Storage) -> None:
        """Rot that `verify` found leaves the archive for corrupted/; what is gone is told."""
        await put(storage, HERE, b"rotten")
        where = await storage.quarantine(HERE, {"why": "SHA256"})
        assert where == "corrupted/model_0-5-20-v1-a.safetensors"
        assert await storage.sizes([HERE]) == [None]
        assert await storage.read(where) == b"rotten"
        assert b"SHA256" in (await storage.read(f"{where}.evidence.json") or b"")
        with pytest.raises(FileNotFoundError):
            await storage.quarantine(HERE, {})

    async def test_a_storage_proves_that_it_can_be_written(self, storage: Storage) -> None:
        """The proof may be asked for again and again, and shows nowhere in the archive."""
        for _ in range(3):
            await storage.prove()
        await put(storage, HERE, b"x")
        assert await storage.read(HERE) == b"x"

    async def test_what_is_fresh_is_not_swept_away(self, opened: Open) -> None:
        """Bytes of today are kept, wanted or not."""
        async with opened().partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            await partial.sync()
        storage = opened()
        assert await storage.sweep(["file:2:2"]) == 0
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 700

    async def test_room_is_set_aside_for_what_is_to_come(self, storage: Storage) -> None:
        """Room asked for once or often changes neither the bytes nor their number."""
        async with storage.partial("file:1:1") as partial:
            for size in (0, 100, 2_000_000, 2_000_000, 3_000_000):
                await partial.reserve(size)
            await partial.begin(0)
            await partial.reserve(2_000_000)
            await partial.write(LARGE)
            await partial.sync()
        async with storage.partial("file:1:1") as partial:
            assert partial.held == len(LARGE)
            await partial.begin(len(LARGE))
            await partial.reserve(2_000_000)
            measured = await partial.finish()
            await partial.publish(HERE)
        assert (len(LARGE), sha256(LARGE)) == (measured.size, measured.sha256)
        assert await storage.read(HERE) == LARGE

    # second names

    async def test_a_second_name_has_the_same_bytes(self, storage: Storage) -> None:
        """A file that is stored already gets its second place without a transfer."""
        await put(storage, HERE, LARGE)
        await storage.link(HERE, THERE)
        assert await storage.read(THERE) == LARGE
        assert await storage.sizes([HERE, THERE]) == [len(LARGE), len(LARGE)]

    async def test_a_second_name_replaces_nothing(self, storage: Storage) -> None:
        """A link does not take the place of what is there."""
        await put(storage, HERE, b"one")
        await put(storage, THERE, b"two")
        with pytest.raises(FileExistsError):
            await storage.link(HERE, THERE)
        assert await storage.read(THERE) == b"two"

    async def test_what_is_gone_gets_no_second_name(self, storage: Storage) -> None:
        """A twin that was deleted is noticed, so that the file is fetched."""
        with pytest.raises(FileNotFoundError):
            await storage.link(HERE, THERE)
        assert await storage.sizes([THERE]) == [None]

    # documents

    async def test_documents_are_written_whole_and_replaced(self, storage: Storage) -> None:
        """The JSON of a model is replaced by a newer one, in any number at once."""
        many = [(f"model_0/{number}/model.json", b"%d" % number) for number in range(30)]
        await storage.save(many)
        await storage.save([("model_0/7/model.json", b"newer"), ("lists/a.json", b"[]")])
        assert await storage.read("model_0/7/model.json") == b"newer"
        assert await storage.read("model_0/8/model.json") == b"8"
        assert await storage.read("lists/a.json") == b"[]"
        await storage.save([])

    async def test_a_large_document_comes_in_pieces(self, storage: Storage) -> None:
        """A list of a million images is written piece by piece, and replaces the older one."""
        await storage.save_stream("lists/a.json", pieces(b"[", *[b"1,"] * 1_000, b"1]"))
        data = await storage.read("lists/a.json")
        assert data is not None
        assert (len(data), data[:3], data[-3:]) == (2_003, b"[1,", b",1]")
        await storage.save_stream("lists/a.json", pieces())
        assert await storage.read("lists/a.json") == b""

    async def test_a_document_that_breaks_off_changes_nothing(self, storage: Storage) -> None:
        """A list that could not be written to its end leaves the older one as it was."""
        await storage.save_stream("lists/a.json", pieces(b"old"))

        async def broken() -> AsyncIterator[bytes]:
            yield b"new"
            raise RuntimeError("cut")

        with pytest.raises(RuntimeError, match="cut"):
            await storage.save_stream("lists/a.json", broken())
        assert await storage.read("lists/a.json") == b"old"

    async def test_documents_are_removed_when_they_are_there(self, storage: Storage) -> None:
        """failed.txt of an earlier run goes, and one that never was is no error."""
        await storage.save([("failed.txt", b"x"), ("retry.sh", b"y")])
        await storage.remove(["failed.txt", "never/was.txt"])
        assert await storage.read("failed.txt") is None
        assert await storage.read("retry.sh") == b"y"
        await storage.remove([])

    # looking

    async def test_what_is_not_there_has_no_size_and_no_bytes(self, storage: Storage) -> None:
        """A file that is missing is an answer, not an error."""
        assert await storage.sizes([HERE, THERE]) == [None, None]
        assert await storage.read(HERE) is None
        assert await storage.measure(HERE) is None

    async def test_a_stored_file_is_measured_by_reading_it(self, storage: Storage) -> None:
        """`verify` reads every byte of a file."""
        await put(storage, HERE, LARGE)
        measured = await storage.measure(HERE)
        assert measured is not None
        assert (len(LARGE), sha256(LARGE)) == (measured.size, measured.sha256)
        assert f"{zlib.crc32(LARGE):08x}" == measured.crc32
        assert (LARGE[:4096], LARGE[-4096:]) == (measured.head, measured.tail)

    def test_free_space_is_known_or_not(self, storage: Storage) -> None:
        """The space that is left is a number of bytes, where the storage can tell."""
        free = storage.free()
        assert free is None or free > 0

    # paths

    @pytest.mark.parametrize("path", OUTSIDE)
    async def test_no_path_leaves_the_archive(self, storage: Storage, path: str) -> None:
        """A path with `..`, a backslash or a leading slash is refused, whatever is asked of it."""
        await put(storage, HERE, b"x")
        async with storage.partial("file:2:2") as partial:
            await partial.begin(0)
            await partial.write(b"x")
            await partial.finish()
            with pytest.raises(StorageDenied):
                await partial.publish(path)
        for attempt in (
            storage.save([(path, b"x")]),
            storage.save_stream(path, pieces(b"x")),
            storage.link(HERE, path),
            storage.link(path, THERE),
            storage.read(path),
            storage.measure(path),
            storage.remove([path]),
            storage.quarantine(path, {}),
        ):
            with pytest.raises(StorageDenied, match="leave the archive"):
                await attempt


class TestLocalStorage(StorageSuite):
    """An archive in a directory."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        root = tmp_path / "archive"
        root.mkdir()
        return root

    @pytest.fixture
    def opened(self, root: Path) -> Open:
        return lambda: LocalStorage(root)

    @pytest.fixture
    def scratch(self, root: Path) -> Path:
        return root / STATE / "tmp"

    def test_opening_makes_the_directory(self, tmp_path: Path) -> None:
        """`-o a/b/c` makes what is missing."""
        open_storage(str(tmp_path / "a/b/c"))
        assert (tmp_path / "a/b/c" / STATE / "tmp").is_dir()

    def test_a_directory_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        """A path below a file is told to be denied."""
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StorageError, match="file/a"):
            open_storage(str(tmp_path / "file/a"))

    @pytest.mark.parametrize(
        ("location", "path"), [("a/b", Path("a/b")), ("file:///a/b", Path("/a/b"))]
    )
    def test_a_directory_may_be_named_as_a_url(self, location: str, path: Path) -> None:
        """file:///a/b and a plain path are directories."""
        assert path == local_path(location)
        with pytest.raises(ConfigError, match="gopher"):
            local_path("gopher://a")

    # what earlier processes left

    async def test_drafts_of_dead_processes_are_cleared_away(
        self, opened: Open, scratch: Path
    ) -> None:
        """Half-written documents and copies go at the next start, partial files stay."""
        async with opened().partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            await partial.sync()
        for name in ("document-1.tmp", "copy-1.part", "stream-1.tmp"):
            (scratch / name).write_bytes(b"half")
        async with opened().partial("file:1:1") as partial:
            assert partial.held == 700
        assert len(list(scratch.iterdir())) == 1

    @pytest.mark.skipif(os.name == "nt", reason="making links is another thing there")
    @pytest.mark.parametrize("restarted", [True, False])
    async def test_a_partial_that_has_its_name_already_is_not_written_into(
        self, opened: Open, root: Path, scratch: Path, *, restarted: bool
    ) -> None:
        """A crash between a file's new name and the end of its old one spoils no stored file."""
        storage = opened()
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"stored")
            await partial.finish()
        (left,) = scratch.iterdir()
        os.link(left, root / "a.bin")
        storage = opened() if restarted else storage
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 0
            await partial.begin(0)
            await partial.write(b"other")
            await partial.sync()
            assert (root / "a.bin").read_bytes() == b"stored"

    async def test_no_draft_stays_behind(self, storage: Storage, scratch: Path) -> None:
        """After documents, links and files there is nothing left in the scratch folder."""
        await put(storage, HERE, b"x")
        await storage.link(HERE, THERE)
        await storage.save([("a.txt", b"x")])
        await storage.save_stream("b.txt", pieces(b"x"))
        assert list(scratch.iterdir()) == []

    async def test_a_partial_that_somebody_deleted_is_begun_anew(
        self, storage: Storage, scratch: Path
    ) -> None:
        """Who clears the scratch folder by hand loses a partial and nothing else."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            await partial.sync()
        for path in scratch.iterdir():
            path.unlink()
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 0

    async def test_a_partial_that_vanishes_under_way_is_a_storage_error(
        self, storage: Storage, scratch: Path
    ) -> None:
        """Who deletes a partial while it is written gets an expected error, not a crash."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            await partial.finish()
            for path in scratch.iterdir():
                path.unlink()
            with pytest.raises(StorageError):
                await partial.publish(HERE)

    async def test_what_another_process_may_still_write_is_copied_not_taken(
        self, opened: Open, root: Path, scratch: Path
    ) -> None:
        """Where locks lie, bytes of a living process are read, and its file stays as it was."""
        async with opened().partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(LARGE)
            await partial.sync()
        (theirs,) = scratch.iterdir()
        storage = LocalStorage(root, trusted=False)
        async with storage.partial("file:1:1") as partial:
            assert partial.held == len(LARGE)
            await partial.begin(700_000)
            assert partial.size == 700_000
            await partial.write(LARGE[700_000:])
            measured = await partial.finish()
            assert theirs.read_bytes() == LARGE
            await partial.publish(HERE)
        assert sha256(LARGE) == measured.sha256
        assert (root / HERE).read_bytes() == LARGE == theirs.read_bytes()
        assert (root / HERE).stat().st_ino != theirs.stat().st_ino

    async def test_what_another_process_may_still_write_is_never_removed(
        self, opened: Open, root: Path, scratch: Path
    ) -> None:
        """Neither a start at nought nor an end without a byte touches another's file."""
        async with opened().partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(LARGE)
            await partial.sync()
        (scratch / "document-1.tmp").write_bytes(b"half")
        theirs, draft = sorted(scratch.iterdir(), key=lambda path: path.suffix)
        storage = LocalStorage(root, trusted=False)
        async with storage.partial("file:1:1") as partial:
            assert partial.held == len(LARGE)
        storage = LocalStorage(root, trusted=False)
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.discard()
        assert [theirs, draft] == sorted(scratch.iterdir(), key=lambda path: path.suffix)
        assert theirs.read_bytes() == LARGE

    @pytest.mark.skipif(os.name == "nt", reason="nobody there knows who lives")
    async def test_what_a_dead_process_left_is_taken_by_whoever_comes(
        self, opened: Open, root: Path, scratch: Path
    ) -> None:
        """Where locks lie, the name of a partial tells whose it is, and the dead need nothing."""
        async with opened().partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            await partial.sync()
        (mine,) = scratch.iterdir()
        task, owner, rest = mine.name.split(".", 2)
        number = int(owner.split("-")[0], 16)
        # The same process number, but of a process that began at another time.
        dead = mine.rename(scratch / f"{task}.{number:x}-1-{owner.split('-')[2]}.{rest}")
        storage = LocalStorage(root, trusted=False)
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 700
            assert not dead.exists()
            await partial.begin(700)

    async def test_of_two_partials_of_one_task_the_longer_is_continued(
        self, opened: Open, scratch: Path
    ) -> None:
        """Two processes that met on one task leave two partials: one goes on, none stays."""
        storage = opened()
        async with storage.partial("file:1:1") as one, storage.partial("file:1:1") as other:
            for partial, size in ((one, 700), (other, 900)):
                await partial.begin(0)
                await partial.write(b"a" * size)
                await partial.sync()
        assert len(list(scratch.iterdir())) == 2
        async with opened().partial("file:1:1") as partial:
            assert partial.held == 900
        assert len(list(scratch.iterdir())) == 1

    @pytest.mark.skipif(not hasattr(os, "SEEK_HOLE"), reason="this system does not tell of holes")
    async def test_of_two_partials_the_one_with_a_hole_goes(
        self, opened: Open, scratch: Path
    ) -> None:
        """A longer partial of which the beginning never came is worth less than a shorter one."""
        storage = opened()
        async with storage.partial("file:1:1") as one, storage.partial("file:1:1") as other:
            await one.begin(0)
            await one.write(b"a" * 100_000)
            await one.sync()
            await other.begin(0)
            ahead = other.ahead(500_000)
            await ahead.write(b"b" * 200_000)
            await other.sync()
        async with opened().partial("file:1:1") as partial:
            assert partial.held == 100_000
        assert len(list(scratch.iterdir())) == 1

    async def test_what_nobody_wants_is_swept_away_after_a_day(
        self, opened: Open, scratch: Path
    ) -> None:
        """Of three old partials the one that a task wants stays; a fresh one stays anyway."""
        for key in ("file:1:1", "file:2:2", "file:3:3", "file:4:4"):
            storage = opened()
            async with storage.partial(key) as partial:
                await partial.begin(0)
                await partial.write(b"a" * 700)
                await partial.sync()
            (new,) = (path for path in scratch.iterdir() if time.time() - path.stat().st_mtime < 60)
            if key != "file:4:4":
                old = time.time() - 90_000
                os.utime(new, (old, old))
        storage = opened()
        assert await storage.sweep(["file:1:1"]) == 2
        assert len(list(scratch.iterdir())) == 2
        assert await storage.sweep(["file:1:1"]) == 0
        for key, held in (("file:1:1", 700), ("file:2:2", 0), ("file:4:4", 700)):
            async with storage.partial(key) as partial:
                assert partial.held == held

    # room

    async def test_a_file_that_does_not_fit_is_refused_before_its_first_byte(
        self, storage: LocalStorage, scratch: Path, monkeypatch
    ) -> None:
        """What is known to be larger than what is free leaves no trace, and says what lacks."""
        monkeypatch.setattr(storage.volume, "free", lambda: 10_000_000)
        async with storage.partial("file:1:1") as partial:
            with pytest.raises(NotEnoughRoom) as told:
                await partial.reserve(20_000_000)
            # A twentieth more than what is to come must be free beside it.
            assert (20_000_000, 11_000_000) == (told.value.needed, told.value.lacking)
            assert list(scratch.iterdir()) == []
            monkeypatch.setattr(storage.volume, "free", lambda: 21_000_000)
            await partial.reserve(20_000_000)

    async def test_nobody_asks_for_little_room(self, storage: LocalStorage, monkeypatch) -> None:
        """The last megabyte is not asked for: images need no look at the disk each."""

        def free():
            raise AssertionError("asked")

        monkeypatch.setattr(storage.volume, "free", free)
        async with storage.partial("file:1:1") as partial:
            await partial.reserve(1_000_000)

    async def test_where_nobody_can_tell_everything_fits(
        self, storage: LocalStorage, monkeypatch
    ) -> None:
        """A disk that does not say how much is free is tried."""
        monkeypatch.setattr(storage.volume, "free", lambda: None)
        async with storage.partial("file:1:1") as partial:
            await partial.reserve(20_000_000)

    async def test_room_that_was_promised_is_not_promised_twice(
        self, storage: LocalStorage, monkeypatch
    ) -> None:
        """Two files of which each fits alone: the second has to wait for the first to come."""
        monkeypatch.setattr(System, "reserve", lambda self, handle, size: False)
        monkeypatch.setattr(storage.volume, "free", lambda: 10_000_000)
        async with storage.partial("file:2:2") as second:
            async with storage.partial("file:1:1") as first:
                await first.reserve(6_000_000)
                await first.reserve(6_000_000)
                with pytest.raises(NotEnoughRoom):
                    await second.reserve(6_000_000)
                await first.begin(0)
                for _ in range(5):
                    await first.write(bytes(600_000))
                    await first.sync()
                # Of the first, three million bytes are on the disk and no more to come.
                await second.reserve(6_000_000)
                await first.discard()
            await second.reserve(9_000_000)

    @pytest.mark.skipif(os.name == "nt", reason="there, room is not set aside")
    async def test_room_that_is_set_aside_changes_no_size(
        self, storage: Storage, scratch: Path
    ) -> None:
        """A file that is to come is as long as what has come, on disk and for the next attempt."""
        async with storage.partial("file:1:1") as partial:
            await partial.reserve(3_000_000)
            await partial.begin(0)
            await partial.write(b"a" * 600_000)
            assert await partial.sync() == 600_000
            (path,) = scratch.iterdir()
            assert path.stat().st_size == 600_000
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 600_000

    async def test_what_is_held_needs_no_room_again(
        self, storage: LocalStorage, monkeypatch
    ) -> None:
        """A file of which half is there asks for the other half only."""
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(bytes(6_000_000))
            await partial.sync()
        monkeypatch.setattr(storage.volume, "free", lambda: 7_000_000)
        async with storage.partial("file:1:1") as partial:
            with pytest.raises(NotEnoughRoom):
                await partial.reserve(14_000_000)
            await partial.reserve(12_000_000)

    async def test_what_is_set_aside_is_not_asked_for_twice(
        self, storage: LocalStorage, monkeypatch
    ) -> None:
        """A file with its room set aside may be looked at again when that was the last room."""
        async with storage.partial("file:1:1") as partial:
            # Whatever the file system under the tests can do.
            monkeypatch.setattr(storage.volume.system, "reserve", lambda *_: True)
            await partial.reserve(6_000_000)
            monkeypatch.setattr(storage.volume, "free", lambda: 100_000)
            await partial.reserve(6_000_000)
            with pytest.raises(NotEnoughRoom):
                await partial.reserve(9_000_000)

    # the proof

    @pytest.mark.skipif(os.name == "nt", reason="blocks are counted elsewhere")
    async def test_some_room_is_held_in_reserve(
        self, storage: LocalStorage, root: Path, scratch: Path
    ) -> None:
        """Eight megabytes are kept back, to be given up when the disk is full."""
        for _ in range(2):
            await storage.prove()
            assert (root / STATE / "reserve").stat().st_blocks * 512 >= 8 << 20
            assert list(scratch.iterdir()) == []
            storage.volume.relieve()
            storage.volume.relieve()
            assert not (root / STATE / "reserve").exists()

    async def test_where_room_cannot_be_set_aside_the_reserve_is_filled(
        self, storage: LocalStorage, root: Path, monkeypatch
    ) -> None:
        """On a disk that sets nothing aside, the reserve is written, in bytes that take room."""
        monkeypatch.setattr(System, "reserve", lambda self, handle, size: False)
        await storage.prove()
        data = (root / STATE / "reserve").read_bytes()
        assert len(data) == 8 << 20
        assert len({data[at : at + 4096] for at in range(0, len(data), 4096)}) == 2048

    async def test_the_room_of_the_reserve_is_no_proof(
        self, storage: LocalStorage, root: Path, monkeypatch
    ) -> None:
        """A disk with nothing free but what the reserve gave up is still full."""
        limit = 12 << 20
        real = System.reserve

        def reserve(self, handle, size):
            taken = sum(path.stat().st_blocks * 512 for path in root.rglob("*") if path.is_file())
            if taken + size > limit:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(self, handle, size)

        monkeypatch.setattr(System, "reserve", reserve)
        for _ in range(3):
            with pytest.raises(StorageFull):
                await storage.prove()
        limit = 20 << 20
        await storage.prove()

    @pytest.mark.parametrize("name", ["create", "reserve", "write", "sync"])
    async def test_a_disk_that_is_unfit_proves_nothing(
        self, storage: LocalStorage, root: Path, scratch: Path, monkeypatch, name: str
    ) -> None:
        """However the proof fails, it says so, and leaves the room to others."""
        await storage.prove()

        def full(self, *facts):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(System, name, full)
            for _ in range(2):
                with pytest.raises(StorageFull):
                    await storage.prove()
        assert not (root / STATE / "reserve").exists()
        assert list(scratch.iterdir()) == []
        await storage.prove()

    # digests of prefixes

    @pytest.mark.parametrize("size", [0, 1, 999, 1_000, 1_001, 2_000, 2_001, 524_288 + 7])
    @pytest.mark.parametrize("kept", [0, 999, 1_000, 1_001, 1_000_000])
    async def test_each_whole_segment_has_the_digest_of_all_before_its_end(
        self, storage: Storage, monkeypatch, size: int, kept: int
    ) -> None:
        """Begun, broken off and continued anywhere, a file has the same digests, and read again."""
        monkeypatch.setattr("civitai_dl.adapters.storage._files.SEGMENT", 1_000)
        data = LARGE[:size]
        kept = min(kept, size)
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(data[:kept])
            await partial.sync()
        async with storage.partial("file:1:1") as partial:
            await partial.begin(kept)
            await partial.write(data[kept:])
            measured = await partial.finish()
            await partial.publish(HERE)
        expected = tuple(sha256(data[:end]) for end in range(1_000, size, 1_000))
        assert expected == measured.prefixes
        again = await storage.measure(HERE)
        assert again is not None
        assert expected == again.prefixes

    # documents

    async def test_a_document_that_is_there_is_not_written_again(
        self, storage: Storage, root: Path
    ) -> None:
        """A run without news touches no document."""
        await storage.save([("model_0/5/model.json", b"{}")])
        path = root / "model_0/5/model.json"
        before = path.stat()
        await storage.save([("model_0/5/model.json", b"{}")])
        assert (before.st_ino, before.st_mtime_ns) == (path.stat().st_ino, path.stat().st_mtime_ns)
        await storage.save([("model_0/5/model.json", b"[]")])
        assert (before.st_ino, b"[]") != (path.stat().st_ino, b"")
        assert path.read_bytes() == b"[]"

    @pytest.mark.skipif(os.name == "nt", reason="Windows has no execute bit")
    async def test_the_script_that_tries_again_can_be_run(
        self, storage: Storage, root: Path
    ) -> None:
        """retry.sh is executable, failed.txt is not."""
        await storage.save([("retry.sh", b"#!/bin/sh\n"), ("failed.txt", b"")])
        assert (root / "retry.sh").stat().st_mode & 0o111 == 0o111
        assert (root / "failed.txt").stat().st_mode & 0o111 == 0

    # links

    @pytest.mark.skipif(os.name == "nt", reason="inode numbers are another thing there")
    async def test_a_second_name_takes_no_second_space(self, storage: Storage, root: Path) -> None:
        """Two places of one file are one file on disk."""
        await put(storage, HERE, LARGE)
        await storage.link(HERE, THERE)
        assert (root / HERE).stat().st_ino == (root / THERE).stat().st_ino

    @pytest.mark.parametrize(
        "code", [errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS]
    )
    async def test_where_links_fail_files_are_copied(
        self, storage: Storage, root: Path, scratch: Path, monkeypatch, code: int
    ) -> None:
        """On a disk without hard links, or with too many, the second place is a copy."""
        await put(storage, HERE, LARGE)
        real = os.link

        def link(source, target, **facts):
            if "copy-" not in str(source) or code != errno.EMLINK:
                raise OSError(code, os.strerror(code))
            real(source, target, **facts)

        monkeypatch.setattr(os, "link", link)
        await storage.link(HERE, THERE)
        assert (root / THERE).read_bytes() == LARGE
        assert (root / HERE).stat().st_ino != (root / THERE).stat().st_ino
        with pytest.raises(FileExistsError):
            await storage.link(HERE, THERE)
        assert list(scratch.iterdir()) == []

    async def test_where_links_fail_files_are_published_all_the_same(
        self, storage: Storage, root: Path, scratch: Path, monkeypatch
    ) -> None:
        """Without hard links and exclusive renames a file is renamed, and still replaces none."""

        def link(source, target, **facts):
            raise OSError(errno.EPERM, "no links here")

        def move(self, source, target):
            raise OSError(errno.ENOTSUP, "no such renames here")

        monkeypatch.setattr(os, "link", link)
        monkeypatch.setattr(System, "move", move)
        await put(storage, HERE, LARGE)
        assert (root / HERE).read_bytes() == LARGE
        assert list(scratch.iterdir()) == []
        with pytest.raises(FileExistsError):
            await put(storage, HERE, b"other", key="file:2:2")
        assert (root / HERE).read_bytes() == LARGE

    async def test_where_renames_may_replace_files_are_published_by_link(
        self, storage: Storage, root: Path, scratch: Path, monkeypatch
    ) -> None:
        """A system without renames that replace nothing gives the name by a link."""

        def move(self, source, target):
            raise OSError(errno.ENOTSUP, "no such renames here")

        def replace(self, source, target):
            raise AssertionError("it could replace something")

        monkeypatch.setattr(System, "move", move)
        monkeypatch.setattr(System, "replace", replace)
        await put(storage, HERE, LARGE)
        assert (root / HERE).read_bytes() == LARGE
        assert (root / HERE).stat().st_nlink == 1
        with pytest.raises(FileExistsError):
            await put(storage, HERE, b"other", key="file:2:2")
        assert (root / HERE).read_bytes() == LARGE

    async def test_a_link_that_is_denied_is_no_copy(self, storage: Storage, monkeypatch) -> None:
        """A directory that may not be written is told, and nothing is copied into it."""
        await put(storage, HERE, b"x")

        def link(source, target, **facts):
            raise PermissionError(errno.EACCES, "denied")

        monkeypatch.setattr(os, "link", link)
        with pytest.raises(StorageDenied):
            await storage.link(HERE, THERE)
        assert await storage.sizes([THERE]) == [None]

    # paths

    @pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege there")
    async def test_a_folder_that_leads_elsewhere_is_not_followed(
        self, storage: Storage, root: Path, tmp_path: Path
    ) -> None:
        """A folder that somebody replaced by a link to elsewhere is refused."""
        elsewhere = tmp_path / "elsewhere"
        (elsewhere / "5").mkdir(parents=True)
        (elsewhere / "5/model.json").write_bytes(b"theirs")
        (root / "model_0").symlink_to(elsewhere)
        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"x")
            await partial.finish()
            with pytest.raises(StorageDenied):
                await partial.publish("model_0/5/a.bin")
        for attempt in (
            storage.save([("model_0/5/model.json", b"ours")]),
            storage.save_stream("model_0/5/model.json", pieces(b"ours")),
            storage.read("model_0/5/model.json"),
            storage.measure("model_0/5/model.json"),
            storage.remove(["model_0/5/model.json"]),
        ):
            with pytest.raises(StorageDenied, match="leave the archive"):
                await attempt
        assert [path.name for path in elsewhere.rglob("*")] == ["5", "model.json"]
        assert (elsewhere / "5/model.json").read_bytes() == b"theirs"

    @pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege there")
    async def test_a_document_that_is_a_link_is_replaced_not_followed(
        self, storage: Storage, root: Path, tmp_path: Path
    ) -> None:
        """A link in the place of a document gives way to the document; what it led to is safe."""
        (tmp_path / "theirs").write_bytes(b"theirs")
        (root / "failed.txt").symlink_to(tmp_path / "theirs")
        await storage.save([("failed.txt", b"ours")])
        assert (tmp_path / "theirs").read_bytes() == b"theirs"
        assert not (root / "failed.txt").is_symlink()
        assert (root / "failed.txt").read_bytes() == b"ours"

    @pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege there")
    async def test_an_archive_behind_a_link_is_an_archive(self, tmp_path: Path) -> None:
        """`-o` may name a link to a directory on another disk."""
        (tmp_path / "disk").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "disk")
        storage = LocalStorage(tmp_path / "link")
        await put(storage, HERE, b"x")
        assert (tmp_path / "disk" / HERE).read_bytes() == b"x"

    async def test_only_files_of_the_archive_have_a_size(
        self, storage: Storage, tmp_path: Path
    ) -> None:
        """A folder has no size, nor has anything outside."""
        (tmp_path / "outside").write_bytes(b"x")
        await storage.save([("model_0/5/model.json", b"{}")])
        found = await storage.sizes(["model_0/5", "../outside", str(tmp_path / "outside")])
        assert found == [None, None, None]

    async def test_a_file_in_the_place_of_a_folder_is_told(
        self, storage: Storage, root: Path
    ) -> None:
        """A file that stands where a folder is due is no name that is taken, but an error."""
        await put(storage, "a.bin", b"x")
        (root / "model_0").write_bytes(b"in the way")
        for attempt in (
            put(storage, HERE, b"y", key="file:2:2"),
            storage.link("a.bin", HERE),
            storage.save([(HERE, b"y")]),
            storage.save_stream(HERE, pieces(b"y")),
        ):
            with pytest.raises(StorageUnfit):
                await attempt
        assert (root / "model_0").read_bytes() == b"in the way"

    # a disk that is full, denied or broken

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            (errno.ENOSPC, StorageFull),
            (errno.EDQUOT, StorageFull),
            (errno.EACCES, StorageDenied),
            (errno.EROFS, StorageDenied),
            (errno.EIO, StorageBroken),
            (errno.EFBIG, StorageUnfit),
            (errno.EMFILE, OutOfHandles),
            (errno.ENFILE, OutOfHandles),
            (errno.ESTALE, StorageBroken),
        ],
    )
    async def test_trouble_with_the_disk_is_named_by_what_to_do(
        self, storage: Storage, root: Path, monkeypatch, code: int, kind: type[StorageError]
    ) -> None:
        """A full disk, a missing permission, a broken disk and a scarcity are different errors."""

        def fail(*_):
            raise OSError(code, os.strerror(code))

        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            with monkeypatch.context() as broken:
                broken.setattr(os, "write", fail)
                await partial.write(b"small enough to wait")
                for attempt in (partial.sync(), partial.finish()):
                    with pytest.raises(StorageError) as told:
                        await attempt
                    assert kind is type(told.value)
            await partial.begin(0)
            await partial.write(b"x")
            with monkeypatch.context() as broken:
                broken.setattr(os, "fsync", fail)
                for attempt in (
                    partial.sync(),
                    partial.publish(HERE),
                    storage.prove(),
                    storage.save([("a/b.json", b"x")]),
                    storage.save_stream("a/b.json", pieces(b"x")),
                ):
                    with pytest.raises(StorageError) as told:
                        await attempt
                    assert kind is type(told.value)
        assert not (root / "a/b.json").exists()
        assert not (root / HERE).exists()

    def test_a_full_disk_and_a_denied_one_say_what_helps(self, root: Path, monkeypatch) -> None:
        """An error of the disk tells what to do about it."""

        def fail(*_):
            raise OSError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "scandir", fail)
        with pytest.raises(StorageDenied, match="Permission denied") as told:
            LocalStorage(root)
        assert "permissions" in told.value.hint

    async def test_a_write_that_takes_a_part_is_continued(
        self, storage: Storage, monkeypatch
    ) -> None:
        """A disk that takes a few bytes at a time gets all of them, in their order."""
        real = os.write
        monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:100_000]))
        await put(storage, HERE, LARGE)
        assert await storage.read(HERE) == LARGE

    async def test_a_full_disk_in_the_middle_of_a_write_doubles_no_byte(
        self, storage: Storage, monkeypatch
    ) -> None:
        """Bytes that reached the disk before it was full are not written again after it.

        That the error, and with it the bytes it met, is still held makes no difference.
        """
        real, calls = os.write, []

        def write(handle, data):
            calls.append(len(data))
            if len(calls) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(handle, data[:400_000])

        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            with monkeypatch.context() as full:
                full.setattr(os, "write", write)
                with pytest.raises(StorageFull) as held:
                    await partial.write(LARGE)
            durable = await partial.sync()
            assert held.value.__cause__ is not None
        async with storage.partial("file:1:1") as partial:
            await partial.begin(durable)
            measured = await partial.finish()
        assert sha256(LARGE[:durable]) == measured.sha256

    async def test_after_a_failed_fsync_nothing_of_the_file_is_believed(
        self, storage: Storage, monkeypatch
    ) -> None:
        """A failed sync marks pages as clean, so that a second one proves nothing."""

        def fail(*_):
            raise OSError(errno.EIO, "Input/output error")

        async with storage.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"a" * 700)
            with monkeypatch.context() as broken:
                broken.setattr(os, "fsync", fail)
                with pytest.raises(StorageError):
                    await partial.sync()
            for attempt in (partial.sync(), partial.publish(HERE)):
                with pytest.raises(StorageBroken):
                    await attempt
            assert [StorageBroken] == [type(end) for end in await storage.sync_all([partial])]
        # Nor does the next attempt continue it.
        async with storage.partial("file:1:1") as partial:
            assert partial.held == 0
        assert await storage.sizes([HERE]) == [None]

    async def test_what_somebody_wrote_into_a_partial_is_not_published(
        self, storage: Storage, scratch: Path
    ) -> None:
        """A file that is longer than what was measured, or another one, does not get the name."""
        for spoil in ("append", "swap"):
            async with storage.partial("file:1:1") as partial:
                await partial.begin(0)
                await partial.write(b"a" * 700)
                await partial.finish()
                (path,) = scratch.iterdir()
                if spoil == "append":
                    with path.open("ab") as file:
                        file.write(b"more")
                else:
                    path.rename(scratch / "kept.tmp")
                    path.write_bytes(b"b" * 700)
                with pytest.raises(StorageBroken):
                    await partial.publish(HERE)
                await partial.discard()
        assert await storage.sizes([HERE]) == [None]

    # order

    @pytest.fixture
    def recorder(self, root: Path) -> Recorder:
        return Recorder(root)

    @pytest.fixture
    def recorded(self, root: Path, recorder: Recorder) -> LocalStorage:
        storage = LocalStorage(root, system=recorder)
        recorder.events.clear()
        return storage

    async def test_a_file_is_durable_before_it_has_its_name(
        self, recorded: LocalStorage, recorder: Recorder
    ) -> None:
        """Bytes first, then the name, then the folder that holds it and all folders above."""
        await put(recorded, "model_0/5/a.bin", b"x")
        assert [("sync", "draft"), ("name", "model_0/5/a.bin")] == recorder.events[:2]
        folders = [("sync", "."), ("sync", "model_0"), ("sync", "model_0/5")]
        assert folders == sorted(recorder.events[2:])

    async def test_a_folder_is_made_durable_once(
        self, recorded: LocalStorage, recorder: Recorder
    ) -> None:
        """The second file of a folder costs one sync of that folder, not of those above."""
        await put(recorded, "model_0/5/a.bin", b"x")
        recorder.events.clear()
        await put(recorded, "model_0/5/b.bin", b"y", key="file:2:2")
        assert recorder.events == [
            ("sync", "draft"),
            ("name", "model_0/5/b.bin"),
            ("sync", "model_0/5"),
        ]

    async def test_a_folder_that_was_there_is_not_taken_for_durable(
        self, root: Path, recorded: LocalStorage, recorder: Recorder
    ) -> None:
        """A folder that a process made and died is made durable by the next one that uses it."""
        (root / "model_0/5").mkdir(parents=True)
        await put(recorded, "model_0/5/a.bin", b"x")
        folders = [("sync", "."), ("sync", "model_0"), ("sync", "model_0/5")]
        assert folders == sorted(recorder.events[2:])

    async def test_many_files_share_one_barrier(
        self, recorded: LocalStorage, recorder: Recorder
    ) -> None:
        """Of ten files all bytes are durable before the first name; each folder is synced once."""
        async with AsyncExitStack() as stack:
            partials = [
                await stack.enter_async_context(recorded.partial(f"image:{number}"))
                for number in range(10)
            ]
            for number, partial in enumerate(partials):
                await partial.begin(0)
                await partial.write(b"%d" % number)
                await partial.finish()
            await recorded.sync_all(partials)
            # Once each, whether they were finished or waited for the barrier.
            assert [("sync", "draft")] * 10 == recorder.events
            recorder.events.clear()
            paths = [f"gallery/{number % 2}/{number}.png" for number in range(10)]
            ends = await recorded.publish_all(list(zip(partials, paths, strict=True)))
        assert [None] * 10 == ends
        assert [("name", path) for path in paths] == recorder.events[:10]
        folders = [(".",), ("gallery",), ("gallery/0",), ("gallery/1",)]
        assert [("sync", name) for (name,) in folders] == sorted(recorder.events[10:])

    async def test_a_second_name_is_durable(
        self, recorded: LocalStorage, recorder: Recorder
    ) -> None:
        """The folders of a second name are synced after the name was given."""
        await put(recorded, "a.bin", b"x")
        recorder.events.clear()
        await recorded.link("a.bin", "b/c.bin")
        assert ("name", "b/c.bin") == recorder.events[0]
        assert [("sync", "."), ("sync", "b")] == sorted(recorder.events[1:])

    async def test_a_document_is_durable_before_it_has_its_name(
        self, recorded: LocalStorage, recorder: Recorder
    ) -> None:
        """A document is on disk before it replaces an older one, its folders are after."""
        await recorded.save([("a/b/c.json", b"x")])
        assert [("sync", "draft"), ("name", "a/b/c.json")] == recorder.events[:2]
        folders = [("sync", "."), ("sync", "a"), ("sync", "a/b")]
        assert folders == sorted(recorder.events[2:])

    async def test_a_large_document_is_durable_before_it_has_its_name(
        self, recorded: LocalStorage, recorder: Recorder
    ) -> None:
        """A list is on disk before it replaces an older one."""
        await recorded.save_stream("lists/a.json", pieces(b"x"))
        assert [("sync", "draft"), ("name", "lists/a.json")] == recorder.events[:2]
        assert [("sync", "."), ("sync", "lists")] == sorted(recorder.events[2:])

    async def test_a_checkpoint_is_durable(
        self, recorded: LocalStorage, recorder: Recorder
    ) -> None:
        """Bytes count as held only after they were synced, and their name with the first."""
        async with recorded.partial("file:1:1") as partial:
            await partial.begin(0)
            await partial.write(b"x")
            assert recorder.events == []
            assert await partial.sync() == 1
            assert ("sync", "draft") == recorder.events[0]
            named = {("sync", f"{STATE}/tmp"), ("sync", STATE), ("sync", ".")}
            assert named == set(recorder.events[1:])
            before = len(recorder.events)
            await partial.write(b"y")
            assert await partial.sync() == 2
            assert [("sync", "draft")] == recorder.events[before:]

    async def test_what_is_set_aside_is_durable_in_both_places(
        self, recorded: LocalStorage, recorder: Recorder
    ) -> None:
        """A file moved to corrupted/ is durably there, and durably gone from where it was."""
        await put(recorded, "model_0/a.bin", b"x")
        recorder.events.clear()
        await recorded.quarantine("model_0/a.bin", {})
        assert ("name", "corrupted/model_0-a.bin") == recorder.events[0]
        assert {("sync", "."), ("sync", "corrupted"), ("sync", "model_0")} <= set(recorder.events)


class Reluctant(System):
    """Holds the next write back until it is let go."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_held = False
        self.begun, self.may_go = anyio.Event(), threading.Event()

    def write(self, handle: int, data: bytes | memoryview) -> int:
        if self.is_held:
            self.is_held = False
            self.loop.call_soon_threadsafe(self.begun.set)
            assert self.may_go.wait(10)
        return super().write(handle, data)


async def test_a_checkpoint_and_the_frontier_take_turns(tmp_path: Path) -> None:
    """What a checkpoint is still writing is digested before the island that follows it."""
    system = Reluctant()
    async with LocalStorage(tmp_path, system=system).partial("file:1:1") as partial:
        await partial.begin(0)
        ahead = partial.ahead(300)
        await ahead.write(b"b" * 100)
        await ahead.flush()
        await partial.write(b"a" * 300)
        system.is_held = True
        async with anyio.create_task_group() as group:
            group.start_soon(partial.sync)
            await system.begun.wait()
            group.start_soon(partial.take_in, ahead.island)
            # Time enough for it to begin, if it does not wait for its turn.
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            system.may_go.set()
        assert 400 == partial.size
        measured = await partial.finish()
    assert hashlib.sha256(b"a" * 300 + b"b" * 100).hexdigest() == measured.sha256


class Recorder(System):
    """Notes what reaches the disk, in its order: syncs of files and folders, and names given."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events: list[tuple[str, str]] = []

    def _short(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def sync(self, handle: int) -> None:
        super().sync(handle)
        self.events.append(("sync", "draft"))

    def sync_folder(self, folder: Path) -> None:
        super().sync_folder(folder)
        self.events.append(("sync", self._short(folder)))

    def link(self, existing: Path, new: Path) -> None:
        super().link(existing, new)
        self.events.append(("name", self._short(new)))

    def move(self, existing: Path, new: Path) -> None:
        super().move(existing, new)
        self.events.append(("name", self._short(new)))

    def replace(self, existing: Path, new: Path) -> None:
        super().replace(existing, new)
        self.events.append(("name", self._short(new)))


chunks = st.lists(st.binary(max_size=2_000), max_size=6)


@given(first=chunks, second=chunks, kept=st.integers(0, 12_000), factor=st.sampled_from([1, 300]))
def test_however_a_file_comes_its_digest_is_that_of_its_bytes(
    tmp_path_factory, first, second, kept, factor
) -> None:
    """Any pieces, broken off and continued anywhere below, give the digest of the whole."""
    import asyncio

    storage = LocalStorage(tmp_path_factory.mktemp("archive"))

    async def run() -> None:
        async with storage.partial("a") as partial:
            await partial.begin(0)
            for chunk in first:
                await partial.write(chunk * factor)
            held = await partial.sync()
        offset = min(kept * factor, held)
        async with storage.partial("a") as partial:
            assert partial.held == held
            await partial.begin(offset, crc=True)
            for chunk in second:
                await partial.write(chunk * factor)
            measured = await partial.finish()
            await partial.publish("a.bin")
        whole = b"".join(chunk * factor for chunk in first)[:offset]
        whole += b"".join(chunk * factor for chunk in second)
        assert (len(whole), sha256(whole)) == (measured.size, measured.sha256)
        assert f"{zlib.crc32(whole):08x}" == measured.crc32
        assert (whole[:4096], whole[-4096:] if whole else b"") == (measured.head, measured.tail)
        assert await storage.read("a.bin") == whole

    asyncio.run(run())
