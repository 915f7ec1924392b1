"""Wrong arguments are refused where they are written, and the right ones are named."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

from .._colors import Color
from ..types import Anchor

if TYPE_CHECKING:
    from .._colors import ColorLike
    from ..types import Gravity, Json

_PLACES = {
    f"{y}_{x}" if y and x else y or x or "center": (across, down)
    for y, down in (("top", 0.0), ("", 50.0), ("bottom", 100.0))
    for x, across in (("left", 0.0), ("", 50.0), ("right", 100.0))
}
UINT32, INT32 = 2**32 - 1, 2**31 - 1


def one_of(name: str, value: object, literal: Any) -> None:
    """Raise `ValueError` unless *value* is one of the words of *literal*."""
    words = get_args(literal)
    if value in words:
        return
    hint = ""
    if isinstance(value, str):
        from difflib import get_close_matches  # 4 ms, and only for mistakes

        near = get_close_matches(value.lower(), map(str, words), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
    known = ", ".join(map(repr, words))
    raise ValueError(f"{name} is one of {known}, not {value!r}{hint}")


def whole(name: str, value: object, low: int = 0, high: int = UINT32) -> None:
    """Raise unless *value* is a whole number from *low* to *high*."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} is {low} to {high}, not {value}")


def number(
    name: str, value: object, low: float = -math.inf, high: float = math.inf
) -> None:
    """Raise unless *value* is a finite number from *low* to *high*."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number, not {value!r}")
    if not math.isfinite(value) or not low <= value <= high:
        limits = f"{low:g} to {high:g}" if math.isfinite(high) else f"at least {low:g}"
        wanted = limits if math.isfinite(low) else "finite"
        raise ValueError(f"{name} is {wanted}, not {value}")


def switch(name: str, value: object) -> None:
    """Raise `TypeError` unless *value* is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} is True or False, not {value!r}")


def given(**members: Json) -> dict[str, Json]:
    """Return the members that are not None: the engine then uses its default."""
    return {name: value for name, value in members.items() if value is not None}


def members(value: Any, *, without: str = "") -> dict[str, Json]:
    """Return what is set in a value, as the engine's JSON has it.

    Raises:
        TypeError: A member is not of the class that it must be.
        ValueError: A colour or a place is none.
    """
    return given(
        **{
            each.name: _member_json(each.name, getattr(value, each.name))
            for each in fields(value)
            if each.name != without
        }
    )


def _member_json(name: str, value: Any) -> Json:
    if value is None:
        return None
    if name in ("background_color", "canvas_color", "matte"):
        return color_json(value)
    if name == "gravity":
        return gravity_json(value)
    if name == "quality_profile" and not isinstance(value, str):
        return {"percent": value}
    if name == "lossless":
        return str(value).lower()
    if name in ("allow", "fit_box", "hints"):
        return value_json(name, value)
    json: Json = value
    return json


def value_json(name: str, value: Any) -> Json:
    """Return one of our own values as the engine's JSON has it, None for None."""
    if value is None:
        return None
    if not hasattr(value, "to_json"):
        raise TypeError(f"{name} is a value of imageflow_loader, not {value!r:.80}")
    json: Json = value.to_json()
    return json


def color_json(color: ColorLike | None) -> Json:
    """Return a colour as the engine's JSON has it, None for None."""
    return None if color is None else Color.parse(color).to_json()


def gravity_json(gravity: Gravity | None) -> Json:
    """Return a place as the engine's JSON has it.

    Raises:
        ValueError: It is no place, or a percentage is not 0 to 100.
    """
    if gravity is None:
        return None
    if isinstance(gravity, str):
        one_of("gravity", gravity, Anchor)
        x, y = _PLACES[gravity]
    else:
        x, y = gravity
        number("gravity x", x, 0, 100)
        number("gravity y", y, 0, 100)
    return {"percentage": {"x": x, "y": y}}
