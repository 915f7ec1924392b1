"""What did the user's environment ask for? The only reader of `os.environ`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, get_args

from .errors import SettingsError

if TYPE_CHECKING:
    from os import PathLike

    from .types import Edition, EngineKind

KindChoice: TypeAlias = Literal["auto", "library", "tool"]
EditionChoice: TypeAlias = Literal["auto", "official", "embedded"]
DownloadChoice: TypeAlias = Literal["auto", "manual", "never"]
LibcChoice: TypeAlias = Literal["glibc", "musl"]

_CHOICES: Final[dict[str, Any]] = {
    "backend": KindChoice,
    "edition": EditionChoice,
    "download": DownloadChoice,
    "libc": LibcChoice,
}
_SWITCH: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class Settings(NamedTuple):
    """Which engine is wanted, and what may be done to get it."""

    library: Path | None = None
    """`IMAGEFLOW_LIBRARY`: use this library and no other."""
    tool: Path | None = None
    """`IMAGEFLOW_TOOL`: use this tool and no other."""
    backend: KindChoice = "auto"
    """`IMAGEFLOW_BACKEND`: in process, in a child, or whichever is nearer."""
    edition: EditionChoice = "auto"
    """`IMAGEFLOW_EDITION`: upstream's engine, the one that is bundled, or either."""
    cache_dir: Path | None = None
    """`IMAGEFLOW_CACHE_DIR`: where fetched engines live, None for the usual place."""
    download: DownloadChoice = "auto"
    """`IMAGEFLOW_DOWNLOAD`: at first use, only by command, or not at all."""
    offline: bool = False
    """`IMAGEFLOW_OFFLINE`: never use the network, whatever else is said."""
    mirror: str | None = None
    """`IMAGEFLOW_MIRROR`: a URL or `file://` folder that stands in for the releases."""
    libc: LibcChoice | None = None
    """`IMAGEFLOW_LIBC`: choose engines for this family; None for the one in use."""

    @classmethod
    def from_environment(cls) -> Settings:
        """Return what the environment asks for.

        An empty variable counts as one that is not set.

        Raises:
            SettingsError: A variable holds something that is not understood.
        """
        given = {field: os.environ.get(_variable(field)) for field in cls._fields}
        return cls(**{f: _understood(f, value) for f, value in given.items() if value})

    @property
    def kind(self) -> EngineKind | None:
        """The kind that is wanted; None for either."""
        return None if self.backend == "auto" else self.backend

    def as_variables(self) -> dict[str, str]:
        """Return the variables that would ask for these settings, without defaults."""
        return {
            _variable(field): "1" if value is True else str(value)
            for field, value in self._asdict().items()
            if value != self._field_defaults[field]
        }

    def overridden(
        self,
        *,
        kind: KindChoice = "auto",
        edition: Edition | None = None,
        cache_dir: str | PathLike[str] | None = None,
        download: bool | None = None,
    ) -> Settings:
        """Return these settings with what a caller's arguments say instead.

        Args:
            kind: "auto" leaves the environment's choice.
            edition: None leaves the environment's choice.
            cache_dir: None leaves the environment's choice.
            download: True also allows what waits for a command, but nothing that
                is forbidden; None leaves the environment's choice.
        """
        allowed = self.download
        if download is not None and allowed != "never":
            allowed = "auto" if download else "never"
        return self._replace(
            backend=self.backend if kind == "auto" else kind,
            edition=edition or self.edition,
            cache_dir=self.cache_dir if cache_dir is None else _expanded(cache_dir),
            download=allowed,
        )


def preloads() -> bool:
    """Return whether the loader was told to put other libraries before libc."""
    return bool(os.environ.get("LD_PRELOAD"))


def library_path() -> tuple[str, ...]:
    """Return the folders that the loader was told to look in first."""
    folders = os.environ.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":")
    return tuple(filter(None, folders))


def _expanded(path: str | PathLike[str]) -> Path:
    # Few shells expand a tilde in `VARIABLE=~/file command`, and no Dockerfile. Path's
    # own way raises where there is no home.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def _variable(field: str) -> str:
    return f"IMAGEFLOW_{field.upper()}"


def _understood(field: str, value: str) -> Any:
    """Return what a variable's value means.

    Raises:
        SettingsError: It means nothing.
    """
    if field in _CHOICES:
        words = get_args(_CHOICES[field])
        if value in words:
            return value
        expected = f"{', '.join(words[:-1])} or {words[-1]}"
    elif field == "offline":
        if value.lower() in _SWITCH:
            return _SWITCH[value.lower()]
        expected = "1 or 0"
    elif field == "mirror":
        if value.startswith(("https://", "http://", "file://")):
            return value if "?" in value else value.rstrip("/")
        value = value.rpartition("@")[2].partition("?")[0]  # the rest may be secret
        expected = "a URL or to a folder as file:///folder"
    else:
        return _expanded(value)
    raise SettingsError(f"{_variable(field)} is {value!r}. Set it to {expected}.")


def colours_are_unwanted() -> bool:
    """Whether a terminal is to show no colours (no-color.org), or has none."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
