"""Could somebody else have put this file here, or change it before it is loaded?

What is loaded runs with the user's rights, so the cache is believed only where its
folders and files belong to this user or to root and nobody else may write them. On
Windows a folder's rights come from its parent, and there is nothing to ask.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from ..errors import EngineLoadError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_ROOT: Final = 0


def require_trusted(root: Path, paths: Iterable[Path]) -> None:
    """Refuse what somebody else could change.

    Args:
        root: The cache folder. The folders above it need only be closed to strangers:
            whoever named the folder has chosen whom they belong to.
        paths: What is in it, folders and files.

    Raises:
        EngineLoadError: One of them is somebody else's, or writable for others.
        OSError: One of them cannot be looked at.
    """
    if not hasattr(os, "getuid"):
        return
    if os.getuid() != os.geteuid():
        raise _refusal(
            "The cache is not used by a process that runs setuid, since its caller "
            "could have named the folder.",
            "Run it without that right.",
        )
    for parent in root.parents:
        if _open_to_strangers(parent.stat().st_mode):
            raise _refusal(
                f"The cache folder {root} is not used: everybody may write {parent}.",
                f"Run chmod o-w {parent}, or set IMAGEFLOW_CACHE_DIR.",
            )
    for path in (root, *paths):
        _require_ours(path)


def require_own_place(root: Path) -> None:
    """Refuse to make the cache of root in the folder of another user.

    `sudo` may keep HOME, and what root leaves there the user cannot remove.

    Raises:
        EngineLoadError: It would be made in somebody else's folder.
    """
    if not hasattr(os, "geteuid") or os.geteuid() != _ROOT:
        return
    nearest = next(path for path in (root, *root.parents) if path.exists())
    owner = nearest.stat().st_uid
    if owner != _ROOT:
        raise _refusal(
            f"{nearest} belongs to {_user(owner)}, so root does not keep engines "
            "there.",
            "Run this as that user, or set IMAGEFLOW_CACHE_DIR.",
        )


def _require_ours(path: Path) -> None:
    status = path.stat()
    if status.st_uid not in {_ROOT, os.geteuid()}:
        raise _refusal(
            f"{path} is not used: it belongs to {_user(status.st_uid)}, who could "
            "change what it holds.",
            "Set IMAGEFLOW_CACHE_DIR to a folder of your own.",
        )
    others = _open_to_strangers(status.st_mode)
    # A group of one's own is how many systems set up their users, with umask 002.
    group = status.st_mode & stat.S_IWGRP and status.st_gid != os.getegid()
    if others or (group and not status.st_mode & stat.S_ISVTX):
        raise _refusal(
            f"{path} is not used: others may write it.", f"Run chmod go-w {path}."
        )


def _open_to_strangers(mode: int) -> bool:
    """Return whether anybody may rename what is in the folder.

    In a sticky one (/tmp) everybody may add to it, but take away only what is theirs.
    """
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _user(uid: int) -> str:
    try:
        import pwd

        return f"user {pwd.getpwuid(uid).pw_name}"
    except (ImportError, KeyError):
        return f"user {uid}"


def _refusal(sentence: str, remedy: str) -> EngineLoadError:
    return EngineLoadError(f"{sentence} {remedy}", reason="not_trusted", hint=remedy)
