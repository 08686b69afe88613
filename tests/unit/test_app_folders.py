"""Where each application looks for each type of file."""

import pytest

from civitai_dl.domain.placing import (
    KINDS,
    Home,
    Layout,
    NoPlace,
    Nowhere,
    RootVerdict,
    find_home,
    judge_root,
    known_kind,
    models_folder,
)

NONE = None

TABLE = {
    # type: folders of a1111, forge, comfyui, swarmui, stabilitymatrix
    "Checkpoint": (
        "models/Stable-diffusion",
        "models/Stable-diffusion",
        "models/checkpoints",
        "Models/Stable-Diffusion",
        "Models/StableDiffusion",
    ),
    "LORA": ("models/Lora", "models/Lora", "models/loras", "Models/Lora", "Models/Lora"),
    "DoRA": ("models/Lora", "models/Lora", "models/loras", "Models/Lora", "Models/Lora"),
    "LoCon": ("models/Lora", "models/Lora", "models/loras", "Models/Lora", "Models/LyCORIS"),
    "TextualInversion": (
        "embeddings",
        "embeddings",
        "models/embeddings",
        "Models/Embeddings",
        "Models/Embeddings",
    ),
    "VAE": ("models/VAE", "models/VAE", "models/vae", "Models/VAE", "Models/VAE"),
    "Controlnet": (
        "models/ControlNet",
        "models/ControlNet",
        "models/controlnet",
        "Models/controlnet",
        "Models/ControlNet",
    ),
    "Hypernetwork": (
        "models/hypernetworks",
        "models/hypernetworks",
        "models/hypernetworks",
        NONE,
        "Models/Hypernetwork",
    ),
    "Upscaler": (
        "models/ESRGAN",
        "models/ESRGAN",
        "models/upscale_models",
        "Models/upscale_models",
        "Models/ESRGAN",
    ),
    "UNet": (
        NONE,
        "models/Stable-diffusion",
        "models/diffusion_models",
        "Models/diffusion_models",
        "Models/DiffusionModels",
    ),
    "TextEncoder": (
        NONE,
        "models/text_encoder",
        "models/text_encoders",
        "Models/clip",
        "Models/TextEncoders",
    ),
    "CLIPVision": (NONE, NONE, "models/clip_vision", "Models/clip_vision", "Models/ClipVision"),
    **dict.fromkeys(
        (
            *("MotionModule", "AestheticGradient", "Poses", "Wildcards", "Workflows"),
            *("Detection", "VisionLanguage", "LLM", "Other"),
        ),
        (NONE,) * 5,
    ),
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Config"])
@pytest.mark.parametrize("layout", list(Layout))
def test_each_type_has_its_folder_or_a_reason(layout: Layout, kind: str) -> None:
    """A model file of every type: the application's own folder, or that it has none."""
    expected = TABLE[kind][list(Layout).index(layout)]
    found = find_home(layout, kind, "Model", "a.safetensors", {})
    if expected is None:
        assert Nowhere(NoPlace.NO_FOLDER, kind) == found
    else:
        assert isinstance(found, Home)
        assert (kind, expected, False) == (found.kind, found.folders[0], found.beside)


@pytest.mark.parametrize(
    ("file_kind", "kind"),
    [
        ("Model", "Checkpoint"),
        ("Pruned Model", "Checkpoint"),
        ("VAE", "VAE"),
        ("Text Encoder", "TextEncoder"),
        ("Vision Encoder", "CLIPVision"),
        ("CLIPVision", "CLIPVision"),
        ("UNet", "UNet"),
        ("Diffusion Model", "UNet"),
        ("ControlNet", "Controlnet"),
        ("Upscaler", "Upscaler"),
        ("Enhancement LoRA", "LORA"),
        ("Negative", "TextualInversion"),
        ("Workflow", "Workflows"),
        ("Other", "Other"),
        ("Something New", "Something New"),
    ],
)
def test_the_type_of_the_file_goes_before_that_of_the_model(file_kind: str, kind: str) -> None:
    """In a checkpoint's version each file goes where its own type says."""
    found = find_home(Layout.COMFYUI, "Checkpoint", file_kind, "a.safetensors", {})
    assert kind == found.kind


@pytest.mark.parametrize(
    ("model_kind", "kind"), [("CLIP", "TextEncoder"), ("ComfyWorkflows", "Workflows")]
)
def test_some_types_have_two_names(model_kind: str, kind: str) -> None:
    """Types that the service calls in two ways are one."""
    assert kind == find_home(Layout.COMFYUI, model_kind, "Model", "a.pth", {}).kind


def test_a_type_that_nobody_knows_is_told_by_its_name() -> None:
    """The service's list of types grows: a new one has no folder, and is named."""
    found = find_home(Layout.COMFYUI, "Hologram", "Model", "a.safetensors", {})
    assert Nowhere(NoPlace.NO_FOLDER, "Hologram") == found


@pytest.mark.parametrize("given", [{}, {"Checkpoint": "x", "Other": "y"}])
@pytest.mark.parametrize(
    ("file_kind", "name", "why"),
    [
        ("Training Data", "a.zip", NoPlace.TRAINING_DATA),
        ("Training Data", "a.safetensors", NoPlace.TRAINING_DATA),
        (None, "a_trainingData.zip", NoPlace.TRAINING_DATA),
        ("Archive", "a.bin", NoPlace.PACKED),
        ("Model", "a.ZIP", NoPlace.PACKED),
        (None, "a.7z", NoPlace.PACKED),
    ],
)
def test_training_data_and_archives_are_never_placed(
    file_kind: str | None, name: str, why: NoPlace, given: dict[str, str]
) -> None:
    """Not even where somebody names a folder for the model's type."""
    found = find_home(Layout.A1111, "Checkpoint", file_kind, name, given)
    assert isinstance(found, Nowhere)
    assert why is found.why


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.safetensors", "LORA"), ("a.vae.pt", "VAE"), ("a.yaml", "Config")],
)
def test_a_file_that_is_not_listed_any_more_is_judged_by_its_name(name: str, kind: str) -> None:
    """Of an archived model the service lists no files; their names tell enough."""
    assert kind == find_home(Layout.COMFYUI, "LORA", None, name, {}).kind


def test_a_gguf_checkpoint_is_a_diffusion_model() -> None:
    """GGUF is loaded as a diffusion model, which A1111 cannot."""
    found = find_home(Layout.COMFYUI, "Checkpoint", "Model", "a.gguf", {})
    assert Home("UNet", ("models/diffusion_models", "models/unet")) == found
    found = find_home(Layout.A1111, "Checkpoint", "Model", "a.gguf", {})
    assert Nowhere(NoPlace.NO_FOLDER, "UNet") == found


@pytest.mark.parametrize("layout", list(Layout))
def test_a_config_lies_beside_its_checkpoint_or_in_a_folder_of_its_own(layout: Layout) -> None:
    """A1111, Forge and Stability Matrix look beside the weights, ComfyUI in models/configs."""
    found = find_home(layout, "Checkpoint", "Config", "a.yaml", {})
    if layout is Layout.COMFYUI:
        assert Home("Config", ("models/configs",)) == found
    elif layout is Layout.SWARMUI:
        assert Nowhere(NoPlace.NO_FOLDER, "Config") == found
    else:
        assert Home("Config", (), beside=True) == found
    odd = find_home(layout, "Checkpoint", "Config", "a.txt", {})
    assert isinstance(odd, Nowhere)


def test_what_no_application_loads_has_no_place() -> None:
    """A text in a LoRA's version is no LoRA."""
    found = find_home(Layout.A1111, "LORA", "Model", "readme.txt", {})
    assert Nowhere(NoPlace.NOT_LOADED, "LORA") == found


def test_a_folder_that_somebody_names_goes_before_the_table() -> None:
    """--folder also gives a place to types that have none, whatever their files are called."""
    given = {"LORA": "models/Lora/civitai", "Wildcards": "extensions/wildcards"}
    found = find_home(Layout.A1111, "LORA", "Model", "a.safetensors", given)
    assert Home("LORA", ("models/Lora/civitai",)) == found
    found = find_home(Layout.A1111, "Wildcards", "Model", "a.txt", given)
    assert Home("Wildcards", ("extensions/wildcards",)) == found


def test_types_are_known_in_any_case() -> None:
    """As people type them."""
    assert "MotionModule" == known_kind(" motionmodule ")
    assert None is known_kind("hologram")
    assert all(kind == known_kind(kind) for kind in KINDS)


def test_a_folder_is_known_for_an_application_by_its_models() -> None:
    """The application's folder has models/ in it; the models' own folder is a usual mistake."""
    assert RootVerdict.FITS is judge_root(Layout.COMFYUI, ["models", "main.py"])
    assert RootVerdict.IS_WITHIN is judge_root(Layout.COMFYUI, ["loras", "vae"])
    assert RootVerdict.OTHER is judge_root(Layout.SWARMUI, ["models"])
    assert "Models" == models_folder(Layout.SWARMUI)
