"""Build the wheels that are released, from registry packages only.

    python wheels/build.py --target TAG [--target TAG ...] --out DIR
    python wheels/build.py --target any --target sdist --out DIR

`TAG` is a key of `targets.TARGETS`, "any" for the wheel without an engine, or "sdist".
Needs a Rust toolchain and `pip install -e '.[wheels]'`. Musl's own standard library is
taken from the toolchain where it is installed (`rustup target add …-musl`); else, on
Debian, it is built from the packages of Debian's `rustc-web`, which are unpacked into
`.build/` and never installed.

How a musl library comes about: Rust makes no shared object for a static musl target,
and a shared one would need libgcc. So the engine is compiled as a static archive, and
zig links that archive, with the unwinder inside, to a shared object that needs musl's
libc alone.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from targets import PURE, TARGETS, Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "engine"
SCRATCH = ROOT / ".build"
NATIVE = "imageflow_loader/_native"
SDIST = "sdist"
EXECUTABLE = 0o100755
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same input gives the same wheel

# Debian's compiler for Firefox and Chromium: newer than the release's own.
DEBIAN_PACKAGES = ("rustc-web", "rust-web-src")
DEBIAN_STANDARD_LIBRARY = "libstd-rust-web-dev"

# What zig is told beside the archive: everything resolved at load, nothing writable and
# executable, only the ABI visible.
LINK_OPTIONS = (
    "-shared",
    "-s",
    "-lunwind",
    "-Wl,-z,defs",
    "-Wl,-z,now",
    "-Wl,-z,relro",
    "-Wl,-z,noexecstack",
    "-Wl,-z,nodelete",
    "-Wl,--gc-sections",
    "-Wl,-soname,libimageflow.so",
)


class BuildError(Exception):
    """A wheel could not be built; the text says what to do."""


class Compiler(NamedTuple):
    """How cargo is called for a target."""

    options: tuple[str, ...]
    environment: Mapping[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is asked for and print one path a line."""
    parser = argparse.ArgumentParser(description="Build the wheels that are released.")
    parser.add_argument(
        "--target", action="append", required=True, choices=[PURE, SDIST, *TARGETS]
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        for name in options.target:
            sys.stdout.write(f"{build(name, options.out)}\n")
            sys.stdout.flush()
    except BuildError as error:
        sys.stderr.write(f"build.py: {error}\n")
        return 1
    return 0


def build(name: str, out: Path) -> Path:
    """Build one wheel, or the sdist, into *out*."""
    if name == SDIST:
        return hatchling("sdist", out)
    with tempfile.TemporaryDirectory() as folder:
        pure = hatchling("wheel", Path(folder))
        if name == PURE:
            return Path(shutil.move(pure, out / pure.name))
        target = TARGETS[name]
        files = {
            "libimageflow.so": library(target),
            "imageflow_tool": static_tool(target),
        }
        return platform_wheel(pure, target.tag, files, out)


def hatchling(kind: str, out: Path) -> Path:
    """Build the sdist, or the wheel without an engine."""
    with tempfile.TemporaryDirectory() as folder:
        run(
            [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder],
            ROOT,
            {"IMAGEFLOW_BUILD_EMBEDDED": "0"},
        )
        (made,) = Path(folder).iterdir()
        return Path(shutil.move(made, out / made.name))


def library(target: Target) -> Path:
    """Compile the shared library of *target*."""
    if target.glibc is not None:
        cargo(target.triple, "zigbuild", "--lib", suffix=f".{target.glibc}")
        return products(target.triple) / "libimageflow.so"
    cargo(target.triple, "rustc", "--lib", "--crate-type", "staticlib")
    folder = products(target.triple)
    made = folder / "libimageflow.so"
    exports = folder / "exports.map"
    exports.write_text("{ global: imageflow_*; local: *; };\n", encoding="ascii")
    archive = str(folder / "libimageflow.a")
    run(
        [
            *(sys.executable, "-m", "ziglang", "cc"),
            *("-target", f"{target.arch}-linux-musl", "-o", str(made)),
            *("-Wl,--whole-archive", archive, "-Wl,--no-whole-archive"),
            *(*LINK_OPTIONS, f"-Wl,--version-script={exports}"),
        ],
        ROOT,
    )
    return made


def static_tool(target: Target) -> Path:
    """Compile the tool that goes with *target*; it needs no library at all."""
    triple = target.static_triple
    # Rust's own start files are not there when its standard library is built here; zig
    # brings musl's. Given after `--` this reaches the last step only, so that the tool
    # and the archive share everything compiled before it.
    last = ("--", "-Clink-self-contained=no")
    cargo(triple, "rustc", "--bin", "imageflow_tool", last=last)
    return products(triple) / "imageflow_tool"


def cargo(
    triple: str, command: str, *what: str, suffix: str = "", last: Sequence[str] = ()
) -> None:
    """Compile a part of the engine for *triple*, linked by zig."""
    compiler = compiler_for(triple)
    run(
        [
            *("cargo-zigbuild", command, "--release", "--locked"),
            *(*compiler.options, "--target", triple + suffix, *what, *last),
        ],
        ENGINE,
        compiler.environment,
    )


def products(triple: str) -> Path:
    """Return the folder in which cargo leaves what it compiled for *triple*."""
    return target_folder() / triple / "release"


def target_folder() -> Path:
    """Return a target folder apart from the one of `pip install`."""
    return SCRATCH / "target"


def compiler_for(triple: str) -> Compiler:
    """Return how to compile for *triple* with what is installed, or can be unpacked."""
    environment = {"CARGO_TARGET_DIR": str(target_folder())}
    if standard_library_is_installed(triple):
        return Compiler((), environment)
    prefix = debian_rust()
    libraries = [*prefix.glob("usr/lib/*-linux-*"), *prefix.glob("lib/*-linux-*")]
    environment |= {
        "RUSTC": str(prefix / "usr" / "bin" / "rustc"),
        "RUSTC_BOOTSTRAP": "1",  # building the standard library is not stable yet
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
    }
    return Compiler(("-Zbuild-std=std,panic_unwind",), environment)


def standard_library_is_installed(triple: str) -> bool:
    """Tell whether the toolchain on the path can compile for *triple* as it is."""
    command = ["rustc", "--print", "target-libdir", "--target", triple]
    folder = Path(run(command, ROOT, capture=True).strip())
    return any(folder.glob("libstd-*"))


def debian_rust() -> Path:
    """Return where Debian's newer Rust has been unpacked, in `.build/`."""
    prefix = SCRATCH / "rust"
    if (prefix / ".complete").exists():
        return prefix
    if not shutil.which("apt-get"):
        message = (
            "the toolchain has no standard library for musl: "
            "run `rustup target add` for it, or build on Debian"
        )
        raise BuildError(message)
    shutil.rmtree(prefix, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        packages = [*DEBIAN_PACKAGES, *debian_libraries()]
        run(["apt-get", "-q", "download", *packages], Path(folder))
        for package in Path(folder).glob("*.deb"):
            run(["dpkg", "-x", str(package), str(prefix)], ROOT)
    (prefix / ".complete").touch()
    return prefix


def debian_libraries() -> list[str]:
    """Return the libraries that Debian's rustc needs: Rust's, LLVM and what LLVM needs.

    A libc is in use here already; another one beside it would break what runs.
    """
    what = DEBIAN_STANDARD_LIBRARY
    answer = run(["apt-cache", "depends", "--recurse", "-i", what], ROOT, capture=True)
    names = {line.split()[-1] for line in answer.splitlines() if "Depends:" in line}
    if not names:
        raise BuildError("Debian's rustc-web is not known here: run `apt-get update`")
    return sorted(n for n in {what, *names} - {"libc6"} if n.startswith("lib"))


def platform_wheel(
    pure: Path, tag: str, binaries: Mapping[str, Path], out: Path
) -> Path:
    """Write the wheel *pure* again with *binaries* inside and *tag* as its platform."""
    name = pure.name.replace("-any.whl", f"-{tag}.whl")
    record: list[tuple[str, str, int | str]] = []
    with (
        zipfile.ZipFile(pure) as source,
        zipfile.ZipFile(out / name, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made,
    ):
        entries = {
            entry.filename: (entry.external_attr >> 16, source.read(entry))
            for entry in source.infolist()
        }
        (listing,) = (path for path in entries if path.endswith(".dist-info/RECORD"))
        del entries[listing]
        (facts,) = (path for path in entries if path.endswith(".dist-info/WHEEL"))
        mode, text = entries[facts]
        entries[facts] = (mode, retagged(text.decode(), tag).encode())
        for file, binary in binaries.items():
            entries[f"{NATIVE}/{file}"] = (EXECUTABLE, binary.read_bytes())
        for path, (mode, data) in entries.items():
            write(made, path, mode, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
            record.append((path, f"sha256={digest.decode().rstrip('=')}", len(data)))
        record.append((listing, "", ""))
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows(record)
        write(made, listing, 0o100644, table.getvalue().encode())
    return out / name


def retagged(wheel: str, tag: str) -> str:
    """Return the text of a WHEEL file for the platform *tag*."""
    lines = wheel.splitlines()
    kept = [line for line in lines if not line.startswith(("Tag:", "Root-Is-Purelib:"))]
    return "\n".join([*kept, "Root-Is-Purelib: false", f"Tag: py3-none-{tag}", ""])


def write(archive: zipfile.ZipFile, path: str, mode: int, data: bytes) -> None:
    """Add a file to *archive* with its mode and no date of its own."""
    entry = zipfile.ZipInfo(path, LONG_AGO)
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    capture: bool = False,
) -> str:
    """Run *command* in *folder* and return what it printed, if that is asked for."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            check=True,
            stdout=subprocess.PIPE if capture else sys.stderr,
            text=True,
        )
    except FileNotFoundError as error:
        message = f"{command[0]} is not there: `pip install -e '.[wheels]'`, and Rust"
        raise BuildError(message) from error
    except subprocess.CalledProcessError as error:
        message = f"{' '.join(command[:4])} … ended with {error.returncode}"
        raise BuildError(message) from error
    return done.stdout or ""


if __name__ == "__main__":
    sys.exit(main())
