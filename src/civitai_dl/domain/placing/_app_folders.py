"""Where an application looks for a file of a model.

The folders are those that the applications themselves have in their code: A1111 and Forge
(`modules/cmd_args.py`), ComfyUI (`folder_paths.py`), SwarmUI (`src/Core/Settings.cs`), Stability
Matrix (`SharedFolderType.cs`; it also has the rule that a file's type goes before its model's).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Union

from ..decisions._names import split_extension


class Layout(str, Enum):
    """The applications whose folders are known; the value is the word of `--layout`."""

    A1111 = "a1111"
    FORGE = "forge"
    COMFYUI = "comfyui"
    SWARMUI = "swarmui"
    STABILITYMATRIX = "stabilitymatrix"


class NoPlace(str, Enum):
    """Why a file has no place; the value is the word of `--json`."""

    TRAINING_DATA = "training_data"
    PACKED = "packed"
    NO_FOLDER = "no_folder"
    NOT_LOADED = "not_loaded"
    LONE_CONFIG = "lone_config"
    UNKNOWN_MODEL = "unknown_model"


@dataclass(frozen=True, slots=True)
class Home:
    """Where a file belongs.

    kind: its type, which decided. folders: below the application's own folder, the first is the
    one to be made when none is there; an absolute one where somebody named it. beside: it takes the
    name of the weights that it lies beside.
    """

    kind: str
    folders: tuple[str, ...]
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Nowhere:
    """It has no place. kind: the type that decided."""

    why: NoPlace
    kind: str


_FILE_KINDS: Final = {
    "vae": "VAE",
    "text encoder": "TextEncoder",
    "vision encoder": "CLIPVision",
    "clipvision": "CLIPVision",
    "unet": "UNet",
    "diffusion model": "UNet",
    "controlnet": "Controlnet",
    "upscaler": "Upscaler",
    "enhancement lora": "LORA",
    "negative": "TextualInversion",
    "workflow": "Workflows",
    "config": "Config",
}
"""Types of files that say by themselves what the file is, whatever the model is."""

_LIKE_MODEL: Final = frozenset({"", "model", "pruned model"})
"""Types of files that are what their model is."""

KINDS: Final = (
    *("Checkpoint", "UNet", "LORA", "LoCon", "DoRA", "TextualInversion", "VAE", "Controlnet"),
    *("Hypernetwork", "Upscaler", "TextEncoder", "CLIPVision", "Config", "MotionModule"),
    *("AestheticGradient", "Poses", "Wildcards", "Workflows", "Detection", "VisionLanguage"),
    *("LLM", "Other"),
)
"""The types by which folders may be named: those of the service, and Config, a file's."""

_MODEL_KINDS: Final = {
    **{name.lower(): name for name in KINDS},
    "clip": "TextEncoder",
    "comfyworkflows": "Workflows",
}

_WEIGHTS: Final = frozenset(
    {".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".gguf", ".onnx"}
)
"""What at least one of the applications loads."""

_PACKED: Final = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})
_CONFIGS: Final = frozenset({".yaml", ".yml"})

_TOP: Final = {
    Layout.A1111: "models",
    Layout.FORGE: "models",
    Layout.COMFYUI: "models",
    Layout.SWARMUI: "Models",
    Layout.STABILITYMATRIX: "Models",
}

_A1111: Final[dict[str, tuple[str, ...]]] = {
    "Checkpoint": ("models/Stable-diffusion",),
    "LORA": ("models/Lora",),
    "LoCon": ("models/Lora",),
    "DoRA": ("models/Lora",),
    "TextualInversion": ("embeddings",),
    "VAE": ("models/VAE",),
    "Controlnet": ("models/ControlNet",),
    "Hypernetwork": ("models/hypernetworks",),
    "Upscaler": ("models/ESRGAN",),
}

_FOLDERS: Final[dict[Layout, dict[str, tuple[str, ...]]]] = {
    Layout.A1111: _A1111,
    Layout.FORGE: {
        **_A1111,
        # The second is where Forge Neo has them.
        "TextualInversion": ("embeddings", "models/embeddings"),
        "UNet": ("models/Stable-diffusion",),
        "TextEncoder": ("models/text_encoder",),
    },
    Layout.COMFYUI: {
        "Checkpoint": ("models/checkpoints",),
        # The second is the old name, which ComfyUI still reads.
        "UNet": ("models/diffusion_models", "models/unet"),
        "LORA": ("models/loras",),
        "LoCon": ("models/loras",),
        "DoRA": ("models/loras",),
        "TextualInversion": ("models/embeddings",),
        "VAE": ("models/vae",),
        "Controlnet": ("models/controlnet",),
        "Hypernetwork": ("models/hypernetworks",),
        "Upscaler": ("models/upscale_models",),
        "TextEncoder": ("models/text_encoders", "models/clip"),
        "CLIPVision": ("models/clip_vision",),
        "Config": ("models/configs",),
    },
    Layout.SWARMUI: {
        "Checkpoint": ("Models/Stable-Diffusion",),
        "UNet": ("Models/diffusion_models",),
        "LORA": ("Models/Lora",),
        "LoCon": ("Models/Lora",),
        "DoRA": ("Models/Lora",),
        "TextualInversion": ("Models/Embeddings",),
        "VAE": ("Models/VAE",),
        "Controlnet": ("Models/controlnet",),
        "Upscaler": ("Models/upscale_models",),
        "TextEncoder": ("Models/clip",),
        "CLIPVision": ("Models/clip_vision",),
    },
    Layout.STABILITYMATRIX: {
        "Checkpoint": ("Models/StableDiffusion",),
        "UNet": ("Models/DiffusionModels",),
        "LORA": ("Models/Lora",),
        "DoRA": ("Models/Lora",),
        "LoCon": ("Models/LyCORIS",),
        "TextualInversion": ("Models/Embeddings",),
        "VAE": ("Models/VAE",),
        "Controlnet": ("Models/ControlNet",),
        "Hypernetwork": ("Models/Hypernetwork",),
        "Upscaler": ("Models/ESRGAN",),
        "TextEncoder": ("Models/TextEncoders",),
        "CLIPVision": ("Models/ClipVision",),
    },
}

_BESIDE: Final = frozenset({Layout.A1111, Layout.FORGE, Layout.STABILITYMATRIX})
"""Applications that look for a config beside its checkpoint, under the same stem."""

CONFIGURED: Final = frozenset({"Checkpoint", "UNet"})
"""The types that a config may belong to."""


def known_kind(text: str) -> str | None:
    """The type that a text names, in the service's own spelling; None for no type we know."""
    return _MODEL_KINDS.get(text.strip().lower())


def find_home(
    layout: Layout,
    model_kind: str,
    file_kind: str | None,
    name: str,
    given: Mapping[str, str],
) -> Union[Home, Nowhere]:
    """Where an application looks for a file.

    model_kind: the model's type as the service has it. file_kind: the file's; None when the service
    lists the file no more, and its name has to tell. given: folders that somebody named, by type;
    they go before the application's own. Training data and archives have no place anywhere.
    """
    extension = split_extension(name)[1].lower()
    listed = (_guessed(name) if file_kind is None else file_kind).strip().lower()
    if listed == "training data":
        return Nowhere(NoPlace.TRAINING_DATA, "Training Data")
    if listed == "archive" or extension in _PACKED:
        return Nowhere(NoPlace.PACKED, "Archive")
    kind = _kind_of(model_kind, listed, file_kind or "")
    if kind == "Checkpoint" and extension == ".gguf":
        # A GGUF file holds the diffusion model alone, and is loaded as such.
        kind = "UNet"
    if kind in given:
        return Home(kind, (given[kind],))
    if kind == "Config" and layout in _BESIDE and extension in _CONFIGS:
        return Home(kind, (), beside=True)
    folders = _FOLDERS[layout].get(kind)
    if folders is None:
        return Nowhere(NoPlace.NO_FOLDER, kind)
    if extension not in (_CONFIGS if kind == "Config" else _WEIGHTS):
        return Nowhere(NoPlace.NOT_LOADED, kind)
    return Home(kind, folders)


def _kind_of(model_kind: str, listed: str, file_kind: str) -> str:
    if listed in _FILE_KINDS:
        return _FILE_KINDS[listed]
    if listed in _LIKE_MODEL:
        return known_kind(model_kind) or model_kind
    return known_kind(listed) or file_kind


def _guessed(name: str) -> str:
    """What a file's name tells of its type, where nobody lists it any more."""
    low = name.lower()
    if "_trainingdata." in low:
        return "training data"
    if ".vae." in low:
        return "vae"
    return "config" if split_extension(low)[1] in _CONFIGS else ""


class RootVerdict(Enum):
    """Whether a directory looks like an application."""

    FITS = "fits"
    IS_WITHIN = "its parent is meant"
    OTHER = "other"


def judge_root(layout: Layout, names: Collection[str]) -> RootVerdict:
    """Whether a directory with these names right in it looks like the application."""
    if _TOP[layout] in names:
        return RootVerdict.FITS
    table = _FOLDERS[layout].values()
    inside = {folder.rpartition("/")[2] for folders in table for folder in folders}
    return RootVerdict.IS_WITHIN if inside.intersection(names) else RootVerdict.OTHER


def models_folder(layout: Layout) -> str:
    """The folder by which an application is known."""
    return _TOP[layout]
