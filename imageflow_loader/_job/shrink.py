"""How small may a JPEG be decoded, when only a smaller picture is needed?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

from .._checks import INT32, whole

if TYPE_CHECKING:
    from .._io import ImageInfo
    from ..types import Json
    from .plan import Plan, Step

# What the decoder leaves to the resampler: the query string's own default.
_PRECISE_RATIO: Final = 2.1
_EIGHTHS: Final = range(1, 7)  # engines never use seven
_LEAST_SIDE: Final = 16  # in pixels: below, two eighths may give one size
_NEAR: Final = 0.02  # of a pixel: so close to a half we do not foretell the rounding
_NEVER_SMALLER: Final = frozenset({"aspect_crop", "larger_than"})
_COVERS: Final = frozenset({"distort", "within_crop", "fit_crop"})


def shrink_commands(
    w: int,
    h: int,
    *,
    quality: Literal["fastest", "spatial", "gamma_correct"] = "gamma_correct",
) -> list[Json]:
    """Return the commands that ask decoders for at least *w* × *h* pixels."""
    whole(1, INT32, **{"shrink width": w, "shrink height": h})
    hints: dict[str, Json] = {
        "width": w,
        "height": h,
        "scale_luma_spatially": quality != "fastest",
        "gamma_correct_for_srgb_during_spatial_luma_scaling": (
            quality == "gamma_correct"
        ),
    }
    commands: list[Json] = [{"jpeg_downscale_hints": hints}]
    if quality != "gamma_correct":  # WebP decoders know nothing of gamma
        commands.append({"webp_decoder_hints": {"width": w, "height": h}})
    return commands


def shrink_hints(plan: Plan, number: int, info: ImageInfo) -> list[Json]:
    """Return what lets the decoder of step *number* shrink; nothing if it must not.

    It may when all that is done with its picture is `constrain`, to less than half. The
    size that comes out stays what it would have been: an eighth of a picture has its
    sides rounded, hence another aspect ratio; a larger one is taken where that shows.
    """
    if number in plan.ends or min(info.size) < _LEAST_SIDE:
        return []
    children = [step for step in plan.steps if number in step.parents]
    if not children or not all(map(_only_scales, children)):
        return []
    constraints = [step.parameters for step in children]
    for eighths in _EIGHTHS:
        decoded = tuple(math.ceil(side * eighths / 8) for side in info.size)
        if all(_serves(each, info.size, decoded, eighths) for each in constraints):
            # One number for both sides: it means the same to a picture on its side.
            side = min(decoded)
            return shrink_commands(side, side)
    return []


def _only_scales(step: Step) -> bool:
    return step.name == "constrain" and step.parameters["mode"] not in _NEVER_SMALLER


def _serves(
    constraint: Any, size: tuple[int, int], decoded: tuple[int, ...], eighths: int
) -> bool:
    """Whether a picture of so many eighths gives what the whole one gives."""
    ratios = _ratios(constraint, size)
    covers = constraint["mode"] in _COVERS
    scale = max(ratios) if covers else min(ratios)
    if eighths / 8 < _PRECISE_RATIO * scale:
        return False
    if covers and len(ratios) > 1:
        return True  # the box itself is filled
    sizes = [_fitted(constraint, each) for each in (size, decoded)]
    return sizes[0] is not None and sizes[0] == sizes[1]


def _ratios(constraint: Any, size: tuple[int, ...]) -> list[float]:
    return [
        constraint[name] / side
        for name, side in zip(("w", "h"), size, strict=True)
        if name in constraint
    ]


def _fitted(constraint: Any, size: tuple[int, ...]) -> list[int] | None:
    """Return the size inside the box; None where a side lies too near to a half."""
    scale = min(_ratios(constraint, size))
    sides = [side * scale for side in size]
    if any(abs(side % 1 - 0.5) < _NEAR for side in sides):
        return None
    return [round(side) for side in sides]
