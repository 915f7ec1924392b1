"""What decoders are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .checks import INT32, whole

if TYPE_CHECKING:
    from ..types import Json


def shrink_commands(
    w: int,
    h: int,
    *,
    quality: Literal["fastest", "spatial", "gamma_correct"] = "gamma_correct",
) -> list[Json]:
    """Return the commands that ask decoders for at least *w* × *h* pixels."""
    whole("shrink width", w, 1, INT32)
    whole("shrink height", h, 1, INT32)
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
