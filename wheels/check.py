"""Hold wheels against their names: `python wheels/check.py WHEEL …`.

A platform tag is a promise about machines that the builder has never seen. This reads
what is inside and says where the promise is broken: architecture, needed libraries,
oldest glibc, thread-locals that musl refuses, executable stacks, what is exported,
execute bits, licences, size, and whether RECORD says what is there.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from targets import PURE, TARGETS, Target

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imageflow_loader._platform import (
    ElfDynamic,
    ElfHeader,
    exported_names,
    read_dynamic,
    read_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEADER = Path(__file__).resolve().parent.parent / "engine" / "include" / "imageflow.h"
NATIVE = "imageflow_loader/_native/"
BINARIES = {"libimageflow.so", "imageflow_tool"}
LICENCES = {"licenses/LICENSE", "licenses/engine/LICENSE"}
LARGEST = 6_000_000  # bytes of a wheel
LARGEST_FILE = 64 << 20  # a zip can claim any size
GLIBC_LIBRARIES = re.compile(r"(lib(c|m|dl|rt|pthread)\.so\.\d|ld-linux-.+\.so\.\d)$")
DT_TEXTREL, DT_FLAGS, DF_TEXTREL = 22, 30, 4


def main() -> int:
    """Check each wheel and print its faults; 1 if there are any."""
    faults = 0
    for name in sys.argv[1:]:
        path = Path(name)
        found = list(check(path))
        faults += len(found)
        verdict = "".join(f"\n  {fault}" for fault in found) or " fine"
        size = path.stat().st_size / 1e6
        sys.stdout.write(f"{path.name} ({size:.2f} MB):{verdict}\n")
    return 1 if faults or len(sys.argv) == 1 else 0


def check(path: Path) -> Iterator[str]:
    """Yield what is wrong with the wheel at *path*, one sentence each."""
    tag = path.stem.split("-")[-1]
    if path.stat().st_size > LARGEST:
        yield f"it has {path.stat().st_size} bytes, more than {LARGEST}"
    with zipfile.ZipFile(path) as wheel:
        yield from check_record(wheel)
        yield from check_metadata(wheel, tag)
        inside = {
            name.removeprefix(NATIVE)
            for name in wheel.namelist()
            if name.startswith(NATIVE)
        }
        if tag == PURE:
            yield from (f"the pure wheel holds {name}" for name in sorted(inside))
        elif tag not in TARGETS:
            yield f"the tag {tag} is not among the targets"
        elif inside != BINARIES:
            yield f"it holds {sorted(inside)} instead of {sorted(BINARIES)}"
        else:
            yield from check_native(wheel, TARGETS[tag])


def check_record(wheel: zipfile.ZipFile) -> Iterator[str]:
    """Compare RECORD with the files."""
    names = [name for name in wheel.namelist() if name.endswith(".dist-info/RECORD")]
    if len(names) != 1:
        yield f"it has {len(names)} RECORD files"
        return
    rows = csv.reader(io.StringIO(wheel.read(names[0]).decode()))
    listed = {row[0]: (row[1], row[2]) for row in rows}
    for name in sorted(set(wheel.namelist()) ^ set(listed)):
        yield f"{name} is {'not in RECORD' if name in wheel.namelist() else 'missing'}"
    for name in sorted(set(wheel.namelist()) & set(listed) - {names[0]}):
        data = wheel.read(name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()
        if listed[name] != (f"sha256={digest.rstrip('=')}", str(len(data))):
            yield f"{name} is not what RECORD says"


def check_metadata(wheel: zipfile.ZipFile, tag: str) -> Iterator[str]:
    """Look at the tag inside and at the licences."""
    files = {
        name.partition(".dist-info/")[2]: name
        for name in wheel.namelist()
        if ".dist-info/" in name
    }
    if f"Tag: py3-none-{tag}\n" not in wheel.read(files["WHEEL"]).decode():
        yield f"its WHEEL file has another tag than {tag}"
    yield from (f"{name} is missing" for name in sorted(LICENCES - set(files)))


def check_native(wheel: zipfile.ZipFile, target: Target) -> Iterator[str]:
    """Look at the two binaries."""
    checks: dict[str, Callable[[bytes, Target], Iterator[str]]] = {
        "libimageflow.so": check_library,
        "imageflow_tool": check_tool,
    }
    for name, check_file in checks.items():
        entry = wheel.getinfo(NATIVE + name)
        if entry.file_size > LARGEST_FILE:
            yield f"{name} claims {entry.file_size} bytes"
            continue
        if not entry.external_attr >> 16 & 0o111:
            yield f"{name} is not executable"
        for fault in check_file(wheel.read(entry), target):
            yield f"{name} {fault}"


def check_library(data: bytes, target: Target) -> Iterator[str]:
    """Look at a shared library."""
    header, dynamic = facts(data)
    if header.arch != target.arch:
        yield f"is for {header.arch}"
    if header.executable_stack:
        yield "asks for an executable stack"
    if not dynamic.tables:
        yield "is static"
        return
    tables = dynamic.tables
    if DT_TEXTREL in tables or tables.get(DT_FLAGS, 0) & DF_TEXTREL:
        yield "has text relocations"
    if dynamic.static_tls:
        yield "has thread-locals that musl cannot place (initial-exec TLS)"
    if dynamic.search_path:
        yield f"searches {':'.join(dynamic.search_path)}"
    yield from needs(dynamic, target)
    wanted = set(re.findall(r"\b(imageflow_\w+)\s*\(", HEADER.read_text("utf-8")))
    exported = exported_names(io.BytesIO(data), header)
    yield from (f"does not export {name}" for name in sorted(wanted - exported))
    yield from (f"exports {name}" for name in sorted(exported - wanted))


def needs(dynamic: ElfDynamic, target: Target) -> Iterator[str]:
    """Compare the needed libraries and versions with what the tag allows."""
    if target.glibc is None:
        if dynamic.needed != ("libc.so",):
            yield f"needs {', '.join(dynamic.needed)}, not musl's libc alone"
        yield from (f"needs {name}" for name in dynamic.versions)
        return
    for name in dynamic.needed:
        if not GLIBC_LIBRARIES.match(name):
            yield f"needs {name}"
    floor = version(target.glibc)
    for name in dynamic.versions:
        family, _, number = name.partition("_")
        if family != "GLIBC" or version(number) > floor:
            yield f"needs {name}, newer than glibc {target.glibc}"


def check_tool(data: bytes, target: Target) -> Iterator[str]:
    """Look at a static program."""
    header, dynamic = facts(data)
    if header.arch != target.arch:
        yield f"is for {header.arch}"
    if header.interpreter:
        yield f"is not static: it needs {header.interpreter}"
    if dynamic.needed:
        yield f"is not static: it needs {', '.join(dynamic.needed)}"
    if header.executable_stack:
        yield "asks for an executable stack"


def facts(data: bytes) -> tuple[ElfHeader, ElfDynamic]:
    """Read what an ELF file says of itself."""
    header = read_header(io.BytesIO(data))
    return header, read_dynamic(io.BytesIO(data), header)


def version(text: str) -> tuple[int, ...]:
    """Return "2.17" as numbers that compare; what is no version is newer than all."""
    parts = text.split(".")
    return tuple(map(int, parts)) if all(map(str.isdigit, parts)) else (sys.maxsize,)


if __name__ == "__main__":
    sys.exit(main())
