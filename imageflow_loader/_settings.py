"""What did the user's environment ask for? The only reader of `os.environ`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Final,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
)

from .errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from .types import Edition

KindChoice: TypeAlias = Literal["auto", "library", "tool"]
EditionChoice: TypeAlias = Literal["auto", "official", "embedded"]
DownloadChoice: TypeAlias = Literal["auto", "manual", "never"]
LibcChoice: TypeAlias = Literal["glibc", "musl"]

_Choice = TypeVar("_Choice", bound=str)

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


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
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return what *environ* asks for, by default the process's own.

        An empty variable counts as one that is not set.

        Raises:
            SettingsError: A variable holds something that is not understood.
        """
        env = os.environ if environ is None else environ
        return cls(
            library=_path(env, "IMAGEFLOW_LIBRARY"),
            tool=_path(env, "IMAGEFLOW_TOOL"),
            backend=_choice(env, "IMAGEFLOW_BACKEND", get_args(KindChoice), "auto"),
            edition=_choice(env, "IMAGEFLOW_EDITION", get_args(EditionChoice), "auto"),
            cache_dir=_path(env, "IMAGEFLOW_CACHE_DIR"),
            download=_choice(
                env, "IMAGEFLOW_DOWNLOAD", get_args(DownloadChoice), "auto"
            ),
            offline=_switch(env, "IMAGEFLOW_OFFLINE"),
            mirror=_mirror(env, "IMAGEFLOW_MIRROR"),
            libc=_choice(env, "IMAGEFLOW_LIBC", get_args(LibcChoice), None),
        )

    def as_variables(self) -> dict[str, str]:
        """Return the variables that would ask for these settings, without defaults."""
        asked = {
            "IMAGEFLOW_LIBRARY": self.library,
            "IMAGEFLOW_TOOL": self.tool,
            "IMAGEFLOW_BACKEND": None if self.backend == "auto" else self.backend,
            "IMAGEFLOW_EDITION": None if self.edition == "auto" else self.edition,
            "IMAGEFLOW_CACHE_DIR": self.cache_dir,
            "IMAGEFLOW_DOWNLOAD": None if self.download == "auto" else self.download,
            "IMAGEFLOW_OFFLINE": "1" if self.offline else None,
            "IMAGEFLOW_MIRROR": self.mirror,
            "IMAGEFLOW_LIBC": self.libc,
        }
        return {name: str(value) for name, value in asked.items() if value is not None}

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
        return self._replace(
            backend=self.backend if kind == "auto" else kind,
            edition=self.edition if edition is None else edition,
            cache_dir=self.cache_dir if cache_dir is None else Path(cache_dir),
            download=self._download(download),
        )

    def _download(self, wanted: bool | None) -> DownloadChoice:
        if wanted is None or self.download == "never":
            return self.download
        return "auto" if wanted else "never"


def preloads(environ: Mapping[str, str] | None = None) -> bool:
    """Return whether the loader was told to put other libraries before libc."""
    return bool((os.environ if environ is None else environ).get("LD_PRELOAD"))


def library_path(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the folders that the loader was told to look in first."""
    value = (os.environ if environ is None else environ).get("LD_LIBRARY_PATH", "")
    return tuple(filter(None, value.replace(";", ":").split(":")))


def _path(env: Mapping[str, str], name: str) -> Path | None:
    value = env.get(name, "")
    return Path(value) if value else None


def _choice(
    env: Mapping[str, str],
    name: str,
    choices: tuple[_Choice, ...],
    default: _Choice | None,
) -> _Choice:
    value = env.get(name, "")
    if not value:
        return cast("_Choice", default)
    if value not in choices:
        raise SettingsError(f"{name} is {value!r}. Set it to {_listed(choices)}.")
    return cast("_Choice", value)


def _switch(env: Mapping[str, str], name: str) -> bool:
    value = env.get(name, "").lower()
    if value in _TRUE:
        return True
    if not value or value in _FALSE:
        return False
    raise SettingsError(f"{name} is {env[name]!r}. Set it to 1 or 0.")


def _mirror(env: Mapping[str, str], name: str) -> str | None:
    value = env.get(name, "")
    if not value:
        return None
    if not value.startswith(("https://", "http://", "file://")):
        said = value.rpartition("@")[2].partition("?")[0]  # the rest may be secret
        raise SettingsError(
            f"{name} is {said!r}. Set it to a URL or to a folder as file:///folder."
        )
    return value if "?" in value else value.rstrip("/")


def _listed(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}"


def colours_are_unwanted() -> bool:
    """Whether a terminal is to show no colours (no-color.org), or has none."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
