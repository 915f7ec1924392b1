"""Runs a job, forks, and lets the child run one more; says what became of it.

Usage: forked_jobs.py KIND LIBRARY TOOL
"""

from __future__ import annotations

import os
import signal
import sys
import warnings

from imageflow_loader._engine import load_engine
from imageflow_loader.errors import EngineError

# pngquant is what starts a pool of threads in the official library.
PALETTE = {
    "framewise": {
        "steps": [
            {
                "create_canvas": {
                    "format": "bgra_32",
                    "w": 64,
                    "h": 64,
                    "color": {"srgb": {"hex": "FF8000FF"}},
                }
            },
            {"encode": {"io_id": 1, "preset": {"pngquant": {"quality": 90}}}},
        ]
    }
}

warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)


def main(kind: str, library: str, tool: str) -> None:
    """Say "answered" or why not, in the child."""
    os.environ["IMAGEFLOW_LIBRARY"] = library
    os.environ["IMAGEFLOW_TOOL"] = tool
    engine = load_engine(kind)  # type: ignore[arg-type]  # from the command line
    engine.send_json("v1/execute", PALETTE, outputs=[1])
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status))
    signal.alarm(20)  # a hang ends here, and is not mistaken for an answer
    try:
        answer = engine.send_json("v1/execute", PALETTE, outputs=[1])
    except EngineError as error:
        said = str(error)
    else:
        said = f"answered {len(answer.outputs[1]) > 0} {engine.info.edition}"
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
