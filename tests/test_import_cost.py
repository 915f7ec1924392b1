"""What `import imageflow_loader` does to a process: next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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
