"""The simulated Civitai in a process of its own; its links lead to nginx. Driven by _stage.py.

    python bench/_fake_process.py WORLD AMOUNT BODIES ROOT

Writes the bytes of the world below ROOT for nginx, says what there is in one line of JSON, and then
answers each line of its input with one line: what was asked of the API since the line before.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from _worlds import USER, WORLDS, Amount

from civitai_dl.testing import FakeCivitai, FakeOptions

PIECE = 8 << 20


def main() -> None:
    """Serve until the input ends."""
    name, amount, bodies, root = sys.argv[1:]
    world = WORLDS[name](Amount(**json.loads(amount)))
    # The edge of the service is no part of these benchmarks, nor are its quotas. One store, so
    # that each file lies on the disk once.
    fake = FakeCivitai(world, options=FakeOptions(bodies=bodies, stores=("r2",)))
    with fake.in_thread():
        told = {"base_url": fake.base_url, **_written(fake, Path(root))}
        _say(told)
        for _ in sys.stdin:
            _say(_account(fake))


def _written(fake: FakeCivitai, root: Path) -> dict[str, object]:
    """Write all bytes, and tell of them. Digests are worked out now, not at the first question."""
    truth = fake.world.truth
    files = {f".x{file.file_id}.": file.sha256.lower() for file in truth.files()}
    things = []
    for path, body in fake.copies():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as out:
            for start in range(0, body.size, PIECE):
                out.write(body.read(start, start + PIECE))
        digest = next((digest for mark, digest in files.items() if mark in path), None)
        things.append({"path": path, "size": body.size, "sha256": digest})
    return {
        "things": things,
        "models": [model.id for model in fake.world.models],
        "user": USER,
    }


def _account(fake: FakeCivitai) -> dict[str, object]:
    """How many requests there were, and the time from the first to the last, in seconds."""
    moments = sorted(seen.at for seen in fake.account.of(origin="api"))
    fake.account.clear()
    span = moments[-1] - moments[0] if moments else 0.0
    return {"requests": len(moments), "seconds": span}


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
