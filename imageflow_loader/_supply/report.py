"""What is said of engines that were tried: all of them, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .._platform import Platform
    from .._settings import Settings
    from ..types import Attempt, EngineKind, Origin

_REMEDY: Final = (
    "Set IMAGEFLOW_TOOL to an imageflow_tool, run `imageflow-loader fetch` once with a "
    "network, or install from source with Rust 1.93 or newer."
)
_PLACES: Final[dict[Origin, str]] = {
    "argument": "named by path=",
    "environment": "named by the environment",
    "cache": "in the cache",
    "wheel": "in the wheel",
    "download": "just downloaded",
}


def nothing_usable(
    platform: Platform, settings: Settings, attempts: Iterable[Attempt]
) -> str:
    """Return the sentence, the list and the remedy for when there is no engine."""
    edition = "" if settings.edition == "auto" else f"{settings.edition} "
    noun = "engine" if settings.backend == "auto" else settings.backend
    return "\n".join(
        [
            f"No {edition}imageflow {noun} could be used on {platform}.",
            *_lines(attempts),
            _REMEDY,
        ]
    )


def why_this_one(
    platform: Platform,
    attempts: Iterable[Attempt],
    kind: EngineKind,
    description: str,
) -> str:
    """Return, in one sentence, what was passed over and what was taken.

    Args:
        platform: Where it runs.
        attempts: What was tried, the chosen one among them.
        kind: What was chosen.
        description: What the engine calls itself.
    """
    attempts = list(attempts)
    passed = [
        f"{attempt.origin}: {attempt.error.rstrip('.')}"
        for attempt in attempts
        if attempt.error
    ]
    place = "".join(f" {_PLACES[a.origin]}" for a in attempts if a.ok)
    taken = f"using the {kind}{place}: {description.strip()}"
    return "; ".join([str(platform), *passed, taken])


def _lines(attempts: Iterable[Attempt]) -> Iterator[str]:
    """Yield a line for each reason; an origin is named at its first."""
    reasons: dict[Origin, list[str]] = {}
    for attempt in attempts:
        if attempt.error:
            reasons.setdefault(attempt.origin, []).append(_with_hint(attempt))
    width = max(map(len, reasons), default=0)
    for origin, errors in reasons.items():
        name: str = origin
        for error in dict.fromkeys(errors):
            yield f"  {name:<{width}}  {error}"
            name = ""


def _with_hint(attempt: Attempt) -> str:
    """Return why not, and what to do, unless the last line says it for all."""
    if attempt.hint is None or "imageflow-loader fetch" in attempt.hint:
        return attempt.error or ""
    return f"{(attempt.error or '').rstrip('.')}. {attempt.hint}"
