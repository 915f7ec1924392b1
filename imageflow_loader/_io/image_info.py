"""What a picture's header says, as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._value import Value

if TYPE_CHECKING:
    from ..types import PixelFormat


class ImageInfo(Value):
    """What a picture's header says."""

    width: int
    """In pixels, as displayed: after EXIF orientation."""
    height: int
    """In pixels, as displayed: after EXIF orientation."""
    mime_type: str
    """For instance "image/jpeg"."""
    extension: str
    """Without a dot, for instance "jpg"."""
    pixel_format: PixelFormat
    """"bgra_32" when the picture may have transparency, else "bgr_32"."""
    lossless: bool
    """Whether the file's coding lost nothing; false for a palette."""
    frames: int = 1
    """How many pictures an animation has; as many as are there, if it is cut off."""
    orientation: int = 1
    """The EXIF flag, 1 to 8; a JPEG with 5 to 8 is stored on its side."""

    @property
    def multiple_frames(self) -> bool:
        """Whether it is an animation."""
        return self.frames > 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6

    def to_json(self) -> dict[str, Any]:
        """Return it as the engine's `image_info` has it."""
        return {
            "preferred_mime_type": self.mime_type,
            "preferred_extension": self.extension,
            "image_width": self.width,
            "image_height": self.height,
            "frame_decodes_into": self.pixel_format,
            "lossless": self.lossless,
            "multiple_frames": self.multiple_frames,
        }
