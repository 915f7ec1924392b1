"""Values: unchangeable, and equal if they hold the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> Any:
        return lambda value: value


@dataclass_transform(frozen_default=True)
class Value:
    """What a frozen dataclass is, and written like one.

    Dataclasses take 15 ms to import and nearly 1 ms for each class, these a tenth of
    that: most programs use few of our values, and all of them wait for the import.
    """

    def __init_subclass__(cls) -> None:
        """Write `__init__` by the annotations; those below `_: KW_ONLY` need names."""
        hints = {
            name: hint
            for name, hint in cls.__annotations__.items()
            if not hint.startswith("ClassVar")
        }
        if not hints or "__init__" in vars(cls):
            return
        scope: dict[str, Any] = dict(vars(cls))
        parameters = ", ".join(
            "*" if hint == "KW_ONLY" else f"{name}={name}" if name in scope else name
            for name, hint in hints.items()
        )
        hints.pop("_", None)
        members = ", ".join(f"{name}={name}" for name in hints)
        text = f"def __init__(self, {parameters}) -> None:\n"
        text += f"    self.__dict__.update({members})\n    self._check()\n"
        exec(text, vars(sys.modules[cls.__module__]), scope)  # noqa: S102 - our own words
        made = scope["__init__"]
        made.__qualname__ = f"{cls.__qualname__}.__init__"
        made.__annotations__.update(hints)
        type.__setattr__(cls, "__init__", made)  # which type checkers do not follow

    def _check(self) -> None:
        """Raise unless the members can be so."""

    def _replace(self, **changes: Any) -> Self:
        """Return it with other members."""
        return type(self)(**{**vars(self), **changes})

    __replace__ = _replace  # what `copy.replace` asks for, from Python 3.13 on

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def _parts(self) -> object:
        """Return what another must have as well to be equal."""
        return vars(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Value) or type(other) is not type(self):
            return NotImplemented
        return self is other or self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        members = vars(self).items()
        shown = [f"{name}={value!r}" for name, value in members if name[0] != "_"]
        return f"{type(self).__name__}({', '.join(shown)})"
