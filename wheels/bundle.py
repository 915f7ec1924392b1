"""Hatchling build hook: builds the embedded engine and puts it into the package.

With cargo at hand, `pip install .` compiles `engine/` and bundles what comes out in
the wheel, which then has a platform tag. Without it the wheel is pure, and says so in
one line. `IMAGEFLOW_BUILD_EMBEDDED=1` makes a missing cargo an error, `0` asks for the
pure wheel.

The binaries go to `imageflow_loader/_native/` of the tree that is built, which git
ignores: an editable install imports the package from there, so a place in the wheel
alone would leave it without an engine. `stamp.txt` beside them says what they were
built from; while it holds, cargo is not asked again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

VARIABLE = "IMAGEFLOW_BUILD_EMBEDDED"
NATIVE = "imageflow_loader/_native"
STAMP = "stamp.txt"
LIBRARY_SUFFIXES = {".so", ".dylib", ".dll"}
NEEDED_RUST = (1, 93)  # the codec crates' own; engine/Cargo.toml says the same

# Parts of engine/ that do not reach the binaries.
NOT_BUILT = {"target", "tests", "fuzz", "benches", "LICENSE", "README.md", "deny.toml"}


class Toolchain(NamedTuple):
    """A Rust toolchain that can build the engine."""

    cargo: str
    rustc_version: str
    host: str
    """The triple it builds for, such as `x86_64-unknown-linux-gnu`."""


class NoToolchainError(Exception):
    """There is no Rust toolchain that can build the engine; the text says why."""


class EngineBuildError(SystemExit):
    """The engine could not be built although it should be.

    It ends the build with its text, so that pip shows a sentence and no traceback.
    """


class BundleHook(BuildHookInterface[Any]):
    """Give wheels, standard and editable ones, the embedded engine."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build and bundle the engine, or say why the wheel is pure."""
        root = Path(self.root)
        asked = asked_for(os.environ)
        if asked is False:
            self._stay_pure(version, f"{VARIABLE}=0")
            return
        try:
            toolchain = find_toolchain()
        except NoToolchainError as error:
            if asked:
                message = f"{VARIABLE}=1, but {error}; https://rustup.rs installs Rust."
                raise EngineBuildError(message) from error
            self._stay_pure(version, str(error))
            return
        bundle(root, toolchain)
        build_data["artifacts"].append(f"/{NATIVE}/*")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag()}"

    def _stay_pure(self, version: str, reason: str) -> None:
        if version == "editable":  # it would import whatever lies there
            shutil.rmtree(Path(self.root) / NATIVE, ignore_errors=True)
        self.app.display_warning(f"Pure wheel, no image engine inside: {reason}")


def asked_for(environ: Mapping[str, str]) -> bool | None:
    """Return what the user asked for; None leaves it to the machine."""
    value = environ.get(VARIABLE, "")
    if value not in {"", "0", "1"}:
        message = f"{VARIABLE} is 0 or 1, not {value!r}"
        raise EngineBuildError(message)
    return None if not value else value == "1"


def find_toolchain() -> Toolchain:
    """Return the Rust toolchain on the path.

    Raises:
        NoToolchainError: There is none, it does not start, or it is too old.
    """
    cargo = os.environ.get("CARGO") or shutil.which("cargo")
    rustc = os.environ.get("RUSTC") or shutil.which("rustc")
    if not cargo or not rustc:
        message = f"{'rustc' if cargo else 'cargo'} is not on the path"
        raise NoToolchainError(message)
    answer = _first_words([rustc, "--version", "--verbose"])
    _first_words([cargo, "--version"])  # a rustup shim may have no toolchain behind it
    version, host = rust_facts(answer)
    if tuple(map(int, version.split(".")[:2])) < NEEDED_RUST:
        needed = ".".join(map(str, NEEDED_RUST))
        message = f"the engine needs Rust {needed} or newer, and {rustc} is {version}"
        raise NoToolchainError(message)
    return Toolchain(cargo, version, host)


def _first_words(command: list[str]) -> str:
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"{command[0]} does not start ({error})"
        raise NoToolchainError(message) from error
    return answer.stdout


def rust_facts(answer: str) -> tuple[str, str]:
    """Return release and host triple from the text of `rustc --version --verbose`."""
    facts = dict(re.findall(r"^(release|host): (\S+)$", answer, re.MULTILINE))
    if facts.keys() != {"release", "host"}:
        message = f"rustc says what we cannot read: {answer!r}"
        raise NoToolchainError(message)
    return facts["release"], facts["host"]


def bundle(root: Path, toolchain: Toolchain) -> None:
    """Bring `_native` under *root* up to date with `engine/`."""
    native = root / NATIVE
    stamp = stamp_of(root / "engine", toolchain)
    if is_fresh(native, stamp):
        return
    built = build(root / "engine", toolchain)
    native.mkdir(exist_ok=True)
    (native / STAMP).unlink(missing_ok=True)
    for old in set(native.iterdir()) - {native / path.name for path in built}:
        old.unlink()
    for path in built:
        _replace(path, native / path.name)
    (native / STAMP).write_text(stamp, encoding="utf-8")


def _replace(source: Path, target: Path) -> None:
    """Copy in one step: a process may have the old file mapped, or be running it."""
    fresh = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, fresh)
    fresh.chmod(0o755)
    fresh.replace(target)


def is_fresh(native: Path, stamp: str) -> bool:
    """Tell whether *native* holds the binaries that *stamp* stands for."""
    try:
        if (native / STAMP).read_text(encoding="utf-8") != stamp:
            return False
    except OSError:
        return False
    return is_complete(list(native.iterdir()), stamp)


def is_complete(binaries: list[Path], host: str) -> bool:
    """Tell whether this is all that Rust makes on *host*.

    Rust from rustup makes no shared library on musl, where it links programs
    statically; that of Alpine's own packages does. A tool serves alone.
    """
    has_tool = any(path.stem == "imageflow_tool" for path in binaries)
    has_library = any(path.suffix in LIBRARY_SUFFIXES for path in binaries)
    return has_tool and (has_library or "-musl" in host)


def stamp_of(engine: Path, toolchain: Toolchain) -> str:
    """Return the text that tells this build of *engine* from any other.

    The host is part of it: one clone may be shared between a glibc machine and an
    Alpine container.
    """
    return (
        f"engine {digest(engine)}\nrustc {toolchain.rustc_version} {toolchain.host}\n"
    )


def digest(engine: Path) -> str:
    """Return the SHA-256 of all files of *engine* that reach its binaries."""
    total = hashlib.sha256()
    for path in _sources(engine):
        name = path.relative_to(engine).as_posix()
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content} {name}\n".encode())
    return total.hexdigest()


def _sources(engine: Path) -> Iterator[Path]:
    for top in sorted(engine.iterdir()):
        if top.name in NOT_BUILT:
            continue
        yield from (
            [top] if top.is_file() else sorted(filter(Path.is_file, top.rglob("*")))
        )


def build(engine: Path, toolchain: Toolchain) -> list[Path]:
    """Compile *engine* and return its library, if there is one, and its tool.

    Raises:
        EngineBuildError: Cargo failed, or built something else.
    """
    command = [toolchain.cargo, "build", "--release", "--locked"]
    command += ["--message-format=json-render-diagnostics"]
    done = subprocess.run(
        command, cwd=engine, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        message = (
            "The embedded engine could not be built; cargo's own words are above. "
            f"{VARIABLE}=0 installs without it."
        )
        raise EngineBuildError(message)
    built = list(products(done.stdout.splitlines()))
    if not is_complete(built, toolchain.host):
        message = f"Expected a library and a tool from cargo, got {built}"
        raise EngineBuildError(message)
    return built


def products(messages: Iterable[str]) -> Iterator[Path]:
    """Yield the library and the tool that cargo's JSON messages name.

    Cargo is asked, since its target folder may be anywhere.
    """
    for line in messages:
        message = json.loads(line)
        if message["reason"] != "compiler-artifact":
            continue
        target = message["target"]
        if target["name"] == "imageflow" and "cdylib" in target["kind"]:
            files = map(Path, message["filenames"])
            yield from (path for path in files if path.suffix in LIBRARY_SUFFIXES)
        elif target["name"] == "imageflow_tool" and message["executable"]:
            yield Path(message["executable"])


def platform_tag() -> str:
    """Return the platform tag of a wheel that is for this machine alone."""
    tags = list(platform_tags())
    plain = (tag for tag in tags if tag.startswith("linux_"))
    return next(plain, tags[0])
