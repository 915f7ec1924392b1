"""The same questions put to real processes, as far as this machine can start them.

`--alpine ROOT` names an Alpine root with a musl Python in it (`/opt/python` or `/usr`),
`--python32 PATH` a 32-bit Python that runs here. What is not there is skipped.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from imageflow_loader._platform import current_platform, libc
from tests.alpine_root import Alpine, in_a_namespace
from tests.wrong_engines import build, program as path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).parents[2]
HERE = current_platform()
ON_GLIBC = HERE.libc is not None and HERE.libc.family == "glibc"

QUESTION = """
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from imageflow_loader._platform import current_platform
platform = current_platform()
libc = platform.libc
print(json.dumps({
    "arch": platform.arch, "libc": libc.family, "version": libc.version,
    "can_dlopen": platform.can_dlopen, "evidence": libc.evidence,
    "executable": sys.executable,
}))
"""


class Answer(NamedTuple):
    """What a process said of itself."""

    libc: str
    version: tuple[int, int] | None
    arch: str
    can_dlopen: bool
    evidence: list[str]
    executable: str


def ask(
    *python: object,
    project: object = PROJECT,
    program: str = QUESTION,
    env: Mapping[str, str] | None = None,
) -> Answer:
    """Start *python* and let it look at itself."""
    command = [*map(str, python), "-c", program, str(project)]
    environment = {**os.environ, **(env or {})}
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    facts: dict[str, Any] = json.loads(ended.stdout)
    version = facts["version"] and tuple(facts["version"])
    return Answer(
        facts["libc"],
        version,
        facts["arch"],
        facts["can_dlopen"],
        facts["evidence"],
        facts["executable"],
    )


@pytest.fixture
def glibc() -> tuple[int, int]:
    """Return the glibc version here, by the word of the C library itself."""
    if not ON_GLIBC:
        pytest.skip("this Python does not run on glibc")
    name = os.confstr("CS_GNU_LIBC_VERSION") or ""
    major, minor = name.split()[1].split(".")[:2]
    return int(major), int(minor)


def test_this_python_is_told_as_it_was_built() -> None:
    soabi = sysconfig.get_config_var("SOABI") or ""
    if sys.implementation.name != "cpython" or sys.version_info < (3, 11):
        pytest.skip("this Python does not say what it was built for")
    if sys.platform != "linux":
        pytest.skip("no libc to tell")

    answer = ask(sys.executable)

    assert answer.libc == ("musl" if soabi.endswith("-musl") else "glibc")
    assert answer.arch == soabi.split("-")[2].replace("i386", "x86")
    assert answer.can_dlopen


def test_a_loader_that_is_started_with_python_as_its_argument(
    glibc: tuple[int, int],
) -> None:
    loader = interpreter_of(Path(sys.executable))

    answer = ask(loader, Path(sys.executable).resolve())

    assert answer[:4] == ("glibc", glibc, HERE.arch, True)
    assert "interpreter: none" in answer.evidence


def test_without_proc_glibc_is_told_by_its_symbols(glibc: tuple[int, int]) -> None:
    command = in_a_namespace("mount -t tmpfs none /proc")

    answer = ask(*command, sys.executable)

    assert answer[:4] == ("glibc", glibc, HERE.arch, True)
    assert "program: No such file or directory" in answer.evidence


def test_a_shell_wrapper_instead_of_the_executable(
    glibc: tuple[int, int], tmp_path: Path
) -> None:
    bash = path_of("bash")  # sh cannot give a program another name
    wrapper = tmp_path / "python3"
    python = shlex.quote(sys.executable)
    wrapper.write_text(f'#!{bash}\nexec -a "$0" {python} -B "$@"\n')
    wrapper.chmod(0o755)

    answer = ask(wrapper, env={"PYTHONHOME": sys.base_prefix})

    assert answer.executable == str(wrapper)
    assert answer[:4] == ("glibc", glibc, HERE.arch, True)


def test_an_executable_that_is_replaced_while_it_runs(
    glibc: tuple[int, int], tmp_path: Path
) -> None:
    python = tmp_path / "python3"
    shutil.copy(Path(sys.executable).resolve(), python)
    program = f"import os; os.remove({str(python)!r})\n{QUESTION}"

    answer = ask(python, program=program, env={"PYTHONHOME": sys.base_prefix})

    assert not python.exists()
    assert answer[:4] == ("glibc", glibc, HERE.arch, True)


def test_a_preloaded_library_changes_nothing_but_the_witnesses(
    glibc: tuple[int, int], tmp_path: Path
) -> None:
    shim = build(tmp_path, "shim.so", "int nothing(void) { return 0; }")

    answer = ask(sys.executable, env={"LD_PRELOAD": str(shim)})

    assert answer[:4] == ("glibc", glibc, HERE.arch, True)
    assert "symbols: gnu_get_libc_version" in answer.evidence


def test_alpine_with_proc_is_musl(alpine: Alpine) -> None:
    root = shlex.quote(str(alpine.root))
    command = alpine.inside(f"mount --rbind /proc {root}/proc")

    answer = ask(*command, alpine.python, project="/mnt")

    assert answer[:4] == ("musl", None, HERE.arch, True)


def test_alpine_without_proc_is_musl(alpine: Alpine) -> None:
    answer = ask(*alpine.inside(), alpine.python, project="/mnt")

    assert answer[:4] == ("musl", None, HERE.arch, True)
    assert "program: No such file or directory" in answer.evidence


def test_a_glibc_python_in_an_alpine_root_is_glibc(
    alpine: Alpine, glibc: tuple[int, int]
) -> None:
    python = Path(sys.executable).resolve()
    loader = interpreter_of(python)
    multiarch = sysconfig.get_config_var("MULTIARCH")
    folders = [Path(sys.base_prefix), loader.parent, Path("/lib", multiarch)]
    mounts = []
    for folder in filter(Path.is_dir, folders):
        inside = alpine.root / folder.relative_to("/")
        inside.mkdir(parents=True, exist_ok=True)
        mounts.append(f"mount --bind {shlex.quote(str(folder))} {inside}")
    mounts.append(f"mount --rbind /proc {alpine.root}/proc")

    answer = ask(*alpine.inside(*mounts), python, project="/mnt")

    assert answer[:4] == ("glibc", glibc, HERE.arch, True)


def test_a_musl_python_started_by_its_loader_on_a_glibc_system(
    alpine: Alpine, glibc: tuple[int, int]
) -> None:
    python = alpine.root / alpine.python.relative_to("/")

    answer = ask(alpine.loader, "--library-path", alpine.libraries, python)

    assert glibc
    assert answer[:4] == ("musl", None, HERE.arch, True)


def test_a_musl_python_from_a_store_on_a_glibc_system(
    alpine: Alpine, glibc: tuple[int, int], tmp_path: Path
) -> None:
    python = a_musl_python(alpine, tmp_path)

    answer = ask(python, env=musl_environment(alpine))

    assert glibc
    assert answer[:4] == ("musl", None, HERE.arch, True)
    assert f"interpreter: {alpine.loader}" in answer.evidence


def test_a_shim_that_claims_glibc_on_musl_is_not_believed(
    alpine: Alpine, tmp_path: Path
) -> None:
    shim = build(
        tmp_path,
        "shim.so",
        """
        #include <string.h>
        const char *gnu_get_libc_version(void) { return "2.35"; }
        unsigned long confstr(int name, char *to, unsigned long size) {
            if (size >= 11) strcpy(to, "glibc 2.35");
            return 11;
        }
        """,
        compile_with=[path_of("musl-gcc")],
    )
    python = a_musl_python(alpine, tmp_path)
    environment = {**musl_environment(alpine), "LD_PRELOAD": str(shim)}

    answer = ask(python, env=environment)

    assert answer[:4] == ("musl", None, HERE.arch, True)
    assert "confstr: glibc 2.35" in answer.evidence
    assert "conflict: confstr says glibc, the process musl" in answer.evidence


def test_the_version_of_musl_is_read_out_of_its_file(
    alpine: Alpine, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_itself = subprocess.run(
        [alpine.loader], capture_output=True, text=True, check=False
    )

    mapped = frozenset({str(alpine.loader)})
    monkeypatch.setattr(libc, "mapped_files", lambda: mapped)

    version = libc.musl_version()

    assert version
    assert f"Version {version}\n" in by_itself.stderr


def test_a_32_bit_python_on_a_64_bit_kernel(request: pytest.FixtureRequest) -> None:
    python = request.config.getoption("--python32")
    if python is None:
        pytest.skip("no 32-bit Python: give --python32 PATH")

    answer = ask(python)

    assert answer.arch == {"x86_64": "x86", "aarch64": "arm"}[os.uname().machine]
    assert answer.can_dlopen


def interpreter_of(program: Path) -> Path:
    """Return the loader of *program*, as readelf has it."""
    listing = subprocess.run(
        [path_of("readelf"), "-l", program], capture_output=True, text=True, check=True
    )
    name = listing.stdout.split("program interpreter: ")[1].split("]")[0]
    return Path(name)


def a_musl_python(alpine: Alpine, folder: Path) -> Path:
    """Return a copy of Alpine's Python that names its loader by its path outside."""
    python = folder / "python3"
    shutil.copy((alpine.root / alpine.python.relative_to("/")).resolve(), python)
    patchelf = path_of("patchelf")
    subprocess.run([patchelf, "--set-interpreter", alpine.loader, python], check=True)
    return python


def musl_environment(alpine: Alpine) -> dict[str, str]:
    """Return what lets Alpine's Python find its files from outside."""
    home = alpine.root / alpine.python.parents[1].relative_to("/")
    return {"LD_LIBRARY_PATH": alpine.libraries, "PYTHONHOME": str(home)}


def test_detection_starts_nothing_and_opens_nothing_but_proc() -> None:
    program = """
import json, sys
sys.path.insert(0, sys.argv[1])
from imageflow_loader._platform.libc import Evidence, detect
evidence = Evidence.of_this_process()._replace(preloaded=True)
detect(evidence)  # imports what it needs
events = []
sys.addaudithook(lambda name, facts: events.append((name, str(facts[:1]))))
finding = detect(evidence)
events = list(events)
print(json.dumps([finding.libc.family, events]))
"""
    ended = subprocess.run(
        [sys.executable, "-c", program, PROJECT],
        capture_output=True,
        text=True,
        check=True,
    )
    family, events = json.loads(ended.stdout)

    assert family in ("glibc", "musl")
    assert {facts for name, facts in events if name == "open"} <= {
        "('/proc/self/exe',)",
        "('/proc/self/maps',)",
    }
    started = ("subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.system")
    assert not [name for name, _ in events if name.startswith(started)]
    assert not [name for name, _ in events if name in ("os.listdir", "glob.glob")]


def test_sys_executable_is_not_trusted() -> None:
    honest = ask(sys.executable)
    lying = ask(sys.executable, program=f"import sys; sys.executable = ''\n{QUESTION}")

    assert lying.executable == ""
    assert lying[:4] == honest[:4]
