"""What comes out, as bytes, text, a file, a notebook's picture."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

import imageflow_loader as imf
from imageflow_loader import (
    EncodedImage,
    FramePerformance,
    NodePerformance,
    Performance,
)
from imageflow_loader._job.results import decoded_images, frame_performances
from imageflow_loader.testing import FakeEngine


def image(
    data: bytes | None, kind: str = "png", path: Path | None = None
) -> EncodedImage:
    return EncodedImage("0", 3, 2, f"image/{kind}", kind, 4, path, data)


def test_the_bytes_are_text_where_text_is_needed() -> None:
    uri = image(b"\x89PNG").data_uri()

    kind, _, text = uri.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(text) == b"\x89PNG"


def test_the_bytes_can_be_saved_later(tmp_path: Path) -> None:
    image(b"\x89PNG").save(tmp_path / "out.png")

    assert (tmp_path / "out.png").read_bytes() == b"\x89PNG"


@pytest.mark.parametrize(
    ("path", "place"), [(Path("out.png"), r"out\.png"), (None, "a stream")]
)
def test_bytes_that_went_elsewhere_are_not_here(path: Path | None, place: str) -> None:
    gone = image(None, path=path)

    for use in (gone.open, gone.data_uri, lambda: gone.data, lambda: bytes(gone)):
        with pytest.raises(ValueError, match=f"went to {place}; its bytes"):
            use()


def test_a_notebook_shows_the_picture() -> None:
    shown = image(b"\x89PNG")._repr_mimebundle_()

    assert base64.b64decode(shown["image/png"]) == b"\x89PNG"
    assert "EncodedImage" in shown["text/plain"]
    assert "<img" in image(b"RIFF", "webp")._repr_mimebundle_()["text/html"]
    assert image(None)._repr_mimebundle_().keys() == {"text/plain"}


def test_the_representation_does_not_hold_the_bytes() -> None:
    assert "PNG" not in repr(image(b"\x89PNG"))


def test_the_representation_of_a_result_does_not_hold_the_whole_answer() -> None:
    result = imf.run(imf.canvas(1, 1).encode("png"), engine=FakeEngine())

    assert "job_result" in str(result.raw)
    assert "job_result" not in repr(result)


def test_an_engine_that_tells_nothing_of_its_work_is_understood() -> None:
    told = {"encodes": [], "decodes": None, "performance": None}

    assert list(decoded_images(told)) == []
    assert list(frame_performances(told)) == []


def test_times_are_told_in_one_line() -> None:
    node = NodePerformance("decode", 900)
    times = Performance((FramePerformance((node,), 1000, 100),), 0.001, 0.5, 0.0125, 0)

    assert (
        times.summary() == "read 1.0 ms, queue 500.0 ms, engine 12.5 ms, write 0.0 ms"
    )
