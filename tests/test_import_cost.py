"""What `import imageflow_loader` does to a process: next to nothing."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parents[1] / "imageflow_loader").rglob("*.py"))

# Runs in a new interpreter: imports, then says what happened meanwhile.
PROBE = """
import json, sys
events, before = [], set(sys.modules)
sys.addaudithook(lambda event, arguments: events.append(event))
{statement}
print(json.dumps([sorted(set(events)), sorted(set(sys.modules) - before)]))
"""

HEAVY = {
    "PIL",
    "_cffi_backend",
    "asyncio",
    "cffi",
    "ctypes",
    "numpy",
    "platformdirs",
    "requests",
    "socket",
    "ssl",
    "subprocess",
    "typing_extensions",
    "urllib.request",
}
FORBIDDEN = (
    "socket.",
    "subprocess.",
    "ctypes.",
    "os.fork",
    "os.exec",
    "os.posix_spawn",
)
WRITING = ("os.mkdir", "os.remove", "os.rename", "os.chmod", "shutil.", "tempfile.")


def probe(statement: str) -> tuple[set[str], set[str]]:
    """Return the audit events and the new modules that *statement* causes."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROBE.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
    )
    events, modules = json.loads(done.stdout)
    return set(events), set(modules)


def test_the_import_loads_nothing_native_and_nothing_heavy() -> None:
    _, modules = probe("import imageflow_loader")

    assert not modules & HEAVY


def test_the_import_opens_no_socket_starts_no_process_and_writes_nothing() -> None:
    events, _ = probe("import imageflow_loader")

    assert not {e for e in events if e.startswith(FORBIDDEN + WRITING)}


def test_touching_every_public_name_loads_no_engine_and_opens_no_socket() -> None:
    every = "import imageflow_loader as m; [getattr(m, name) for name in m.__all__]"

    events, modules = probe(every)

    assert not modules & (HEAVY - {"subprocess"})
    assert not {e for e in events if e.startswith(FORBIDDEN)}


def test_nothing_is_a_dataclass_which_would_cost_each_import_a_millisecond() -> None:
    tree = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]

    made = {
        node.name
        for module in tree
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        and any("dataclass" in ast.unparse(each) for each in node.decorator_list)
    }

    assert made == {"Value"}  # `dataclass_transform`, for type checkers


@pytest.mark.parametrize(
    ("statement", "event"),
    [
        ("import socket; socket.socket()", "socket.__new__"),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("import os; os.mkdir('/dev/null')", "os.mkdir"),
    ],
)
def test_the_probe_sees_what_it_looks_for(statement: str, event: str) -> None:
    events, _ = probe(f"try: exec({statement!r})\nexcept OSError: pass")

    assert event in events
