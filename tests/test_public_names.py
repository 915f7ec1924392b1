"""What users may rely on: adding a name is a decision, and so is taking one away."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import imageflow_loader
from imageflow_loader import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]

NAMES = """
    Allow Attempt Auto BatchItem CancelToken Color ColorLike Constraint DecodedImage
    DestinationError EncodedImage Encoder EncoderLike Engine EngineCrashedError
    EngineDownloadError EngineError EngineIOError EngineIncompatibleError EngineInfo
    EngineInternalError EngineLoadError EngineMemoryError EngineNotFoundError
    FetchedEngine FitBox Format FrameLimit FramePerformance Gif Hints Image
    ImageDecodeError ImageInfo ImageflowError InvalidJobError Job JobCancelledError
    JobError JobResult JobTimeoutError LibPng LibjpegTurbo LodePng Margins MozJpeg
    NodePerformance Output Performance PngQuant QuerystringIssue RawResponse RunOptions
    Security SettingsError SizeLimitError Source SourceError SourceNotFoundError
    SourceTooLargeError SourceTypeError ToolLimits UnsupportedFeatureError VersionInfo
    Watermark WebPLossless WebPLossy __version__ ainfo aprocess arun batch canvas
    check_querystring command_string decode errors fetch get_engine info load_engine
    process run sniff thumbnail types use_engine
""".split()  # noqa: SIM905 - a list of names reads better so


def seen_in(path: Path) -> Iterator[str]:
    """Yield what type checkers see: what is imported as itself, or by a star."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            for alias in node.names:
                if alias.name == alias.asname:
                    yield alias.name
                elif alias.name == "*" and node.module == "errors":
                    yield from errors.__all__
                elif alias.name == "*":
                    yield from seen_in(path.parent / str(node.module) / "__init__.py")


def test_these_are_the_public_names() -> None:
    assert sorted(imageflow_loader.__all__) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there_and_is_listed(name: str) -> None:
    assert getattr(imageflow_loader, name) is not None
    assert name in dir(imageflow_loader)


def test_type_checkers_see_the_same_names() -> None:
    seen = {"__version__"} | set(seen_in(ROOT / "imageflow_loader" / "__init__.py"))

    assert seen == set(NAMES)


def test_a_name_that_is_not_there_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(
        AttributeError, match=r"imageflow_loader.*no attribute 'proces'"
    ):
        imageflow_loader.proces  # noqa: B018 - the look-up is the test


def test_a_star_import_takes_them_all() -> None:
    code = "from imageflow_loader import *; print(process, Image, errors)"

    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_package_is_typed() -> None:
    assert (ROOT / "imageflow_loader" / "py.typed").exists()


def test_the_version_is_that_of_the_distribution() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = re.search(r'^version = "(.+)"', text, re.MULTILINE)

    assert declared is None or declared[1] == imageflow_loader.__version__
