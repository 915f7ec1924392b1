"""What is a download compared with? Never with nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from ..errors import EngineDownloadError
from .download import AbsentError, Expected, download_text
from .fetch import shown

if TYPE_CHECKING:
    from .._cancel import Deadline
    from .fetch import Patience
    from .releases import Artifact

SUMS: Final = "SHA256SUMS"
"""The file of a mirror that lists its archives, in the form of `sha256sum`."""

PINNED: Final = "this package"
"""Says the SHA-256 of a pinned row."""

_LARGEST_TEXT: Final = 4 * 1024 * 1024
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_SUMS_LINE: Final = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](?:\./)?(.+?)\r?")


def digest(text: str) -> str:
    """Return a SHA-256 that somebody typed, as 64 lower-case hex digits.

    Raises:
        ValueError: It is none.
    """
    value = text.strip().lower().removeprefix("sha256:")
    if not _DIGEST.fullmatch(value):
        raise ValueError(f"{text!r} is no SHA-256: that has 64 hexadecimal digits.")
    return value


def own_word(artifact: Artifact, sha256: str | None) -> Expected | None:
    """Return what the caller or this package says that *artifact* is."""
    if sha256 is not None:
        return Expected(sha256, "the caller (--sha256)")
    if artifact.sha256 is not None:
        return Expected(artifact.sha256, PINNED, artifact.size)
    return None


def word_of_folder(
    folder: str, name: str, *, patience: Patience, deadline: Deadline
) -> Expected:
    """Return what the `SHA256SUMS` of a mirror says of the archive *name*.

    Args:
        folder: URL of the mirror.
        name: The archive's file name.
        patience: As for `download`.
        deadline: As for `download`.

    Raises:
        EngineDownloadError: It has no such list, or the archive is not on it.
    """
    place = f"{folder}/{SUMS}"
    try:
        text = download_text(
            place, limit=_LARGEST_TEXT, patience=patience, deadline=deadline
        )
    except AbsentError as error:
        raise EngineDownloadError(
            f"{name} is not used: nothing says what it must be. This package does not "
            f"pin it, and there is no {shown(place)}. {_REMEDY}"
        ) from error
    if (found := listed(text, name)) is None:
        raise EngineDownloadError(
            f"{name} is not used: nothing says what it must be. {shown(place)} does "
            f"not list it. {_REMEDY}"
        )
    return Expected(found, shown(place))


def word_of_release(
    api: str, name: str, *, patience: Patience, deadline: Deadline
) -> Expected:
    """Return what the release's own server says of the archive *name*.

    Args:
        api: URL of the release in the server's API.
        name: The archive's file name.
        patience: As for `download`.
        deadline: As for `download`.

    Raises:
        EngineDownloadError: It does not know the archive, or has no SHA-256 of it.
    """
    text = download_text(api, limit=_LARGEST_TEXT, patience=patience, deadline=deadline)
    found = _asset(text, name)
    if found is None:
        raise EngineDownloadError(
            f"{name} is not used: nothing says what it must be. This package does not "
            f"pin it, and {shown(api)} publishes no SHA-256 of it. {_REMEDY}"
        )
    sha256, size = found
    return Expected(sha256, f"the release API ({shown(api)})", size)


def listed(text: str, name: str) -> str | None:
    """Return the SHA-256 that a `SHA256SUMS` has for *name*, None if it has none."""
    for line in text.splitlines():
        match = _SUMS_LINE.fullmatch(line.lstrip("\ufeff"))
        if match and match[2] == name:
            return match[1].lower()
    return None


_REMEDY: Final = "Pass --sha256 (sha256=…), from a source that you trust."


def _asset(text: str, name: str) -> tuple[str, int | None] | None:
    """Return SHA-256 and size that a release document has for *name*."""
    try:
        document: Any = json.loads(text)
        assets = {asset["name"]: asset for asset in document["assets"]}
        asset = assets.get(name, {})
        size = asset.get("size")
        known = isinstance(size, int) and size > 0
        return digest(str(asset.get("digest"))), size if known else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
