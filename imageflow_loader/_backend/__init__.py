"""Run this request: in process, or in a child."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import EngineLoadError
from .protocol import Backend, Request, Response, ToolLimits
from .version import edition

if TYPE_CHECKING:
    from pathlib import Path

    from .._platform import Platform
    from ..types import EngineKind

__all__ = ["Backend", "Request", "Response", "ToolLimits", "edition", "open_backend"]


def open_backend(
    kind: EngineKind,
    path: Path,
    *,
    platform: Platform,
    tool_limits: ToolLimits | None = None,
) -> Backend:
    """Load the library or start the tool at *path*, and see that it is one.

    Args:
        kind: Which of the two it is.
        path: The file; the caller has looked at its header.
        platform: This machine.
        tool_limits: What each child of a tool may use; a library takes no notice.

    Raises:
        EngineLoadError: It cannot be loaded or started, or is something else.
        EngineIncompatibleError: It speaks an ABI that this package does not.
        UnsupportedFeatureError: This system cannot keep *tool_limits*.
    """
    # Imported when needed: a tool needs no cffi, a library no subprocess.
    if kind == "library":
        try:
            from .library import open_library
        except ImportError as error:  # so it is in an isolated subinterpreter
            raise EngineLoadError(
                f"{path} cannot be loaded: cffi cannot be imported ({error}).",
                reason="no_cffi",
                hint="Install cffi, or use the tool.",
            ) from error
        return open_library(path, platform=platform)
    from .tool import open_tool

    return open_tool(path, limits=tool_limits)
