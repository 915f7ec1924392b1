"""The fake engine: what users test with when they have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import imageflow_loader as imf
from imageflow_loader.testing import FakeEngine, assert_json
from tests import pictures

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("encoder", "mime_type"),
    [
        ("jpeg", "image/jpeg"),
        ("png", "image/png"),
        ("gif", "image/gif"),
        ("webp", "image/webp"),
        (imf.Format("webp"), "image/webp"),
        (imf.Auto(), "image/png"),
    ],
)
def test_it_gives_one_pixel_of_the_format_that_is_asked_for(
    encoder: Any, mime_type: str
) -> None:
    made = imf.decode(b"anything").encode(encoder).run(engine=FakeEngine())

    assert made.mime_type == imf.info(made.data).mime_type == mime_type
    assert pictures.size(made.data) == (1, 1)


@pytest.mark.parametrize(
    ("query", "mime_type"),
    [
        ("format=WEBP", "image/webp"),
        ("FORMAT=webp", "image/webp"),
        ("thumbnail=webp", "image/webp"),
        ("srcset=gif,10w", "image/gif"),
        ("qp=good&accept.webp=TRUE", "image/webp"),
        ("qp=good", "image/png"),
        ("format=jpe", "image/jpeg"),
        ("format=keep", "image/jpeg"),
        ("format=bmp", "image/jpeg"),
        ("w=100", "image/jpeg"),
    ],
)
def test_it_reads_a_query_string_as_engines_do(query: str, mime_type: str) -> None:
    made = imf.process(pictures.jpeg(), query, engine=FakeEngine())

    assert made.mime_type == imf.sniff(made.data) == mime_type


def test_a_format_that_is_kept_is_that_of_the_source() -> None:
    jpeg, webp = imf.decode(pictures.jpeg()), imf.decode(pictures.webp())
    outputs = [
        imf.canvas(1, 1).encode("keep"),
        jpeg.flip_h().encode("keep"),
        webp.watermark(imf.Watermark(pictures.png())).encode("keep"),
        webp.encode(imf.Auto(allow=imf.Allow(webp=True))),
    ]

    with imf.use_engine(FakeEngine()):
        made = [each.run() for each in outputs]
        made.append(imf.thumbnail(pictures.gif(), 100))
        made += imf.run(outputs[1], imf.command_string(pictures.gif(), "w=3"))

    types = ("png", "jpeg", "webp", "webp", "gif", "jpeg", "gif")
    assert [each.mime_type for each in made] == [f"image/{each}" for each in types]


def test_it_remembers_what_it_was_given(tmp_path: Path) -> None:
    engine = FakeEngine()

    with imf.use_engine(engine):
        imf.decode(b"a").constrain(9).save(tmp_path / "a.webp")
        imf.process(b"b", "w=3&format=jpeg")

    first, second = engine.jobs
    assert first.inputs == {0: b"a"}
    assert first.nodes == [{"constrain": {"mode": "within", "w": 9}}]
    assert second.nodes[0]["command_string"]["value"] == "w=3&format=jpeg"
    assert (tmp_path / "a.webp").exists()


def test_it_raises_what_it_is_told_to() -> None:
    engine = FakeEngine(error=imf.SizeLimitError("too large"))

    with pytest.raises(imf.SizeLimitError, match="too large"):
        imf.process(b"x", "w=3", engine=engine)

    assert len(engine.jobs) == 1


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("v1/get_version_info", {}),
        ("v1/get_image_info", {"io_id": 0}),
        ("v1/execute", {"framewise": {"steps": [{"decode": {"io_id": 0}}]}}),
    ],
)
def test_json_of_ones_own_is_refused_in_plain_words(
    method: str, message: dict[str, Any]
) -> None:
    engine = FakeEngine()

    with pytest.raises(imf.EngineError, match=f"has no answer to this {method}"):
        engine.send_json(method, message, inputs={0: b"any bytes"})

    assert engine.jobs == []


def test_its_error_names_the_source_of_each_job(tmp_path: Path) -> None:
    error = imf.ImageDecodeError("bad", kind="ImageDecodingError")
    said = []

    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"any bytes")
        with pytest.raises(imf.ImageDecodeError) as raised:
            imf.process(tmp_path / name, "w=3", engine=FakeEngine(error=error))
        said.append((raised.value.message, raised.value.kind))

    assert said == [
        (f"{tmp_path / name}: bad", "ImageDecodingError") for name in ("a.jpg", "b.jpg")
    ]
    assert (error.message, error.job) == ("bad", None)


def test_sources_and_limits_are_as_with_any_engine() -> None:
    with pytest.raises(imf.SourceTooLargeError):
        imf.process(
            b"xx", "w=3", security=imf.Security(max_input_bytes=1), engine=FakeEngine()
        )


def test_an_outputs_nodes_can_be_asserted() -> None:
    output = imf.decode("photo.jpg").flip_h().encode("png")

    assert_json(output, ["flip_h"])
    with pytest.raises(AssertionError, match="flip_h"):
        assert_json(output, ["flip_v"])
