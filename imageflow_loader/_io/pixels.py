"""Bridges to numpy and Pillow, which are imported only when one is crossed."""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import TYPE_CHECKING, Final, TypeAlias

from .._value import Value
from ..errors import SourceError
from .sources import reason, source_name

if TYPE_CHECKING:
    from dataclasses import KW_ONLY

    import numpy as np
    import PIL.Image
    from numpy.typing import NDArray

    from ..types import SupportsRead

    # For annotations elsewhere: this module is the only door to the two packages.
    Pixels: TypeAlias = NDArray[np.uint8]
    PilImage: TypeAlias = PIL.Image.Image

_COLOUR_TYPES: Final = {1: 0, 3: 2, 4: 6}  # channels → PNG's grey, RGB, RGBA


class Source(Value):
    """Where an encoded picture comes from, where its type alone does not say it.

    Bytes, paths and binary streams are sources themselves; this is for pixels, and for
    streams that are to be read from their beginning. What is made of pixels is a copy:
    it compares by value and can be pickled.
    """

    value: bytes | str | os.PathLike[str] | SupportsRead
    """Bytes, a path, or a stream."""
    _: KW_ONLY
    rewind: bool = False
    """Whether a stream is read from its beginning."""

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Source:
        """Return a source of a copy of *data*."""
        return cls(bytes(data))

    @classmethod
    def from_path(cls, path: str | os.PathLike[str]) -> Source:
        """Return a source of the file at *path*, which is read when the job runs."""
        return cls(os.fspath(path))

    @classmethod
    def from_file(cls, file: SupportsRead, *, rewind: bool = False) -> Source:
        """Return a source of a binary stream, read from its beginning if *rewind*."""
        return cls(file, rewind=rewind)

    @classmethod
    def from_array(cls, array: Pixels) -> Source:
        """Return a source of sRGB pixels.

        Args:
            array: uint8 of shape h × w (grey), h × w × 3 or h × w × 4 (alpha last, not
                premultiplied).

        Raises:
            TypeError: It is no array, or not of uint8.
            ValueError: It has another shape, or no pixel.
        """
        if str(dtype := getattr(array, "dtype", type(array).__name__)) != "uint8":
            raise TypeError(f"pixels are an array of uint8, 0 to 255, not {dtype}")
        h, w, channels = (*array.shape, 1, 1, 1)[:3]
        if array.ndim not in (2, 3) or channels not in _COLOUR_TYPES or not array.size:
            raise ValueError(
                "pixels have the shape h × w, h × w × 3 or h × w × 4, "
                f"not {array.shape}"
            )
        return cls(_png(w, h, channels, array.tobytes()))

    @classmethod
    def from_pil(cls, image: PilImage) -> Source:
        """Return a source of a Pillow image: its pixels, in sRGB as they are.

        Raises:
            TypeError: It is no image of Pillow's.
            ValueError: Its mode does not say which number is white.
        """
        if not hasattr(image, "getbands"):
            raise TypeError(f"an image of Pillow's, not {image!r:.80}")
        mode, has_alpha = image.mode, "transparency" in image.info
        if mode in ("I", "F"):
            raise ValueError(
                f"mode {mode!r} does not say which number is white: convert the image "
                "first, to 'L' or 'I;16'"
            )
        if mode.startswith("I;16"):  # which a PNG holds as it is
            png = io.BytesIO()
            image = image.convert("I").convert("I;16")  # from any order of bytes
            image.save(png, "PNG", compress_level=0, icc_profile=None)
            return cls(png.getvalue())
        if mode not in ("L", "RGB", "RGBA") or has_alpha:
            has_alpha |= mode[-1] in "Aa" or getattr(image.palette, "mode", 0) == "RGBA"
            image = image.convert("LA") if mode == "La" else image
            image = image.convert("RGBA" if has_alpha else "RGB")
        return cls(_png(*image.size, len(image.getbands()), image.tobytes()))

    def opened(self) -> bytes | str | os.PathLike[str] | SupportsRead:
        """Return what is to be read.

        Raises:
            SourceError: It cannot be rewound, though that is asked for.
            TypeError: It is not a kind of thing that can be.
        """
        if self.rewind:
            try:
                self.value.seek(0)  # type: ignore[union-attr]  # asked for: it can
            except AttributeError as error:
                raise TypeError(
                    f"rewind=True is for streams that can seek, not {self.value!r:.80}"
                ) from error
            except (OSError, ValueError) as error:
                raise SourceError(
                    f"{source_name(self.value)} cannot be rewound: "
                    f"{reason(error, self.value, 'seeking')}."
                ) from error
        return self.value

    def __repr__(self) -> str:
        return f"Source({self.value!r:.40}, rewind={self.rewind})"


def _png(w: int, h: int, channels: int, pixels: bytes) -> bytes:
    """Return a PNG of packed 8-bit *pixels*, stored rather than packed: it is fast."""
    stride = w * channels
    rows = b"".join(
        b"\0" + pixels[start : start + stride] for start in range(0, h * stride, stride)
    )
    header = struct.pack(">IIBBBBB", w, h, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(f">I4s{len(data)}sI", len(data), tag, data, zlib.crc32(tag + data))
        for tag, data in chunks
    )


def to_pil(data: bytes) -> PilImage:
    """Return an encoded picture as a Pillow image, loaded.

    Raises:
        ImportError: Pillow is not installed.
    """
    import PIL.Image

    image = PIL.Image.open(io.BytesIO(data))
    image.load()
    key, most = image.info.get("transparency"), 2 ** data[24] - 1
    if image.format == "PNG" and data[25] == 0 and key and key <= most < 255:
        # Of grey with 1, 2 or 4 bits Pillow scales the samples, but not always the key.
        image.info["transparency"] = key * 255 // most
    return image


def to_numpy(data: bytes) -> Pixels:
    """Return an encoded picture as an array h × w × 3, or × 4 if it has transparency.

    Raises:
        ImportError: numpy or Pillow is not installed.
    """
    import numpy as np

    image = to_pil(data)
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    pixels: Pixels = np.asarray(
        image.convert("RGBA" if has_alpha else "RGB"), dtype=np.uint8
    )
    return pixels
