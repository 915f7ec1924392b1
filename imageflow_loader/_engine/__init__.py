"""The hall: find an engine, hand it requests, say why it is this one."""

from __future__ import annotations

from .._backend import ToolLimits as ToolLimits
from ..types import EngineInfo as EngineInfo
from .engine import Engine as Engine, RawResponse as RawResponse
from .fetching import fetch as fetch
from .loading import (
    get_engine as get_engine,
    load_engine as load_engine,
    use_engine as use_engine,
)
