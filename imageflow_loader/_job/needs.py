"""What must an engine be able to do to run a job?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._querystring import DPR_WORDS, TRUE, is_number, parsed, srcset_commands

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..types import Capability, Json
    from .plan import Plan

_SAFE_PERCENT = frozenset({15, 20, 34, *range(55, 74), 91, 96, 100})
_SAFE_DPR = frozenset({0.5, 1, 3})


def needed(plan: Plan, presets: Iterable[Json]) -> frozenset[Capability]:
    """Return what an engine must be able to do for *plan* and *presets*."""
    return frozenset(_needed(plan, presets))


def _needed(plan: Plan, presets: Iterable[Json]) -> Iterator[Capability]:
    for preset in presets:
        yield from _preset_needs(preset)
    for step in plan.steps:
        if step.name == "command_string":
            values = parsed(step.parameters["value"])
            yield from _command_needs(values, encodes=bool(step.sources))
        elif step.name == "watermark_red_dot":
            yield "watermark_red_dot"
        elif step.name == "decode" and "select_frame" in str(step.parameters):
            yield "select_frame"


def _preset_needs(preset: Any) -> Iterator[Capability]:
    for name in ("auto", "format"):
        if isinstance(preset, dict) and isinstance(chosen := preset.get(name), dict):
            yield "auto_format"
            profile = chosen.get("quality_profile")
            percent = profile.get("percent") if isinstance(profile, dict) else None
            if _panics(percent, chosen.get("quality_profile_dpr")):
                yield "percent_profile"


def _command_needs(values: Mapping[str, str], *, encodes: bool) -> Iterator[Capability]:
    if values.get("watermark_red_dot", "").lower() in TRUE:
        yield "watermark_red_dot"
    if encodes and ("frame" in values or "page" in values):
        yield "select_frame"
    if encodes and _panics(*_quality_profile(values)):
        yield "percent_profile"


def _panics(percent: float | None, dpr: float | None) -> bool:
    """Whether the official engine would panic at this quality profile.

    Args:
        percent: The profile as a number; None for one by name.
        dpr: What it is adapted to; None if it is not.

    Source: engine runs over 0–100; all tags from v2.1.1-rc01 on.
    """
    return (100 if percent is None else percent) not in _SAFE_PERCENT or (
        dpr or 1
    ) not in _SAFE_DPR


def _quality_profile(values: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Return the quality profile and what it is adapted to, where they are numbers."""
    profile = values.get("qp", "").lower()
    dpr = values.get("qp.dpr") or values.get("qp.dppx") or ""
    for command in srcset_commands(values):
        match command:
            case "qp", "dpr" | "dppx", number, *_:
                dpr = number
            case "qp", word, *_:
                profile = word
    if not profile and values.get("format", "").lower() == "auto":
        profile = "quality"  # what engines take where no profile is given
    if profile == "quality":
        profile = values.get("quality", "")
    if dpr.lower() in DPR_WORDS:
        dpr = next(filter(None, map(values.get, ("zoom", "dpr", "dppx"))), "")
    return _as_number(profile), _as_number(dpr.lower().rstrip("x"))


def _as_number(text: str) -> float | None:
    return float(text) if is_number(text) else None
