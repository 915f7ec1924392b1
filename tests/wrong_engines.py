"""Engines that are wrong on purpose: a few lines of C, built when a test asks."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

ABI_NAMES = (
    "imageflow_abi_compatible",
    "imageflow_buffer_free",
    "imageflow_context_add_input_buffer",
    "imageflow_context_add_output_buffer",
    "imageflow_context_create",
    "imageflow_context_destroy",
    "imageflow_context_error_code",
    "imageflow_context_error_write_to_buffer",
    "imageflow_context_get_output_buffer_by_id",
    "imageflow_context_has_error",
    "imageflow_context_request_cancellation",
    "imageflow_context_send_json",
    "imageflow_context_take_output_buffer",
    "imageflow_json_response_destroy",
    "imageflow_json_response_read",
)


def abi(major: int, minor: int) -> str:
    """Return C that speaks an ABI and does nothing else."""
    lines = [
        f"unsigned imageflow_abi_version_major(void) {{ return {major}; }}",
        f"unsigned imageflow_abi_version_minor(void) {{ return {minor}; }}",
        *(f"void *{name}(void) {{ return 0; }}" for name in ABI_NAMES),
    ]
    return "\n".join(lines)


ABI_4 = abi(4, 0)
ABI_TOO_OLD = abi(3, 0)
NO_SYMBOLS = "int something_else(void) { return 1; }"
HALF_THE_SYMBOLS = """
    unsigned imageflow_abi_version_major(void) { return 3; }
    unsigned imageflow_abi_version_minor(void) { return 2; }
    void *imageflow_context_create(unsigned a, unsigned b) { return 0; }
"""


def constructor(body: str) -> str:
    """Return C that runs *body* while it is being loaded."""
    return f"""
        #include <stdlib.h>
        #include <signal.h>
        #include <unistd.h>
        {abi(3, 2)}
        __attribute__((constructor)) static void at_load(void) {{ {body} }}
    """


def program(name: str) -> str:
    """Return the path of the program *name*, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here")
    return found


def compiler() -> list[str]:
    """Return the command of the C compiler (`CC`, else cc), or skip the test."""
    name, *arguments = shlex.split(os.environ.get("CC", "cc"))
    return [program(name), *arguments]


def build(
    folder: Path,
    name: str,
    source: str,
    *flags: str,
    compile_with: list[str] | None = None,
) -> Path:
    """Compile *source* to the file *name*, a library if its name says so."""
    target = folder / name
    code = target.with_suffix(".c")
    code.write_text(source)
    shape = ["-shared", "-fPIC"] if ".so" in name else []
    subprocess.run(
        [*(compile_with or compiler()), *shape, "-o", target, code, *flags],
        check=True,
        capture_output=True,
    )
    return target
