"""`python -m civitai_dl` and the command `civitai-dl`."""

from civitai_dl.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
