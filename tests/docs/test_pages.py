"""Every example of the documentation does what its page says, on both kinds."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import pytest

import imageflow_loader

from . import album
from .pages import DOCS, Block, blocks, is_as_shown, pages, run_console, run_python

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES = ("python", "{shown}")
PYTHON_PAGES = [p for p in pages() if blocks(p, *LANGUAGES)]
CONSOLE_PAGES = [p for p in pages() if blocks(p, "console")]
EXAMPLES = DOCS / "examples.md"
KINDS = ("library", "tool")


def name(page: Path) -> str:
    return page.stem


def programs(page: Path) -> list[list[Block]]:
    """Return the page's programs: one, but each of the ten examples is one."""
    chosen = blocks(page, *LANGUAGES)
    if page != EXAMPLES:
        return [chosen]
    text = page.read_text(encoding="utf-8").splitlines()
    heads = [number for number, line in enumerate(text) if re.match(r"## \d", line)]
    ends = [*heads[1:], len(text)]
    return [
        [b for b in chosen if start < b.line <= end]
        for start, end in zip(heads, ends, strict=True)
    ]


def files(folder: Path) -> dict[str, str]:
    """Return the name and digest of every file."""
    return {
        str(each.relative_to(folder)): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in folder.rglob("*")
        if each.is_file()
    }


def run_on_both_kinds(page: Path, program: list[Block], folder: Path) -> None:
    made = []
    for kind in KINDS:
        here = folder / kind
        album.draw_into(here)
        # The official library has to give way to the tool where a page forks.
        asked = "auto" if page.stem == "workers" and kind == "library" else kind
        printed = run_python(page, program, here, {"IMAGEFLOW_BACKEND": asked})

        for block, text in zip(program, printed, strict=True):
            where = f"{page.name}:{block.line} on {kind}"
            assert is_as_shown(text, block.printed or "") or block.printed is None, (
                f"{where} prints:\n{text}"
            )
        made.append(files(here))
    assert made[0] == made[1], "library and tool make different files"


@pytest.mark.usefixtures("engine_for_users")
@pytest.mark.parametrize("page", [p for p in PYTHON_PAGES if p != EXAMPLES], ids=name)
def test_the_examples_of_a_page_run_and_print_what_it_shows(
    page: Path, tmp_path: Path
) -> None:
    (program,) = programs(page)

    run_on_both_kinds(page, program, tmp_path)


@pytest.mark.usefixtures("engine_for_users")
@pytest.mark.parametrize("number", range(1, 11))
def test_each_of_the_ten_examples_gives_the_same_on_library_and_tool(
    number: int, tmp_path: Path
) -> None:
    program = programs(EXAMPLES)[number - 1]

    run_on_both_kinds(EXAMPLES, program, tmp_path)


def test_there_are_ten_examples() -> None:
    assert [len(program) > 0 for program in programs(EXAMPLES)] == [True] * 10


@pytest.mark.usefixtures("engine_for_users")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("page", CONSOLE_PAGES, ids=name)
def test_the_commands_of_a_page_print_what_it_shows(
    page: Path, kind: str, tmp_path: Path
) -> None:
    album.draw_into(tmp_path / "here")

    for block in blocks(page, "console"):
        printed = run_console(
            block.text, tmp_path / "here", {"IMAGEFLOW_BACKEND": kind}
        )
        assert is_as_shown(printed, block.text), f"{page.name}:{block.line}\n{printed}"


def test_the_gallery_shows_every_operation() -> None:
    gallery = (DOCS / "gallery.md").read_text(encoding="utf-8")
    operations = [
        name
        for name, method in vars(imageflow_loader.Image).items()
        if "Source: the" in (method.__doc__ or "")
    ]

    assert len(operations) > 20
    assert [name for name in operations if f".{name}(" not in gallery] == []


def test_every_public_name_is_on_a_page_of_the_reference() -> None:
    reference = "".join(p.read_text("utf-8") for p in (DOCS / "reference").glob("*.md"))
    told = re.findall(
        r"^\.\. auto(?:function|class|exception|data|module):: ([\w.]+)",
        reference,
        re.MULTILINE,
    )
    names = {each.removeprefix("imageflow_loader.") for each in told}

    assert set(imageflow_loader.__all__) - names == {"__version__"}
