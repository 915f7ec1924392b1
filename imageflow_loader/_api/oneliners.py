"""What can be done in one line, and the same awaited."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .._cancel import Deadline, awaited, in_thread
from .._checks import given, instance, one_of, whole
from .._io import read_header, read_source, source_name
from .._job import Job, Security, command_string
from .._querystring import check_querystring, suffix_format
from ..errors import InvalidJobError
from ..types import FormatName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from .._cancel import CancelToken
    from .._io import ImageInfo
    from .._job import EncodedImage, JobResult, Output, RunOptions, Watermark
    from ..types import Destination, Querystring, SourceLike


def process(
    source: SourceLike,
    querystring: Querystring,
    *,
    to: Destination | None = None,
    watermarks: Sequence[Watermark] = (),
    strict: bool = False,
    **options: Unpack[RunOptions],
) -> EncodedImage:
    """Do with a picture what a query string says.

    Without `mode` a picture is fitted into `w` × `h` and padded, transparently: a JPEG
    then becomes a PNG. Say `mode=max` or `mode=crop`, or name a format. A value such as
    `w=100px` is passed over by engines; `strict` and `check_querystring` find it.

    Args:
        source: Bytes, a path (never a URL) or a binary stream.
        querystring: For instance "w=800&h=600&mode=crop"; or a mapping.
        to: A path or a binary stream; None to get the bytes. Where the query string
            names no format, a known suffix does; else the source's format is kept.
        watermarks: Pictures that are drawn on it.
        strict: Refuse keys and values that an engine would pass over.
        **options: How it is run: `RunOptions`.

    Raises:
        InvalidJobError: *strict*, and something would be passed over.
        SourceError: The source cannot be read, is too large or of no allowed type.
        ImageDecodeError: It is no picture, or is damaged.
        SizeLimitError: It is, or becomes, larger than the limits.
        DestinationError: The destination cannot be written; nothing is left there.
        JobTimeoutError: Time ran out.
        EngineError: There is no engine that can do it.
        ValueError: Query string and suffix name different formats.
    """
    if strict and (issues := check_querystring(querystring)):
        told = "; ".join(map(str, issues))
        raise InvalidJobError(f"The query string is refused: {told}.")
    output = command_string(source, querystring, watermarks=watermarks, to=to)
    return output.run(**options)


aprocess = awaited(process)


def thumbnail(
    source: SourceLike,
    size: int | tuple[int, int],
    *,
    to: Destination | None = None,
    format: FormatName | None = None,  # noqa: A002 - the engine's own word
    quality: int | None = None,
    crop: bool = False,
    **options: Unpack[RunOptions],
) -> EncodedImage:
    """Make a small picture of a large one; it is never enlarged to fit inside.

    Args:
        source: Bytes, a path or a binary stream.
        size: The box in pixels: one number for a square, or width and height.
        to: A path or a binary stream; None to get the bytes.
        format: That of the suffix of *to* unless given, else the source's.
        quality: 0 to 100, for a JPEG or a WebP.
        crop: Fill the box and cut off the rest; a small picture is then enlarged.
        **options: How it is run: `RunOptions`.

    Raises:
        ImageflowError: As `process`.
        ValueError: A number is out of range.
    """
    w, h = size if isinstance(size, tuple) else (size, size)
    whole(1, width=w, height=h)
    one_of(FormatName, **given(format=format))
    whole(0, 100, **given(quality=quality))
    query = {
        "w": w,
        "h": h,
        "mode": "crop" if crop else "max",
        "scale": "both" if crop else "down",
        "format": format or suffix_format(to),
        "quality": quality,
    }
    return process(source, query, to=to, **options)


def info(source: SourceLike, *, security: Security | None = None) -> ImageInfo:
    """Return what the header of a picture says. No engine is needed.

    Args:
        source: Bytes, a path or a binary stream, which is read to its end.
        security: Its `max_input_bytes` is kept.

    Raises:
        SourceError: It cannot be read, or is too large.
        ImageDecodeError: It is no JPEG, PNG, GIF or WebP, or its header is damaged.
    """
    return _info(source, security)


async def ainfo(source: SourceLike, *, security: Security | None = None) -> ImageInfo:
    """Return what the header of a picture says, awaited; see `info`."""
    work = partial(_info, source, security)
    return await in_thread(work, None, Deadline(None))


def _info(
    source: SourceLike, security: Security | None, cancel: CancelToken | None = None
) -> ImageInfo:
    instance(Security, security=security)
    limit = (security or Security()).max_input_bytes
    data = read_source(source, max_bytes=limit, cancel=cancel)
    return read_header(data, name=source_name(source))


def run(
    *outputs: Output,
    **options: Unpack[RunOptions],
) -> JobResult:
    """Run outputs together: `Job(*outputs).run(…)`."""
    return Job(*outputs).run(**options)


arun = awaited(run)
