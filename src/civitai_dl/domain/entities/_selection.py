"""Which part of everything is wanted."""

from __future__ import annotations

from dataclasses import dataclass

from ._gallery import ALL_LEVELS


@dataclass(frozen=True, slots=True)
class Selection:
    """What to fetch of each target.

    gallery_limit: newest N images per model gallery, None for all. levels: bit mask of ratings.
    """

    files: bool = True
    images: bool = True
    gallery: bool = True
    gallery_limit: int | None = None
    levels: int = ALL_LEVELS

    @property
    def galleries(self) -> bool:
        """Whether model galleries are asked for."""
        return self.images and self.gallery

    @property
    def user_images(self) -> bool:
        """Whether the images of a creator are asked for.

        `--no-gallery` means that the Image API is not asked at all, so it covers these too.
        """
        return self.images and self.gallery
