"""The words that the API knows; they grow with time [server source]."""

from __future__ import annotations

MODEL_TYPES = (
    "Checkpoint", "TextualInversion", "Hypernetwork", "AestheticGradient", "LORA", "LoCon", "DoRA",
    "Controlnet", "Upscaler", "MotionModule", "VAE", "TextEncoder", "UNet", "CLIPVision", "Poses",
    "Wildcards", "Workflows", "ComfyWorkflows", "Detection", "VisionLanguage", "CLIP", "LLM",
    "Other",
)  # fmt: skip
FILE_KINDS = (
    "Model", "Pruned Model", "Text Encoder", "Vision Encoder", "Negative", "Training Data", "VAE",
    "Config", "Archive", "UNet", "Diffusion Model", "CLIPVision", "ControlNet", "Workflow",
    "Upscaler", "Enhancement LoRA", "Other",
)  # fmt: skip
FILE_FORMATS = (
    "SafeTensor", "PickleTensor", "GGUF", "Diffusers", "Core ML", "ONNX", "Other",
)  # fmt: skip
BASE_MODELS = (
    "SD 1.4", "SD 1.5", "SD 2.0", "SD 2.1", "SDXL 0.9", "SDXL 1.0", "SDXL Turbo", "SDXL Lightning",
    "SD 3", "SD 3.5", "Pony", "Illustrious", "NoobAI", "Flux.1 D", "Flux.1 S", "Krea 2", "Chroma",
    "Qwen", "Wan Video", "Other",
)  # fmt: skip
MODEL_SORTS = (
    "Highest Rated", "Most Downloaded", "Most Liked", "Most Discussed", "Most Collected",
    "Most Images", "Newest", "Oldest",
)  # fmt: skip
IMAGE_SORTS = (
    "Most Reactions", "Most Comments", "Most Collected", "Newest", "Oldest", "Random",
)  # fmt: skip
ALL_TIME = "AllTime"  # codespell:ignore
PERIODS = {ALL_TIME: None, "Year": 365, "Month": 30, "Week": 7, "Day": 1}
"""Days back from now; None is no bound."""
BOOLEANS = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip
COMMERCIAL = ("None", "Image", "RentCivit", "Rent", "Sell")
