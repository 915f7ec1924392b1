"""Wrong arguments are refused where they are written, and the right ones are named.

Each check takes arguments by their names and returns them as the engine's JSON has
them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, get_args

from ._colors import Color
from .types import Anchor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._colors import ColorLike
    from .types import Gravity, Json

UINT32, INT32 = 2**32 - 1, 2**31 - 1
_LARGEST = sys.float_info.max


def given(**values: Any) -> dict[str, Any]:
    """Return what is not None: the engine then uses its default."""
    return {name: value for name, value in values.items() if value is not None}


def one_of(literal: Any, /, **values: object) -> dict[str, Any]:
    """Raise `ValueError` unless the values are words of *literal*."""
    words = get_args(literal)
    for name, value in values.items():
        if value not in words:
            known = ", ".join(map(repr, words))
            near = nearest(value, words) if isinstance(value, str) else None
            hint = f"; did you mean {near!r}?" if near else ""
            raise ValueError(f"{name} is one of {known}, not {value!r}{hint}")
    return values


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Return what was probably meant by *word*, if anything."""
    from difflib import get_close_matches  # 4 ms, and only for mistakes

    return next(iter(get_close_matches(word.lower(), words, n=1)), None)


def whole(low: int = 0, high: int = UINT32, /, **values: object) -> dict[str, Any]:
    """Raise unless the values are whole numbers from *low* to *high*."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} is a whole number, not {value!r}")
        if not low <= value <= high:
            raise ValueError(f"{name} is {low} to {high}, not {value}")
    return values


def number(
    low: float = -_LARGEST, high: float = _LARGEST, /, **values: object
) -> dict[str, Any]:
    """Raise unless the values are finite numbers from *low* to *high*."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} is a number, not {value!r}")
        if not low <= value <= high:
            limits = f"{low:g} to {high:g}" if high < _LARGEST else f"at least {low:g}"
            wanted = limits if low > -_LARGEST else "finite"
            raise ValueError(f"{name} is {wanted}, not {value}")
    return values


def instance(kind: type, /, **values: object) -> None:
    """Raise `TypeError` unless the values are of *kind*, or not given."""
    for name, value in given(**values).items():
        if not isinstance(value, kind):
            raise TypeError(f"{name} is of type {kind.__name__}, not {value!r:.80}")


def switch(**values: object) -> dict[str, Any]:
    """Raise `TypeError` unless the values are True or False."""
    for name, value in values.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} is True or False, not {value!r}")
    return values


def colors(**values: ColorLike) -> dict[str, Json]:
    """Raise `ValueError` unless the values are colours."""
    return {name: Color.parse(value).to_json() for name, value in values.items()}


def parts(**values: Any) -> dict[str, Json]:
    """Raise `TypeError` unless the values are such as this package has for them."""
    for name, value in values.items():
        if not hasattr(value, "to_json"):
            raise TypeError(f"{name} is a value of imageflow_loader, not {value!r:.80}")
    return {name: value.to_json() for name, value in values.items()}


def place(gravity: Gravity) -> dict[str, Json]:
    """Raise `ValueError` unless *gravity* is a place, its percentages 0 to 100."""
    if isinstance(gravity, str):
        one_of(Anchor, gravity=gravity)
        row, column = divmod(get_args(Anchor).index(gravity), 3)  # as they are listed
        x, y = 50.0 * column, 50.0 * row
    else:
        x, y = gravity
        number(0, 100, **{"gravity x": x, "gravity y": y})
    return {"gravity": {"percentage": {"x": x, "y": y}}}
