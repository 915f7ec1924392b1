"""The hall: find an engine, hand it requests, say why it is this one."""

from __future__ import annotations

from .._backend import ToolLimits
from ..types import EngineInfo
from .engine import Engine, RawResponse
from .fetching import fetch
from .loading import get_engine, load_engine, use_engine

__all__ = [
    "Engine",
    "EngineInfo",
    "RawResponse",
    "ToolLimits",
    "fetch",
    "get_engine",
    "load_engine",
    "use_engine",
]
