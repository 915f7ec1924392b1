"""What the first bytes of a JPEG, PNG, GIF or WebP say, read without any engine.

The answers are those of the engine's `v1/get_image_info`, except the number of frames,
which is counted: the official engine says of every GIF that it has one. Any bytes give
an `ImageInfo` or an `ImageDecodeError`, and soon: a file of tiny parts beyond number,
which only an attacker makes, is not read to its end.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn

from .._value import Value
from ..errors import ImageDecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..types import PixelFormat

    Order = Literal["big", "little"]


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


def sniff(head: bytes | bytearray | memoryview) -> str | None:
    """Return the mime type that the first 12 bytes of a file announce.

    Args:
        head: The beginning of a file, or all of it.

    Returns:
        "image/jpeg", "image/png", "image/gif" or "image/webp", whatever follows;
        None for anything else.
    """
    start = bytes(head[:12])
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if start.startswith(b"RIFF") and start[8:] == b"WEBP":
        return "image/webp"
    return None


def read_header(data: bytes | memoryview, *, name: str = "the input") -> ImageInfo:
    """Return what the header of a picture says.

    Args:
        data: The whole file, since the frames of a GIF are counted to its end.
        name: What an error calls it.

    Raises:
        ImageDecodeError: It is no picture that an engine reads, or its header is
            damaged or cut off.
    """
    mime_type = sniff(data)
    if mime_type is None:
        raise ImageDecodeError(
            f"{name} is not a JPEG, PNG, GIF or WebP: it begins with "
            f"{bytes(data[:12])!r}.",
            kind="NoEnabledDecoderFound",
        )
    read, extension, kind = _READERS[mime_type]
    try:
        found = read(_Bytes(data))
        if not found.width or not found.height:
            _damaged(f"its size is {found.width}×{found.height}")
    except _DamagedError as damage:
        raise ImageDecodeError(
            f"{name}, by its first bytes {mime_type}, cannot be read: {damage}.",
            kind=kind,
        ) from None
    return ImageInfo(
        found.width,
        found.height,
        mime_type,
        extension,
        "bgra_32" if found.alpha else "bgr_32",
        found.lossless,
        max(found.frames, 1),
        found.orientation,
    )


class _Found(NamedTuple):
    """What one of the readers has found."""

    width: int
    height: int
    alpha: bool = False
    lossless: bool = False
    frames: int = 1
    orientation: int = 1


class _DamagedError(Exception):
    """A header says what no header can say; the text is the end of a sentence."""


def _damaged(what: str) -> NoReturn:
    raise _DamagedError(what)


_PARTS_OF_ANY_FILE: Final = 2**18
_LEAST_PART: Final = 32  # bytes that the others have on average; in real files hundreds
_MOST_SEGMENTS: Final = 2**16  # of a JPEG before its first scan; real ones have ten


class _Bytes:
    """Bytes to be read by position, where a position past the end is damage."""

    __slots__ = ("data", "parts")

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = data
        # The loops over an animation take their turns from here.
        self.parts = iter(range(_PARTS_OF_ANY_FILE + len(data) // _LEAST_PART))

    def __len__(self) -> int:
        return len(self.data)

    def take(self, at: int, length: int) -> bytes:
        if at + length > len(self.data):
            _damaged(f"it ends after {len(self.data)} bytes, inside its header")
        return bytes(self.data[at : at + length])

    def u8(self, at: int) -> int:
        return self.take(at, 1)[0]

    def u16(self, at: int, order: Order) -> int:
        return int.from_bytes(self.take(at, 2), order)

    def u24(self, at: int) -> int:
        return int.from_bytes(self.take(at, 3), "little")

    def u32(self, at: int, order: Order) -> int:
        return int.from_bytes(self.take(at, 4), order)


# JPEG: ITU-T T.81 annex B; EXIF 2.32 section 4.

_MARKER = re.compile(rb"\xff[^\x00\xff]")  # rubbish before it is passed over
_WINDOW: Final = 2**20  # bytes searched at once: meanwhile no other thread runs
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0–7, SOI
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # DHT, JPG, DAC
_END, _START_OF_SCAN, _APP1 = 0xD9, 0xDA, 0xE1


def _read_jpeg(jpeg: _Bytes) -> _Found:
    size: tuple[int, int] | None = None
    exif: bytes | None = None
    at = 2
    for _ in range(_MOST_SEGMENTS):
        while (found := _MARKER.search(jpeg.data, at, at + _WINDOW)) is None:
            at += _WINDOW - 1
            if at >= len(jpeg):
                _damaged(f"it ends after {len(jpeg)} bytes, inside its header")
        marker, at = jpeg.u8(found.end() - 1), found.end()
        if marker in _STANDALONE:
            continue
        if marker == _END:
            _damaged("it ends before its first scan")
        length = jpeg.u16(at, "big")
        if length < 2:
            _damaged(f"segment {marker:02X} says that it is {length} bytes long")
        if marker == _START_OF_SCAN:
            break
        if marker in _START_OF_FRAME:
            size = jpeg.u16(at + 5, "big"), jpeg.u16(at + 3, "big")
        elif marker == _APP1 and exif is None:
            segment = jpeg.take(at + 2, length - 2)
            exif = segment if segment.startswith(b"Exif\0\0") else None
        at += length
    else:
        _damaged(f"it has {_MOST_SEGMENTS} segments and no scan among them")
    if size is None:
        _damaged("a scan begins before its size is told")
    orientation = (exif and _exif_orientation(exif)) or 1
    # A height of 0 is told after the scan, which is not supported.
    width, height = size if orientation < 5 else size[::-1]
    return _Found(width, height, orientation=orientation)


# How EXIF begins that has its numbers so, and a row of its directories: tag, type,
# count, and where the value is if it is one short number.
_EXIF: Final[dict[bytes, tuple[Order, struct.Struct]]] = {
    b"II*\0": ("little", struct.Struct("<HHIH2x")),
    b"MM\0*": ("big", struct.Struct(">HHIH2x")),
}
_ORIENTATION, _SHORT = 0x0112, 3


def _exif_orientation(segment: bytes) -> int | None:
    """Return the orientation that EXIF tells, None if none; damage spoils no picture.

    Its signature may have any 15 bytes, and the number be of any type, as in the
    official engine.
    """
    starts = (start for start in range(16) if segment[start : start + 4] in _EXIF)
    if (start := next(starts, None)) is None:
        return None
    tiff = segment[start:]
    order, row = _EXIF[tiff[:4]]
    try:
        numbers = _Bytes(tiff)
        at = max(4, numbers.u32(4, order))
        end = at + 2 + row.size * numbers.u16(at, order)
    except _DamagedError:
        return None
    rows = tiff[at + 2 : end] + b"\0\0"  # which nobody reads of the last one
    whole = rows[: len(rows) // row.size * row.size]
    for tag, kind, count, flag in row.iter_unpack(whole):
        if tag == _ORIENTATION:
            is_flag = 1 <= flag <= 8 and (kind == _SHORT or count == 1)
            return flag if is_flag else None
    return None


# PNG: W3C Portable Network Graphics (third edition), section 11.

_PNG_DEPTHS = {  # colour type → bits per sample
    0: (1, 2, 4, 8, 16),
    2: (8, 16),
    3: (1, 2, 4, 8),
    4: (8, 16),
    6: (8, 16),
}
_PALETTE, _PNG_WITH_ALPHA = 3, (4, 6)


def _read_png(png: _Bytes) -> _Found:
    length, tag = png.u32(8, "big"), png.take(12, 4)
    if (length, tag) != (13, b"IHDR"):
        _damaged(f"it begins with a chunk {tag!r} of {length} bytes")
    if zlib.crc32(png.take(12, 17)) != png.u32(29, "big"):
        _damaged("the checksum of its header is wrong")
    width, height = png.u32(16, "big"), png.u32(20, "big")
    depth, colour = png.take(24, 2)
    if max(width, height) >= 2**31:
        _damaged(f"its size is {width}×{height}")
    if depth not in _PNG_DEPTHS.get(colour, ()):
        _damaged(f"it has colour type {colour} with {depth} bits")
    # A colour key (tRNS) counts for nothing here: the official engine passes over it.
    has_alpha = colour in (_PALETTE, *_PNG_WITH_ALPHA)
    return _Found(width, height, has_alpha, colour != _PALETTE)


# GIF: CompuServe GIF89a specification.

_EXTENSION, _IMAGE = 0x21, 0x2C


def _read_gif(gif: _Bytes) -> _Found:
    width, height = gif.u16(6, "little"), gif.u16(8, "little")
    table = _colour_table_size(gif.u8(10))
    gif.take(11, 2)
    return _Found(width, height, alpha=True, frames=_count_frames(gif, 13 + table))


def _colour_table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _count_frames(gif: _Bytes, at: int) -> int:
    """Return how many frames begin between *at* and the end, or the first damage."""
    frames = 0
    try:
        for _ in gif.parts:
            block = gif.u8(at)
            if block == _EXTENSION:
                at = _after_sub_blocks(gif, at + 2)
            elif block == _IMAGE:
                flags = gif.u8(at + 9)
                frames += 1
                at = _after_sub_blocks(gif, at + 11 + _colour_table_size(flags))
            else:  # the trailer, or rubbish
                break
    except _DamagedError:
        pass
    return frames


def _after_sub_blocks(gif: _Bytes, at: int) -> int:
    data, end = gif.data, len(gif)
    for _ in gif.parts:
        if at >= end:
            break
        length = data[at]
        at += 1 + length
        if not length:
            return at
    _damaged("it ends inside a block")


# WebP: RFC 9649.

_ANIMATION, _ALPHA = 0x02, 0x10


def _read_webp(webp: _Bytes) -> _Found:
    tag = webp.take(12, 4)
    if tag == b"VP8X":
        return _read_extended_webp(webp)
    if tag == b"VP8 ":
        return _lossy(webp, 20)
    if tag == b"VP8L":
        return _lossless(webp, 20)
    _damaged(f"it begins with a chunk {tag!r}")


def _read_extended_webp(webp: _Bytes) -> _Found:
    flags, chunks = webp.u8(20), _chunks(webp, 12)
    canvas = _Found(webp.u24(24) + 1, webp.u24(27) + 1, bool(flags & _ALPHA))
    if flags & _ANIMATION:  # each frame may be lossless, or not
        return canvas._replace(frames=sum(tag == b"ANMF" for tag, _ in chunks))
    for tag, at in chunks:
        if tag == b"ALPH":
            canvas = canvas._replace(alpha=True)
        if tag in (b"VP8 ", b"VP8L"):
            frame = _lossy(webp, at) if tag == b"VP8 " else _lossless(webp, at)
            if frame[:2] != canvas[:2]:
                _damaged("its frame is not of the size that its header tells")
            return frame if frame.lossless else canvas
    _damaged("it has no picture")


def _chunks(webp: _Bytes, at: int) -> Iterator[tuple[bytes, int]]:
    """Yield the tag of each chunk and where its content begins."""
    for _ in webp.parts:
        if at + 8 > len(webp):
            return
        yield webp.take(at, 4), at + 8
        length = webp.u32(at + 4, "little")
        at += 8 + length + (length & 1)


def _lossy(webp: _Bytes, at: int) -> _Found:
    tag = webp.u24(at)
    is_key_frame, is_shown = not tag & 1, tag & 0x10
    if not is_key_frame or not is_shown or webp.take(at + 3, 3) != b"\x9d\x01\x2a":
        _damaged("its VP8 frame is none that can be shown")
    return _Found(
        webp.u16(at + 6, "little") & 0x3FFF, webp.u16(at + 8, "little") & 0x3FFF
    )


def _lossless(webp: _Bytes, at: int) -> _Found:
    signature, bits = webp.u8(at), webp.u32(at + 1, "little")
    if signature != 0x2F or bits >> 29:
        _damaged("its VP8L frame has an unknown signature or version")
    width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _Found(width, height, alpha=bool(bits >> 28 & 1), lossless=True)


_READERS: dict[str, tuple[Callable[[_Bytes], _Found], str, str]] = {
    "image/jpeg": (_read_jpeg, "jpg", "JpegDecodingError"),
    "image/png": (_read_png, "png", "ImageDecodingError"),
    "image/gif": (_read_gif, "gif", "GifDecodingError"),
    "image/webp": (_read_webp, "webp", "ImageDecodingError"),
}
"""Of each type: what reads it, its extension, and the engine's name for its faults."""
