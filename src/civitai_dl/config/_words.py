"""Words of the service that a person may choose by, and what to do with others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from civitai_dl.domain.entities import MODEL_TYPES
from civitai_dl.errors import ConfigError

FILE_TYPES = (
    *("Model", "Pruned Model", "Text Encoder", "Vision Encoder", "Negative", "Training Data"),
    *("VAE", "Config", "Archive", "UNet", "Diffusion Model", "CLIPVision", "ControlNet"),
    *("Workflow", "Upscaler", "Enhancement LoRA", "Other"),
)
FORMATS = ("SafeTensor", "PickleTensor", "GGUF", "Diffusers", "Core ML", "ONNX", "Other")
PRECISIONS = ("fp32", "fp16", "bf16", "fp8", "nf4", "int8", "int4")
"""As the service lists them; each of these lists grows (server source)."""

KNOWN_WORDS: Mapping[str, Sequence[str]] = {
    "types": MODEL_TYPES,
    "file_types": FILE_TYPES,
    "formats": FORMATS,
    "fp": PRECISIONS,
}
"""By the name of the setting."""

LIKENESS = 0.75
"""How much alike two words are before one is taken for a slip of the other."""

EXACTLY = "="
"""Before a word that is meant as it stands."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one option. strange: those of them that are new to us."""

    words: tuple[str, ...]
    strange: tuple[str, ...] = ()


def read_words(name: str, values: Iterable[object], known: Sequence[str] = ()) -> Words:
    """Words with commas, or one by one, in the service's own case; all that is unknown is kept.

    known: the words of the service, as far as they are known; empty where they are not. Raises:
    ConfigError for none at all, and for a word that looks like a slip of a known one.
    """
    texts = [word.strip() for value in values for word in _apart(value)]
    found = [word for word in texts if word]
    if not found:
        raise ConfigError(f"{name} names nothing", hint="leave it out to have everything")
    by_case = {word.casefold(): word for word in known}
    words: list[str] = []
    strange: list[str] = []
    for word in found:
        meant = word.removeprefix(EXACTLY).strip()
        said = by_case.get(meant.casefold(), meant)
        if known and meant.casefold() not in by_case:
            if not word.startswith(EXACTLY):
                _doubt(name, meant, by_case)
            strange.append(said)
        words.append(said)
    return Words(tuple(dict.fromkeys(words)), tuple(dict.fromkeys(strange)))


def _apart(value: object) -> list[str]:
    if isinstance(value, (list, tuple)):
        return [word for one in value for word in _apart(one)]
    return str(value).split(",")


def _doubt(name: str, word: str, known: dict[str, str]) -> None:
    # What takes words as they should be does without it.
    from difflib import get_close_matches

    near = get_close_matches(word.casefold(), known, n=1, cutoff=LIKENESS)
    if near:
        raise ConfigError(
            f"{name}: {word!r} looks like {known[near[0]]!r}",
            hint=f"{EXACTLY}{word} takes it as it stands",
        )
