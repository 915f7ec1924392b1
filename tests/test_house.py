"""The plan of the house: who may use whom, which door leads outside, how big it is."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[1] / "imageflow_loader"
FILES = sorted(PACKAGE.rglob("*.py"))

GROUND = {"errors", "types", "_settings", "_cancel"}
GROUND |= {"_value", "_checks", "_colors", "_querystring"}
MAY_USE: dict[str, set[str]] = {
    "types": set(),
    "_value": set(),
    "errors": {"types"},
    "_cancel": {"types", "errors", "_checks"},
    "_settings": {"types", "errors"},
    "_colors": {"types", "_value"},
    "_checks": {"types", "_colors"},
    "_querystring": {"types", "_colors", "_checks"},
    "_platform": GROUND,
    "_io": GROUND | {"_platform"},
    "_supply": GROUND | {"_platform"},
    "_backend": GROUND | {"_platform", "_io"},
    "_engine": GROUND | {"_io", "_platform", "_supply", "_backend"},
    "_job": GROUND | {"_io", "_backend", "_engine"},
    "_api": GROUND | {"_io", "_backend", "_engine", "_job"},
    "_cli": GROUND | {"_io", "_platform", "_supply", "_engine", "_job", "_api"},
    "testing": GROUND | {"_io", "_backend", "_engine", "_job"},
    "__init__": GROUND | {"_io", "_engine", "_job", "_api"},
    "__main__": {"_cli"},
}

# Packages that are not Python's own, and the one file that may import each.
DOORS = {
    "_cffi_backend": "_backend/_abi.py",
    "platformdirs": "_supply/cache.py",
    "requests": "_supply/fetch.py",
    "urllib3": "_supply/fetch.py",  # below requests, whose raw answers raise its errors
    "numpy": "_io/pixels.py",
    "PIL": "_io/pixels.py",
}

# Never imported when the package runs (tests/test_import_cost.py).
FOR_TYPE_CHECKERS = {"typing_extensions"}

# Where machines differ beyond what `_platform` says: dlopen, children.
MAY_ASK_THE_SYSTEM = {"_backend/library.py", "_backend/child.py"}


def room_of(path: Path) -> str:
    """Return the room that a file belongs to: its floor, or itself."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield what a file imports: outside names with a slash before, rooms without.

    What comes from the file's own room (`from .cache import …`) is left out.
    """
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (f"/{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield f"/{node.module}"
        elif isinstance(node, ast.ImportFrom) and node.level >= depth:
            names = [alias.name for alias in node.names]
            yield from [node.module] if node.module else names


def name_of(path: Path) -> str:
    """Return a file's name as the tests print it."""
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_room_uses_only_rooms_below_it_and_by_their_front_door(path: Path) -> None:
    room = room_of(path)

    used = {name for name in imports(path) if not name.startswith("/")}
    others = {name for name in used if name.split(".")[0] != room}

    assert others <= MAY_USE[room]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_an_outside_package_comes_in_by_its_one_door(path: Path) -> None:
    tops = {name[1:].split(".")[0] for name in imports(path) if name.startswith("/")}

    outside = tops - sys.stdlib_module_names - FOR_TYPE_CHECKERS

    assert outside <= {name for name, door in DOORS.items() if door == name_of(path)}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_settings_read_the_environment(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    read = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }

    assert not read or name_of(path) == "_settings.py"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_platform_and_two_files_ask_for_the_system(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    asked = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }

    asks = asked & {"sys.platform", "os.name", "os.uname"}
    assert (
        not asks or room_of(path) == "_platform" or name_of(path) in MAY_ASK_THE_SYSTEM
    )


def test_every_room_is_on_the_plan() -> None:
    rooms = {room_of(path) for path in FILES}

    assert rooms <= MAY_USE.keys()


def test_the_rooms_stand_on_each_other_without_a_circle() -> None:
    below = {room: set(uses) for room, uses in MAY_USE.items()}

    while free := {room for room, uses in below.items() if not uses}:
        below = {room: uses - free for room, uses in below.items() if room not in free}

    assert not below


def test_the_package_stays_near_6000_statements() -> None:
    nodes = [
        node
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]

    statements = [node for node in nodes if isinstance(node, ast.stmt)]
    texts = [
        node
        for node in statements
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]

    assert len(statements) - len(texts) < 6700
