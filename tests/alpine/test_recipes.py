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
import zipfile
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
    """On this machine; holds what becomes `/usr/local` and `/app`."""
    user: str = "0"
    command: list[str] = field(default_factory=list)

    def build(self, page: Path) -> None:
        """Carry out the one Dockerfile of *page*."""
        for name in ("usr-local", "app"):
            self.folder.joinpath(name).mkdir(mode=0o755)
        self.run("/opt/python/bin/python3", "-m", "venv", "/usr/local")
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
        local, app = (self.folder / name for name in ("usr-local", "app"))
        binds = [f"{local}:/usr/local", f"{app}:/app"]
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
    folder = tmp_path / "open" / "image"
    folder.mkdir(parents=True, mode=0o755)
    return Image(root, index, folder)


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
    index: Path, tmp_path: Path
) -> None:
    (wheel,) = (index / "imageflow-loader").glob("*-musllinux_1_2_x86_64.whl")
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read("imageflow_loader/_native/imageflow_tool")
    image = tmp_path / "image"
    mounted = ("dev", "proc")
    for folder in (image, *map(image.joinpath, mounted)):
        folder.mkdir(mode=0o755)
    image.joinpath("imageflow_tool").write_bytes(data)
    image.joinpath("imageflow_tool").chmod(0o755)
    (line,) = blocks(page_named("scratch"), "sh")
    words = re.search(r"(v1/.*) <photo.jpg >photo.webp", line.replace("\\\n", " "))
    assert words is not None

    done = subprocess.run(
        [
            *in_a_namespace(*(f"mount --rbind /{n} {image}/{n}" for n in mounted)),
            *("chroot", "--userspec=65534:65534", image, "/imageflow_tool"),
            *shlex.split(words[1]),
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
