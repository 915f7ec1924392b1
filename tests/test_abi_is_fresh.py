"""The committed cffi module is what its generator writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_committed_module_is_what_build_ffi_writes() -> None:
    command = [sys.executable, str(ROOT / "build_ffi.py"), "--check"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
