"""What every test has: a clean environment, no leftovers, the engines under test.

The engines are those that `IMAGEFLOW_LIBRARY` and `IMAGEFLOW_TOOL` name, else those
that the build put into `imageflow_loader/_native/`. A test that needs one where there
is none is skipped; with `CI=true` it fails.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import hypothesis
import pytest

from imageflow_loader._engine import loading
from imageflow_loader._platform import current_platform
from tests.alpine_root import Alpine, alpine_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imageflow_loader import Engine
    from imageflow_loader._backend import Backend
    from imageflow_loader.types import EngineKind

# An example may take longer than 0.2 seconds: the machine has other things to do.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

# What tests write may be read by others, who are asked to do it.
os.umask(0o022)

# A shell starts what it runs in the background without Ctrl-C, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

NATIVE = Path(__file__).parents[1] / "imageflow_loader" / "_native"
VARIABLES = {"library": "IMAGEFLOW_LIBRARY", "tool": "IMAGEFLOW_TOOL"}
FILE_NAMES = {
    "library": ("libimageflow.so", "libimageflow.dylib", "imageflow.dll"),
    "tool": ("imageflow_tool", "imageflow_tool.exe"),
}


def named_or_bundled(kind: EngineKind) -> Path | None:
    """Return the engine of *kind* that this run is about, None if there is none."""
    if named := os.environ.get(VARIABLES[kind]):
        return Path(named).resolve()
    files = (NATIVE / name for name in FILE_NAMES[kind])
    return next(filter(Path.is_file, files), None)


# Found once, before the environment is scrubbed for each test.
ENGINES: dict[EngineKind, Path | None] = {
    "library": named_or_bundled("library"),
    "tool": named_or_bundled("tool"),
}
IN_CI = os.environ.get("CI") == "true"


def engine_under_test(kind: EngineKind) -> Path:
    """Return the engine of *kind*; without one skip the test, or fail it in CI."""
    if path := ENGINES[kind]:
        return path
    missing = f"no engine: `pip install -e .` with Rust, or set {VARIABLES[kind]}"
    if IN_CI:
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide what the developer's own shell asks of the package, and their cache."""
    for name in os.environ:
        if name.startswith("IMAGEFLOW_") or name == "NO_COLOR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("IMAGEFLOW_CACHE_DIR", str(tmp_path / "no-cache"))
    monkeypatch.setenv("IMAGEFLOW_OFFLINE", "1")  # a download would hide a failure


@pytest.fixture(autouse=True)
def cleared_caches() -> Iterator[None]:
    """Let no test see what another one found out about the machine."""
    current_platform.cache_clear()
    yield
    current_platform.cache_clear()
    if loading._default is not None:
        loading._default.close()
        loading._default = None


@pytest.fixture
def library() -> Path:
    """Return the library under test."""
    return engine_under_test("library")


@pytest.fixture
def tool() -> Path:
    """Return the tool under test."""
    return engine_under_test("tool")


@pytest.fixture
def alpine(request: pytest.FixtureRequest) -> Alpine:
    """Return the Alpine root that this run was given."""
    return alpine_root(request.config.getoption("--alpine"))


@pytest.fixture
def engine_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the package, here and in child processes, find the engines under test.

    Bundled ones it finds by itself.
    """
    for kind, variable in VARIABLES.items():
        path = engine_under_test(cast("EngineKind", kind))
        if path.parent != NATIVE:
            monkeypatch.setenv(variable, str(path))


@pytest.fixture(params=["library", "tool"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Yield each engine under test, opened; closed afterwards."""
    from imageflow_loader._backend import open_backend

    kind = cast("EngineKind", request.param)
    path = engine_under_test(kind)
    opened = open_backend(kind, path, platform=current_platform())
    yield opened
    opened.close()


@pytest.fixture(params=["library", "tool"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Yield each engine under test, as users have it; closed afterwards."""
    from imageflow_loader import load_engine

    kind = cast("EngineKind", request.param)
    with load_engine(kind, path=engine_under_test(kind)) as opened:
        yield opened


def pytest_report_header() -> list[str]:
    """Say which engines this run is about."""
    return [f"engine under test: {kind} {path}" for kind, path in ENGINES.items()]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run of the conformance suite take more cases than our own."""
    parser.addoption(
        "--corpus",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="another conformance corpus (cases.jsonl, expected/); may be repeated",
    )
    parser.addoption(
        "--alpine",
        type=Path,
        metavar="ROOT",
        help="an Alpine root with a musl Python, to look at from inside and outside",
    )
    parser.addoption(
        "--wheels",
        type=Path,
        metavar="INDEX",
        help="a package index with all wheels, as tests/alpine/make-index makes it",
    )
    parser.addoption(
        "--python32", type=Path, metavar="PATH", help="a 32-bit Python that runs here"
    )


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI, call a run that executed no test what it is."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IN_CI and exitstatus == pytest.ExitCode.OK and reporter is not None:
        executed = sum(
            len(reporter.stats.get(outcome, []))
            for outcome in ("passed", "failed", "xfailed")
        )
        if not executed:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
