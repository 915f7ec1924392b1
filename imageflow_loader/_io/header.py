"""What the first bytes of a JPEG, PNG, GIF or WebP say, read without any engine.

The answers are those of the engine's `v1/get_image_info`, except the number of frames,
which is counted: the official engine says of every GIF that it has one. Any bytes give
an `ImageInfo` or an `ImageDecodeError`.
"""

from __future__ import annotations

import zlib
from struct import Struct
from typing import TYPE_CHECKING, NoReturn

from ..errors import ImageDecodeError
from .image_info import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..types import PixelFormat


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
    read, kind = _READERS[mime_type]
    try:
        return read(_Bytes(data))
    except _DamagedError as damage:
        raise ImageDecodeError(
            f"{name}, by its first bytes {mime_type}, cannot be read: {damage}.",
            kind=kind,
        ) from None


class _DamagedError(Exception):
    """A header says what no header can say; the text is the end of a sentence."""


def _damaged(what: str) -> NoReturn:
    raise _DamagedError(what)


_U16 = {"<": Struct("<H"), ">": Struct(">H")}
_U32 = {"<": Struct("<I"), ">": Struct(">I")}


class _Bytes:
    """Bytes to be read by position, where a position past the end is damage."""

    __slots__ = ("data",)

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def take(self, at: int, length: int) -> bytes:
        if at + length > len(self.data):
            _damaged(f"it ends after {len(self.data)} bytes, inside its header")
        return bytes(self.data[at : at + length])

    def u8(self, at: int) -> int:
        return self.take(at, 1)[0]

    def u16(self, at: int, order: str) -> int:
        value: int = _U16[order].unpack(self.take(at, 2))[0]
        return value

    def u24(self, at: int) -> int:
        return int.from_bytes(self.take(at, 3), "little")

    def u32(self, at: int, order: str) -> int:
        value: int = _U32[order].unpack(self.take(at, 4))[0]
        return value


# JPEG: ITU-T T.81 annex B; EXIF 2.32 section 4.

_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0–7, SOI
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # DHT, JPG, DAC
_END, _START_OF_SCAN, _APP1 = 0xD9, 0xDA, 0xE1


def _read_jpeg(jpeg: _Bytes) -> ImageInfo:
    size: tuple[int, int] | None = None
    orientation: int | None = None
    at = 2
    while True:
        marker, at = _next_marker(jpeg, at)
        if marker in _STANDALONE:
            continue
        if marker == _END:
            _damaged("it ends before its first scan")
        length = jpeg.u16(at, ">")
        if length < 2:
            _damaged(f"segment {marker:02X} says that it is {length} bytes long")
        if marker == _START_OF_SCAN:
            break
        if marker in _START_OF_FRAME:
            size = jpeg.u16(at + 5, ">"), jpeg.u16(at + 3, ">")
        elif marker == _APP1 and orientation is None:
            orientation = _exif_orientation(_Bytes(jpeg.take(at + 2, length - 2)))
        at += length
    if size is None:
        _damaged("a scan begins before its size is told")
    width, height = size
    if not width or not height:  # a height of 0 is told after the scan: not supported
        _damaged(f"its size is {width}×{height}")
    orientation = orientation or 1
    if orientation >= 5:
        width, height = height, width
    return ImageInfo(
        width, height, "image/jpeg", "jpg", "bgr_32", False, orientation=orientation
    )


def _next_marker(jpeg: _Bytes, at: int) -> tuple[int, int]:
    """Return the next marker and the position after it; rubbish before it is passed."""
    while True:
        while jpeg.u8(at) != 0xFF:
            at += 1
        while jpeg.u8(at) == 0xFF:
            at += 1
        if marker := jpeg.u8(at):
            return marker, at + 1


def _exif_orientation(segment: _Bytes) -> int | None:
    """Return the orientation that an APP1 segment tells; None if it tells none."""
    try:
        if segment.take(0, 6) != b"Exif\0\0":
            return None
        tiff = _Bytes(segment.data[6:])
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff.take(0, 4))
        if order is None:
            return None
        directory = tiff.u32(4, order)
        for index in range(tiff.u16(directory, order)):
            entry = directory + 2 + 12 * index
            if tiff.u16(entry, order) == 0x0112:  # Orientation
                is_short = tiff.u16(entry + 2, order) == 3
                flag = tiff.u16(entry + 8, order)
                return flag if is_short and 1 <= flag <= 8 else None
    except _DamagedError:  # damaged EXIF spoils no picture
        return None
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


def _read_png(png: _Bytes) -> ImageInfo:
    length, tag = png.u32(8, ">"), png.take(12, 4)
    if (length, tag) != (13, b"IHDR"):
        _damaged(f"it begins with a chunk {tag!r} of {length} bytes")
    if zlib.crc32(png.take(12, 17)) != png.u32(29, ">"):
        _damaged("the checksum of its header is wrong")
    width, height = png.u32(16, ">"), png.u32(20, ">")
    depth, colour = png.take(24, 2)
    if not 0 < width < 2**31 or not 0 < height < 2**31:
        _damaged(f"its size is {width}×{height}")
    if depth not in _PNG_DEPTHS.get(colour, ()):
        _damaged(f"it has colour type {colour} with {depth} bits")
    # A colour key (tRNS) counts for nothing here: the official engine passes over it.
    has_alpha = colour == _PALETTE or colour in _PNG_WITH_ALPHA
    return ImageInfo(
        width,
        height,
        "image/png",
        "png",
        "bgra_32" if has_alpha else "bgr_32",
        colour != _PALETTE,
    )


# GIF: CompuServe GIF89a specification.

_EXTENSION, _IMAGE = 0x21, 0x2C


def _read_gif(gif: _Bytes) -> ImageInfo:
    width, height = gif.u16(6, "<"), gif.u16(8, "<")
    table = _colour_table_size(gif.u8(10))
    gif.take(11, 2)
    if not width or not height:
        _damaged(f"its size is {width}×{height}")
    frames = _count_frames(gif, 13 + table)
    return ImageInfo(
        width, height, "image/gif", "gif", "bgra_32", False, frames=max(frames, 1)
    )


def _colour_table_size(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _count_frames(gif: _Bytes, at: int) -> int:
    """Return how many frames begin between *at* and the end, or the first damage."""
    frames = 0
    try:
        while True:
            block = gif.u8(at)
            if block == _EXTENSION:
                at = _after_sub_blocks(gif, at + 2)
            elif block == _IMAGE:
                flags = gif.u8(at + 9)
                frames += 1
                at = _after_sub_blocks(gif, at + 11 + _colour_table_size(flags))
            else:  # the trailer, or rubbish
                return frames
    except _DamagedError:
        return frames


def _after_sub_blocks(gif: _Bytes, at: int) -> int:
    data, end = gif.data, len(gif)
    while at < end:
        length = data[at]
        at += 1 + length
        if not length:
            return at
    _damaged("it ends inside a block")


# WebP: RFC 9649.

_ANIMATION, _ALPHA = 0x02, 0x10


def _read_webp(webp: _Bytes) -> ImageInfo:
    tag = webp.take(12, 4)
    if tag == b"VP8X":
        return _read_extended_webp(webp)
    if tag == b"VP8 ":
        return _webp_info(*_lossy_size(webp, 20), alpha=False, lossless=False)
    if tag == b"VP8L":
        width, height, alpha = _lossless_size(webp, 20)
        return _webp_info(width, height, alpha=alpha, lossless=True)
    _damaged(f"it begins with a chunk {tag!r}")


def _read_extended_webp(webp: _Bytes) -> ImageInfo:
    flags = webp.u8(20)
    width, height = webp.u24(24) + 1, webp.u24(27) + 1
    if flags & _ANIMATION:
        return _webp_info(
            width,
            height,
            alpha=bool(flags & _ALPHA),
            lossless=False,  # each frame may be either
            frames=sum(tag == b"ANMF" for tag, _ in _chunks(webp, 12)),
        )
    alpha = bool(flags & _ALPHA)
    for tag, at in _chunks(webp, 12):
        if tag == b"ALPH":
            alpha = True
        if tag == b"VP8 ":
            _same_size((width, height), _lossy_size(webp, at))
            return _webp_info(width, height, alpha=alpha, lossless=False)
        if tag == b"VP8L":
            *size, alpha = _lossless_size(webp, at)
            _same_size((width, height), tuple(size))
            return _webp_info(width, height, alpha=alpha, lossless=True)
    _damaged("it has no picture")


def _chunks(webp: _Bytes, at: int) -> list[tuple[bytes, int]]:
    """Return the tag of each chunk and where its content begins."""
    found = []
    while at + 8 <= len(webp):
        found.append((webp.take(at, 4), at + 8))
        length = webp.u32(at + 4, "<")
        at += 8 + length + (length & 1)
    return found


def _lossy_size(webp: _Bytes, at: int) -> tuple[int, int]:
    tag = webp.u24(at)
    is_key_frame, is_shown = not tag & 1, tag & 0x10
    if not is_key_frame or not is_shown or webp.take(at + 3, 3) != b"\x9d\x01\x2a":
        _damaged("its VP8 frame is none that can be shown")
    width, height = webp.u16(at + 6, "<") & 0x3FFF, webp.u16(at + 8, "<") & 0x3FFF
    if not width or not height:
        _damaged(f"its size is {width}×{height}")
    return width, height


def _lossless_size(webp: _Bytes, at: int) -> tuple[int, int, bool]:
    signature, bits = webp.u8(at), webp.u32(at + 1, "<")
    if signature != 0x2F or bits >> 29:
        _damaged("its VP8L frame has an unknown signature or version")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)


def _same_size(canvas: tuple[int, ...], frame: tuple[int, ...]) -> None:
    if canvas != frame:
        _damaged("its frame is not of the size that its header tells")


def _webp_info(
    width: int, height: int, *, alpha: bool, lossless: bool, frames: int = 1
) -> ImageInfo:
    pixel_format: PixelFormat = "bgra_32" if alpha else "bgr_32"
    return ImageInfo(
        width,
        height,
        "image/webp",
        "webp",
        pixel_format,
        lossless,
        frames=max(frames, 1),
    )


_READERS: dict[str, tuple[Callable[[_Bytes], ImageInfo], str]] = {
    "image/jpeg": (_read_jpeg, "JpegDecodingError"),
    "image/png": (_read_png, "ImageDecodingError"),
    "image/gif": (_read_gif, "GifDecodingError"),
    "image/webp": (_read_webp, "ImageDecodingError"),
}
