"""The recipes of `docs/deploy/`: all are linted, those of Alpine are carried out.

What stands in for Docker here carries out the same words: `/usr/local` of the Alpine
root is an environment of its Python, as in the official image, `/dist` holds what
`wheels/build.py` has made, and there is no network.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests import pictures
from tests.alpine_root import PROJECT, alpine_root, in_a_namespace

from .guest import IN_ROOT, INDEX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = sorted((PROJECT / "docs" / "deploy").glob("*.md"))
PHOTO = (2725, 2225)
PATH = "/usr/local/bin:/usr/bin:/bin"
PLACES = ("usr/local", "app", "wheel")


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of *page* in *language*."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def page_named(name: str) -> Path:
    (page,) = (page for page in PAGES if page.stem == name)
    return page


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction and what it says, without options such as `--mount`."""
    for line in dockerfile.replace("\\\n", " ").splitlines():
        if line:
            name, _, text = line.partition(" ")
            yield name, re.sub(r"^(--\S+\s+)+", "", text)


@dataclass
class Image:
    """An Alpine with a Python in `/usr/local`, and what a Dockerfile makes of it."""

    root: Path
    index: Path
    folder: Path
    """On this machine; holds what becomes `/usr/local`, `/app` and `/wheel`."""
    user: str = "0"
    command: list[str] = field(default_factory=list)

    def build(self, page: Path) -> None:
        """Carry out the one Dockerfile of *page*."""
        (dockerfile,) = blocks(page, "dockerfile")
        (program,) = blocks(page, "python")
        for name, text in instructions(dockerfile):
            match name:
                case "FROM":
                    assert text == "python:3.13-alpine"
                case "WORKDIR":
                    assert text == "/app"
                case "RUN":
                    self.run("sh", "-euc", text)
                case "COPY":
                    assert text == "app.py ."
                    self.folder.joinpath("app", "app.py").write_text(program)
                case "USER":
                    self.user = text
                case "CMD":
                    self.command = json.loads(text)
                case _:
                    raise NotImplementedError(name)

    def start(self) -> str:
        """Run the image's command as its user, nothing writable; return its words."""
        return self.run(*self.command, options=["-r", "-u", self.user])

    def run(self, *command: str, options: list[str] | None = None) -> str:
        binds = [f"{self.folder / name}:/{name}" for name in PLACES]
        reads = [f"{self.index}:{INDEX}", f"{self.index / 'imageflow-loader'}:/dist"]
        done = subprocess.run(
            [
                *(IN_ROOT, "-n", *(options or [])),
                *(word for bind in binds for word in ("-b" if options else "-w", bind)),
                *(word for read in reads for word in ("-b", read)),
                *(self.root, "env", f"PATH={PATH}", f"PIP_INDEX_URL=file://{INDEX}"),
                *("sh", "-c", 'cd /app && exec "$@"', "sh", *command),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def image(request: pytest.FixtureRequest, index: Path, tmp_path: Path) -> Image:
    """Return an image that has a Python and nothing else."""
    root = alpine_root(request.config.getoption("--alpine")).root
    in_a_namespace()  # skips where that is not permitted
    image = Image(root, index, tmp_path / "open" / "image")
    for name in PLACES:
        image.folder.joinpath(name).mkdir(parents=True, mode=0o755)
    image.run("/opt/python/bin/python3", "-m", "venv", "/usr/local")
    return image


def a_photo() -> bytes:
    return pictures.jpeg(*PHOTO)


@pytest.mark.parametrize("page", ["alpine", "alpine-tool"])
def test_the_recipe_prints_what_its_page_says(page: str, image: Image) -> None:
    image.build(page_named(page))
    image.folder.joinpath("app", "photo.jpg").write_bytes(a_photo())

    said = image.start()

    assert f"It prints `{said.strip()}` for a photo of 2725×2225" in page_named(
        page
    ).read_text(encoding="utf-8")


def test_the_tool_needs_nothing_but_what_docker_mounts(
    image: Image, tmp_path: Path
) -> None:
    page = page_named("scratch")
    (dockerfile,) = blocks(page, "dockerfile")
    said = dict(instructions(dockerfile))  # of each instruction, the last
    image.run("sh", "-euc", said["RUN"])
    root = tmp_path / "root"
    mounted = ("dev", "proc")
    for folder in (root, *map(root.joinpath, mounted)):
        folder.mkdir(mode=0o755)
    source, target = said["COPY"].split()
    shutil.copy(f"{image.folder}{source}", f"{root}{target}")
    (line,) = blocks(page, "sh")
    words = re.search(r"(v1/.*) <photo.jpg >photo.webp", line.replace("\\\n", " "))
    assert words is not None

    done = subprocess.run(
        [
            *in_a_namespace(*(f"mount --rbind /{n} {root}/{n}" for n in mounted)),
            *("chroot", f"--userspec={said['USER']}", root),
            *(*json.loads(said["ENTRYPOINT"]), *shlex.split(words[1])),
        ],
        input=a_photo(),
        capture_output=True,
        check=True,
    )

    assert pictures.size(done.stdout) == (800, 653)


RECIPES = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, text in enumerate(blocks(page, "dockerfile"))
]


@pytest.mark.parametrize("dockerfile", RECIPES)
def test_the_linter_of_dockerfiles_has_nothing_to_say(dockerfile: str) -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint: `pip install -e '.[dev]'`")

    said = subprocess.run(
        [hadolint, "--no-color", "-"],
        input=dockerfile,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (said.returncode, said.stdout) == (0, "")
