"""The header reader answers as the engine does, and never anything but its two ways."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from imageflow_loader._io import ImageInfo, read_header, sniff
from imageflow_loader.errors import ImageDecodeError
from tests import pictures


def info(data: bytes) -> ImageInfo:
    return read_header(data)


def saved(picture: Image.Image, format: str, **options: object) -> bytes:  # noqa: A002 - Pillow's own name for it
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


JPEG = ("image/jpeg", "jpg")
PNG = ("image/png", "png")
GIF = ("image/gif", "gif")
WEBP = ("image/webp", "webp")


@pytest.mark.parametrize(
    ("data", "type_", "pixel_format", "lossless"),
    [
        (pictures.jpeg(64, 48), JPEG, "bgr_32", False),
        (pictures.jpeg(64, 48, mode="L"), JPEG, "bgr_32", False),
        (pictures.jpeg(64, 48, mode="CMYK"), JPEG, "bgr_32", False),
        (pictures.jpeg(64, 48, progressive=True), JPEG, "bgr_32", False),
        (pictures.png(64, 48), PNG, "bgr_32", True),
        (pictures.png(64, 48, mode="RGBA"), PNG, "bgra_32", True),
        (pictures.png(64, 48, mode="L"), PNG, "bgr_32", True),
        (pictures.png(64, 48, mode="LA"), PNG, "bgra_32", True),
        (pictures.png(64, 48, mode="P"), PNG, "bgra_32", False),
        (
            saved(Image.new("RGB", (64, 48)), "png", transparency=(0, 0, 0)),
            PNG,
            "bgr_32",
            True,
        ),
        (saved(Image.new("I;16", (64, 48)), "png"), PNG, "bgr_32", True),
        (pictures.gif(64, 48), GIF, "bgra_32", False),
        (pictures.webp(64, 48), WEBP, "bgr_32", False),
        (pictures.webp(64, 48, alpha=True), WEBP, "bgra_32", False),
        (pictures.webp(64, 48, lossless=True), WEBP, "bgr_32", True),
        (pictures.webp(64, 48, lossless=True, alpha=True), WEBP, "bgra_32", True),
    ],
    ids=[
        "jpeg",
        "grey jpeg",
        "cmyk jpeg",
        "progressive jpeg",
        "png",
        "png with alpha",
        "grey png",
        "grey png with alpha",
        "palette png",
        "png with colour key",
        "16-bit png",
        "gif",
        "webp",
        "webp with alpha",
        "lossless webp",
        "lossless webp with alpha",
    ],
)
def test_each_kind_of_picture_is_known_by_its_header(
    data: bytes, type_: tuple[str, str], pixel_format: str, lossless: bool
) -> None:
    expected = (64, 48, *type_, pixel_format, lossless)

    got = info(data)

    assert (
        got.width,
        got.height,
        got.mime_type,
        got.extension,
        got.pixel_format,
        got.lossless,
    ) == expected
    assert (got.frames, got.multiple_frames, got.orientation) == (1, False, 1)


@pytest.mark.parametrize("flag", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"], ids=["intel", "motorola"])
def test_a_jpeg_on_its_side_has_the_size_that_is_displayed(
    flag: int, order: str
) -> None:
    data = with_exif(pictures.jpeg(64, 48), exif(flag, order))

    got = info(data)

    assert got.orientation == flag
    assert got.size == ((64, 48) if flag < 5 else (48, 64))


def exif(flag: int, order: str, *, type_: int = 3, count: int = 1) -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(order + ("I" if type_ == 4 else "H2x"), flag)
    entry = struct.pack(order + "HHI", 0x0112, type_, count) + value
    return head + struct.pack(order + "IH", 8, 1) + entry + bytes(4)


def with_exif(jpeg: bytes, tiff: bytes) -> bytes:
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


@pytest.mark.parametrize(
    "tiff",
    [
        exif(0, "<"),
        exif(9, "<"),
        exif(6, ">", type_=4),
        exif(6, "<", type_=4, count=2),
        exif(6, "<")[:12],
        exif(6, "<")[:19],
        b"MM*\0" + exif(6, ">")[4:],
        b"",
        b"II*\0\xff\xff\xff\xff",
    ],
    ids=[
        "0",
        "9",
        "long",
        "two longs",
        "cut",
        "cut in its value",
        "neither order",
        "empty",
        "far directory",
    ],
)
def test_exif_that_makes_no_sense_spoils_no_picture(tiff: bytes) -> None:
    got = info(with_exif(pictures.jpeg(64, 48), tiff))

    assert (got.size, got.orientation) == ((64, 48), 1)


@pytest.mark.parametrize(
    "tiff",
    [
        exif(6, "<", type_=4),
        exif(6, "<", count=9),
        b"a signat." + exif(6, ">"),
        exif(6, "<")[:20],
        exif(6, ">")[:8] + b"\xff\xff" + exif(6, ">")[10:],
    ],
    ids=["a long", "many", "behind more signature", "cut behind it", "more rows"],
)
def test_an_orientation_is_found_where_the_official_engine_finds_it(
    tiff: bytes,
) -> None:
    assert info(with_exif(pictures.jpeg(64, 48), tiff)).orientation == 6


@pytest.mark.parametrize(("first", "orientation"), [(exif(3, ">"), 3), (b"", 1)])
def test_the_first_exif_segment_counts(first: bytes, orientation: int) -> None:
    data = with_exif(with_exif(pictures.jpeg(64, 48), exif(6, "<")), first)

    assert info(data).orientation == orientation


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_the_frames_of_a_gif_are_counted(frames: int) -> None:
    got = info(pictures.gif(20, 10, frames=frames))

    assert (got.frames, got.multiple_frames) == (frames, frames > 1)
    assert got.to_json()["multiple_frames"] is (frames > 1)


def test_the_frames_of_an_animated_webp_are_counted() -> None:
    got = info(pictures.webp(64, 48, frames=3))

    assert (got.size, got.frames) == ((64, 48), 3)


def test_a_gif_that_is_cut_off_has_the_frames_that_are_there() -> None:
    whole = pictures.gif(64, 48, frames=5)
    counts = [info(whole[:end]).frames for end in range(len(whole) // 9, len(whole))]

    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, 5)


MANY = 2**19


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xd8\xff\xe0\0\2" + bytes(2**26), "ends after 67108870 bytes"),
        (b"\xff\xd8" + b"\xff" * 2**26, "ends after 67108866 bytes"),
        (b"\xff\xd8" + b"\xff\xd0" * MANY, "65536 segments and no scan"),
        (b"\xff\xd8" + b"\xff\xfe\0\2" * MANY, "65536 segments and no scan"),
    ],
    ids=["rubbish", "fill", "markers", "segments"],
)
def test_a_header_without_end_is_given_up(data: bytes, says: str) -> None:
    with pytest.raises(ImageDecodeError, match=says):
        info(data)


@pytest.mark.parametrize("shift", range(-3, 3))
def test_a_segment_is_found_wherever_the_rubbish_before_it_ends(shift: int) -> None:
    jpeg = pictures.jpeg(64, 48)
    rubbish = bytes(2**20 + shift)

    assert info(jpeg[:20] + rubbish + jpeg[20:]).size == (64, 48)


def test_frames_behind_countless_tiny_parts_are_not_looked_for() -> None:
    gif, webp = pictures.gif(20, 10, frames=2), pictures.webp(20, 10, frames=2)
    screen = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
    tiny_gif = gif[:screen] + b"\x21\xfe\0" * MANY + gif[screen:]
    tiny_webp = webp[:30] + (b"JUNK" + bytes(4)) * MANY + webp[30:]

    assert [info(data).frames for data in (gif, webp)] == [2, 2]
    assert [info(data).frames for data in (tiny_gif, tiny_webp)] == [1, 1]


def test_as_many_small_frames_are_counted_as_there_are() -> None:
    gif = pictures.gif(20, 10)
    screen = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
    picture = gif[screen:-1]

    assert info(gif[:-1] + picture * 49_999 + b";").frames == 50_000


def test_a_view_is_read_like_bytes() -> None:
    data = pictures.jpeg(64, 48)

    assert read_header(memoryview(data)) == read_header(data)


def test_it_answers_in_the_words_of_the_engine() -> None:
    assert info(pictures.png(64, 48, mode="RGBA")).to_json() == {
        "preferred_mime_type": "image/png",
        "preferred_extension": "png",
        "image_width": 64,
        "image_height": 48,
        "frame_decodes_into": "bgra_32",
        "lossless": True,
        "multiple_frames": False,
    }


def test_megapixels_are_millions_of_pixels() -> None:
    assert info(pictures.png(64, 48)).megapixels == pytest.approx(0.003072)


def ihdr(png: bytes, **fields: int) -> bytes:
    """Return *png* with other fields in its header and the checksum that fits."""
    names = ("width", "height", "depth", "colour", "packing", "filter", "interlace")
    values = dict(zip(names, struct.unpack(">IIBBBBB", png[16:29]), strict=True))
    body = b"IHDR" + struct.pack(">IIBBBBB", *{**values, **fields}.values())
    return png[:12] + body + struct.pack(">I", zlib.crc32(body)) + png[33:]


WHOLE_PNG = pictures.png(64, 48)
WHOLE_WEBP = pictures.webp(64, 48, alpha=True)


@pytest.mark.parametrize(
    ("data", "kind", "says"),
    [
        (b"hello, world", "NoEnabledDecoderFound", "not a JPEG, PNG, GIF or WebP"),
        (b"\xff\xd8", "NoEnabledDecoderFound", "not a JPEG"),
        (b"\xff\xd8\xff\xd9", "JpegDecodingError", "before its first scan"),
        (pictures.jpeg()[:100], "JpegDecodingError", "ends after 100 bytes"),
        (b"\xff\xd8\xff\xda\0\x02", "JpegDecodingError", "before its size is told"),
        (b"\xff\xd8\xff\xe0\0\x01", "JpegDecodingError", "E0 says that it is 1 bytes"),
        (WHOLE_PNG[:20], "ImageDecodingError", "ends after 20 bytes"),
        (WHOLE_PNG[:29] + b"\0\0\0\0", "ImageDecodingError", "checksum"),
        (WHOLE_PNG[:12] + b"IDAT" + WHOLE_PNG[16:], "ImageDecodingError", "IDAT"),
        (ihdr(WHOLE_PNG, width=0), "ImageDecodingError", "0×48"),
        (ihdr(WHOLE_PNG, height=2**31), "ImageDecodingError", "64×2147483648"),
        (ihdr(WHOLE_PNG, depth=3), "ImageDecodingError", "colour type 2 with 3 bits"),
        (b"GIF89a\0\0\0\0\0\0\0", "GifDecodingError", "0×0"),
        (b"GIF89a\1\0", "GifDecodingError", "ends after 8 bytes"),
        (b"RIFF\0\0\0\0WEBPEXIF", "ImageDecodingError", "EXIF"),
        (WHOLE_WEBP[:26], "ImageDecodingError", "ends after 26 bytes"),
        (
            WHOLE_WEBP[:24] + b"\1\1\1" + WHOLE_WEBP[27:],
            "ImageDecodingError",
            "not of the size",
        ),
        (WHOLE_WEBP[:30], "ImageDecodingError", "has no picture"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else str(value),
)
def test_a_damaged_header_is_an_error_that_says_what_is_wrong(
    data: bytes, kind: str, says: str
) -> None:
    with pytest.raises(ImageDecodeError, match=says) as caught:
        read_header(data, name="photo.jpg")

    error = caught.value
    assert error.message.startswith("photo.jpg")
    assert (error.category, error.kind, error.exit_code) == (
        "image_malformed",
        kind,
        65,
    )


HEADS = [
    pictures.jpeg(16, 12, orientation=6),
    pictures.png(16, 12, mode="P"),
    pictures.gif(16, 12, frames=3),
    pictures.webp(16, 12),
    pictures.webp(16, 12, alpha=True),
    pictures.webp(16, 12, lossless=True),
    pictures.webp(16, 12, frames=2),
]


def read_or_refuse(data: bytes) -> None:
    try:
        got = read_header(data)
    except ImageDecodeError:
        return
    assert got.width > 0
    assert got.height > 0
    assert got.frames > 0
    assert sniff(data) == got.mime_type


@given(st.sampled_from([b"", *(head[:12] for head in HEADS)]), st.binary())
def test_any_bytes_give_an_answer_or_a_clear_error(head: bytes, rest: bytes) -> None:
    read_or_refuse(head + rest)


@given(st.sampled_from(HEADS), st.data())
def test_damage_anywhere_gives_an_answer_or_a_clear_error(
    whole: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))

    read_or_refuse(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))


def test_sniff_needs_only_the_first_twelve_bytes() -> None:
    assert [sniff(head[:12]) for head in HEADS] == [
        "image/jpeg",
        "image/png",
        "image/gif",
        *["image/webp"] * 4,
    ]
    assert sniff(b"RIFF\0\0\0\0WAVE") is None
    assert sniff(bytearray(b"\xff\xd8\xff")) == "image/jpeg"
    assert sniff(memoryview(b"")) is None
