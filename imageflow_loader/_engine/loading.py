"""Find an engine: try what may do, in order, until one opens."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .._backend import ToolLimits, open_backend
from .._checks import given, instance, one_of, switch, whole
from .._platform import current_platform
from .._settings import KindChoice, Settings
from .._supply import (
    SHORTAGE,
    Candidate,
    Verdict,
    candidates,
    nothing_usable,
    preflight,
)
from ..errors import (
    EngineError,
    EngineLoadError,
    EngineNotFoundError,
    JobError,
    refuse_at_exit,
)
from ..types import Attempt, Edition
from .engine import FORKED, Engine, edition_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from .._backend import Backend
    from .._platform import Platform

_EngineT = TypeVar("_EngineT", bound=Engine)

_log = logging.getLogger("imageflow_loader")
_log.addHandler(logging.NullHandler())  # silent in a program that sets up no logging


class _Choice(NamedTuple):
    """What was asked for, kept so that it can be asked again after a fork."""

    settings: Settings
    platform: Platform
    path: Path | None = None
    tool_limits: ToolLimits | None = None
    max_concurrency: int | None = None


def load_engine(
    kind: KindChoice = "auto",
    *,
    path: str | PathLike[str] | None = None,
    edition: Edition | None = None,
    download: bool | None = None,
    cache_dir: str | PathLike[str] | None = None,
    max_concurrency: int | None = None,
    tool_limits: ToolLimits | None = None,
) -> Engine:
    """Find an engine that runs here, open it and return it.

    What is not given is as the environment says (`IMAGEFLOW_BACKEND` …).

    Args:
        kind: "library" in process, "tool" in a child, "auto" whichever is nearer.
        path: The engine's file: this one or none.
        edition: Whose engine: "official" or "embedded".
        download: False forbids the network, True also allows it where a command is
            asked for otherwise; never against `IMAGEFLOW_OFFLINE`.
        cache_dir: Where fetched engines live.
        max_concurrency: How many jobs run at once, at least 1; the others wait their
            turn. None: one child for each processor, in process without limit.
        tool_limits: What a child may use.

    Raises:
        EngineNotFoundError: There is none; the message lists what was tried.
        EngineLoadError: The one that was named cannot be used.
        EngineIncompatibleError: The one that was named speaks another ABI.
        SettingsError: An environment variable is not understood.
        ValueError: There is no such kind or edition, or *max_concurrency* is below 1.
    """
    one_of(KindChoice, kind=kind)
    one_of(Edition, **given(edition=edition))
    switch(**given(download=download))
    whole(1, **given(max_concurrency=max_concurrency))
    instance(ToolLimits, tool_limits=tool_limits)
    settings = Settings.from_environment().overridden(
        kind=kind, edition=edition, cache_dir=cache_dir, download=download
    )
    platform, named = (
        current_platform(settings.libc),
        None if path is None else Path(path),
    )
    return _load(_Choice(settings, platform, named, tool_limits, max_concurrency))


_chosen: ContextVar[Engine | None] = ContextVar("imageflow_engine", default=None)
_default: Engine | None = None
_default_lock = threading.RLock()


def get_engine() -> Engine:
    """Return the engine of this context, else the one of this process.

    The latter is found at the first call, as `load_engine()` finds it.

    Raises:
        EngineError: As `load_engine`.
    """
    global _default
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    with _default_lock:
        if _default is None or _default.closed:
            _default = load_engine()
        return _default


@contextlib.contextmanager
def use_engine(engine: _EngineT) -> Iterator[_EngineT]:
    """Make *engine* the one that `get_engine` returns in this context.

    An asyncio task takes it along; a thread that is started inside does not.
    """
    token = _chosen.set(engine)
    try:
        yield engine
    finally:
        _chosen.reset(token)


def _load(choice: _Choice) -> Engine:
    refuse_at_exit()
    attempts: list[Attempt] = []
    for item in candidates(choice.platform, choice.settings, path=choice.path):
        if isinstance(item, Attempt):
            attempts.append(item)
            continue
        path: Path | None = None
        try:
            path = item.obtain()
            backend = _open(item, path, choice)
        except EngineError as error:
            attempts.append(item.attempt(path, error))
            _log.debug("passed over %s: %s", path or item.origin, error.message)
            if item.named_by is not None:
                error.message = f"{item.named_by}: {error.message}"
            # What this process lacks is no reason to take, or to fetch, another engine.
            ours = type(error) is EngineError or getattr(error, "reason", 0) == SHORTAGE
            if item.named_by is not None or ours:
                error.args, error.attempts = (error.message,), tuple(attempts)
                raise
        else:
            attempts.append(item.attempt(path))
            _log.debug("using the %s %s", item.kind, path)
            return Engine(
                backend,
                origin=item.origin,
                attempts=attempts,
                platform=choice.platform,
                max_concurrency=choice.max_concurrency,
                replacement=partial(_tool_after_fork, choice, item.named_by),
            )
    message = nothing_usable(choice.platform, choice.settings, attempts)
    raise EngineNotFoundError(message, attempts=attempts)


def _tool_after_fork(choice: _Choice, named_by: str | None) -> Engine:
    """Return the official tool, and never one that nobody has named or fetched."""
    asked = choice.settings
    settings = asked.overridden(
        kind="tool", edition=None if asked.tool else "official", download=False
    )
    library_alone = named_by is not None and (choice.path or not asked.tool)
    if asked.kind == "library" or library_alone:
        raise EngineError(FORKED)
    try:
        return _load(choice._replace(settings=settings))
    except EngineError as error:
        raise EngineError(f"{FORKED} {error.message}") from error


def _open(candidate: Candidate, path: Path, choice: _Choice) -> Backend:
    """Open *path*, after its header has said that it can be opened."""
    verdict = preflight(path, candidate.kind, choice.platform)
    if not verdict.ok:
        raise _refusal(verdict)
    if candidate.named_by and verdict.code == "others_can_write":
        _log.warning("%s: %s", candidate.named_by, verdict.sentence)
    try:
        backend = open_backend(
            candidate.kind,
            path,
            platform=choice.platform,
            tool_limits=choice.tool_limits,
        )
        if candidate.edition is None:
            _ask_who_it_is(backend, choice.settings)
    except EngineLoadError as error:
        if verdict.code == "missing_dependency":
            raise _refusal(verdict) from error
        raise
    return backend


def _ask_who_it_is(backend: Backend, settings: Settings) -> None:
    """Make sure that a file named by the user is the engine that is wanted."""
    try:
        edition = edition_of(backend.version)
    except JobError as error:
        backend.close()
        raise EngineLoadError(
            f"{backend.path} does not answer as imageflow does: {error.message}",
            reason="not_imageflow",
        ) from error
    if settings.edition not in ("auto", edition):
        backend.close()
        raise EngineLoadError(
            f"{backend.path} is the {edition} edition, but the {settings.edition} one "
            "was asked for.",
            reason="wrong_edition",
            hint="Change IMAGEFLOW_EDITION or edition=, or name another file.",
        )


def _refusal(verdict: Verdict) -> EngineLoadError:
    text = " ".join(filter(None, (verdict.sentence, verdict.remedy)))
    return EngineLoadError(text, reason=verdict.code, hint=verdict.remedy)


def _after_fork_in_child() -> None:
    global _default_lock
    _default_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
