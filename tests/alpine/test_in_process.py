"""The engine of the musl wheel, in the process of a Python on Alpine."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import pytest

from tests import pictures
from tests.test_readme import blocks

from .guest import FILES, VENV

if TYPE_CHECKING:
    from .guest import Guest

# As README tells newcomers, in an empty folder with a photo; then a look at ourselves.
README_JOB = f"""
import json, os, shutil, sys, tempfile
os.chdir(tempfile.mkdtemp())
shutil.copy("{FILES}/photo.jpg", ".")
printed, sys.stdout = sys.stdout, sys.stderr
exec(compile(open("{FILES}/readme.py").read(), "README.md", "exec"), {{}})
import imageflow_loader
info = imageflow_loader.get_engine().info
with open("/proc/self/maps") as maps:
    mapped = {{line.split()[-1] for line in maps if len(line.split()) == 6}}
json.dump({{
    "kind": info.kind,
    "edition": info.edition,
    "path": str(info.path),
    "user": os.getuid(),
    "writable": [
        path for path in ("/", "/etc", "{VENV}", "/tmp") if os.access(path, os.W_OK)
    ],
    "made": sorted(os.listdir()),
    "mapped": sorted(mapped),
}}, printed)
"""

FROM_A_THREAD = f"""
import sys, threading
import imageflow_loader as imf
threading.stack_size(int(sys.argv[1]))
made = []
def work():
    made.append(imf.process("{FILES}/cmyk.jpg", "w=300&mode=max&format=png").size)
    made.append(imf.process("{FILES}/large.jpg", "w=5000&mode=max&quality=90").size)
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(imf.get_engine().info.kind, *made)
"""

ANOTHER_LIBC = re.compile(
    r"lib(c|m|dl|pthread|rt)[.-].*so|ld-linux|lib(gcc|mvec|gcompat|stdc\+\+|unwind)"
)


# What a library for glibc would need, and what could compile one.
NOT_ON_ALPINE = re.compile(
    r"ld-linux.*|lib(gcc_s|gcompat|stdc\+\+)[-.].*|(cc|gcc|clang|zig|cargo|rustc|make)"
)


def readme_job(guest: Guest) -> dict[str, Any]:
    """Run README's examples inside and return what the program saw."""
    assert guest.files is not None
    guest.files.joinpath("readme.py").write_text(
        "\n".join(blocks("python")), encoding="utf-8"
    )
    facts: dict[str, Any] = json.loads(guest.python(README_JOB))
    return facts


def test_the_root_has_neither_gcompat_nor_libgcc_nor_a_compiler(guest: Guest) -> None:
    names = {path.name for path in guest.root.rglob("*")}

    assert "ld-musl-x86_64.so.1" in names
    assert set(filter(NOT_ON_ALPINE.fullmatch, names)) == set()


def test_readmes_examples_run_in_process(guest: Guest) -> None:
    seen = readme_job(guest)

    assert (seen["kind"], seen["edition"]) == ("library", "embedded")
    assert seen["path"].startswith(f"{VENV}/lib/")
    assert {"photo.webp", "small.webp", "square.jpg"} < set(seen["made"])


def test_no_libc_but_musl_is_in_the_process(guest: Guest) -> None:
    names = {PurePath(path).name for path in readme_job(guest)["mapped"]}

    assert "libimageflow.so" in names
    assert {name for name in names if name.startswith("ld-")} == {"ld-musl-x86_64.so.1"}
    assert not list(filter(ANOTHER_LIBC.match, names))


@pytest.mark.parametrize(
    ("options", "user"),
    [
        (["-u", "4711"], 4711),
        (["-r"], 0),
        (["-r", "-u", "4711"], 4711),
    ],
    ids=["a user without a name", "read-only but /tmp", "both, as on AWS Lambda"],
)
def test_it_needs_no_rights(options: list[str], user: int, guest: Guest) -> None:
    seen = readme_job(dataclasses.replace(guest, options=options))

    assert (seen["kind"], seen["user"]) == ("library", user)
    assert seen["writable"] == ["/tmp"]  # noqa: S108 - of the root


@pytest.mark.parametrize("stack", [0, 1 << 20], ids=["default stack", "1 MiB"])
def test_large_jobs_run_from_a_thread_of_python(stack: int, guest: Guest) -> None:
    assert guest.files is not None
    cmyk = pictures.jpeg(1500, 1000, mode="CMYK")
    guest.files.joinpath("cmyk.jpg").write_bytes(cmyk)
    guest.files.joinpath("large.jpg").write_bytes(pictures.jpeg(6000, 4000))

    said = guest.python(FROM_A_THREAD, str(stack))

    assert said == "library (300, 200) (5000, 3333)\n"


def test_the_contract_of_library_and_tool_holds(changeable: Guest) -> None:
    native = f"{VENV}/{changeable.native.relative_to(changeable.venv)}"
    changeable.pip_install("pytest", "hypothesis", "numpy", "pillow")
    engines = {
        "IMAGEFLOW_LIBRARY": f"{native}/libimageflow.so",
        "IMAGEFLOW_TOOL": f"{native}/imageflow_tool",
    }

    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    options += ["--rootdir=/media/project", "-c", "/dev/null"]
    ended = dataclasses.replace(changeable, variables=engines).run(
        *("sh", "-c", 'cd /media/project && exec python -m pytest "$@"', "sh"),
        *(*options, "tests/backend/test_contract.py"),
    )

    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
    passed = re.search(r"(\d+) passed", ended.stdout)
    assert passed is not None
    assert int(passed[1]) > 100
    assert "skipped" not in ended.stdout
