"""Any pipeline survives its own document, and does the same on both backends."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import imageflow_loader as imf
from imageflow_loader.types import (
    Anchor,
    ColorFilter,
    ConstraintMode,
    Filter,
    QualityProfile,
    WatermarkMode,
)
from tests import pictures
from tests.conftest import engine_under_test

if TYPE_CHECKING:
    from collections.abc import Iterator

# Values


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def words(literal: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(get_args(literal))


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, width=32)


side = st.integers(1, 40)
edge = st.integers(0, 20)
share = numbers(0, 1)
percent = numbers(0, 100)
colors = st.sampled_from(["transparent", "black", "red", "#12345678", (1, 2, 3)])
gravities = maybe(words(Anchor) | st.tuples(percent, percent))
flags = maybe(st.booleans())

hints = maybe(
    st.builds(
        imf.Hints,
        sharpen_percent=maybe(percent),
        down_filter=maybe(words(Filter)),
        up_filter=maybe(words(Filter)),
        scaling_colorspace=maybe(st.sampled_from(["linear", "srgb"])),
        background_color=maybe(colors),
        resample_when=maybe(st.just("always")),
        sharpen_when=maybe(st.sampled_from(["downscaling", "upscaling", "always"])),
    )
)
constraints = st.builds(
    imf.Constraint,
    side,
    maybe(side),
    mode=words(ConstraintMode),
    gravity=gravities,
    canvas_color=maybe(colors),
    hints=hints,
)
watermarks = st.builds(
    imf.Watermark,
    st.sampled_from([pictures.png(4, 4, mode="RGBA"), pictures.jpeg(9, 5)]),
    gravity=gravities,
    fit_box=maybe(
        st.builds(imf.Margins, edge, edge, edge, edge, st.just("canvas"))
        | st.builds(imf.FitBox, percent, percent, percent, percent)
    ),
    fit_mode=maybe(words(WatermarkMode)),
    opacity=maybe(share),
    min_canvas_width=maybe(side),
    min_canvas_height=maybe(side),
    hints=hints,
)
securities = maybe(
    st.builds(
        imf.Security,
        max_decode_size=maybe(st.builds(imf.FrameLimit, w=maybe(side))),
        max_frame_size=maybe(st.builds(imf.FrameLimit, h=maybe(side))),
        max_encode_size=maybe(st.builds(imf.FrameLimit, megapixels=maybe(share))),
        max_threads=maybe(st.integers(1, 2)),
    )
)
quality = maybe(st.integers(0, 100))
choice: dict[str, Any] = {
    "quality_profile": words(QualityProfile) | st.integers(0, 100),
    "quality_profile_dpr": maybe(st.sampled_from([0.5, 1, 2.5, 3])),
    "lossless": maybe(st.booleans() | st.just("keep")),
    "allow": maybe(st.builds(imf.Allow, jpeg=flags, png=flags, webp=st.just(True))),
    "matte": maybe(colors),
}
encoders = st.one_of(
    st.sampled_from(["jpeg", "png", "webp", "gif", "keep"]),
    st.builds(imf.MozJpeg, quality, progressive=flags, matte=maybe(colors)),
    st.builds(imf.LibjpegTurbo, quality, optimize_huffman_coding=flags),
    st.builds(imf.LodePng, maximum_deflate=flags),
    st.builds(imf.PngQuant, quality, speed=maybe(st.integers(1, 10))),
    st.builds(imf.LibPng, zlib_compression=maybe(st.integers(0, 9))),
    st.builds(imf.WebPLossy, percent),
    st.builds(imf.WebPLossless),
    st.builds(imf.Gif),
    st.builds(imf.Auto, **choice),
    st.builds(imf.Format, st.sampled_from(["png", "webp", "jpeg", "keep"]), **choice),
)
queries = st.fixed_dictionaries(
    {"w": side},
    optional={
        "h": side,
        "mode": st.sampled_from(["max", "pad", "crop", "stretch"]),
        "format": st.sampled_from(["jpg", "png", "webp", "gif"]),
        "bgcolor": st.sampled_from(["fff", "336699", "orange"]),
        "rotate": st.sampled_from([90, 180, 270]),
        "s.sepia": st.booleans(),
    },
)

# Pipelines

Step = st.SearchStrategy["Callable[[imf.Image], imf.Image]"]


def call(method: str, *arguments: Any, **named: Any) -> Step:
    def made(chosen: tuple[list[Any], dict[str, Any]]) -> Any:
        positional, keywords = chosen
        return lambda image: getattr(image, method)(*positional, **keywords)

    return st.tuples(st.tuples(*arguments), st.fixed_dictionaries(named)).map(made)


def box(low: int = 0) -> list[st.SearchStrategy[int]]:
    return [st.integers(low, 9), st.integers(low, 9), *[st.integers(10, 40)] * 2]


operations: dict[str, Step] = {
    "constrain": call("constrain", constraints),
    "resize": call("resize", side, side, hints=hints),
    "crop": call("crop", *box()),
    "crop_whitespace": call("crop_whitespace", st.integers(0, 255), percent),
    "region": call("region", *box(-9), background_color=colors),
    "region_percent": call(
        "region_percent", *[numbers(-50, 40)] * 2, *[numbers(50, 150)] * 2
    ),
    "expand_canvas": call("expand_canvas", edge, edge, edge, edge, color=colors),
    "fill_rect": call("fill_rect", *box(), colors),
    "round_image_corners": call(
        "round_image_corners",
        st.just("circle") | numbers(0, 50) | st.tuples(*[numbers(0, 50)] * 4),
        unit=st.sampled_from(["pixels", "percentage"]),
        background_color=colors,
    ),
    **{
        name: call(name)
        for name in (
            *("flip_v", "flip_h", "transpose"),
            *("rotate_90", "rotate_180", "rotate_270"),
        )
    },
    "apply_orientation": call("apply_orientation", st.integers(1, 8)),
    "color_filter_srgb": call("color_filter_srgb", words(ColorFilter)),
    "adjust": call(
        "adjust",
        brightness=maybe(numbers(-1, 1)),
        contrast=maybe(numbers(-1, 1)),
        saturation=maybe(numbers(-1, 1)),
        alpha=maybe(share),
    ),
    "color_matrix_srgb": call(
        "color_matrix_srgb", st.lists(st.tuples(*[share] * 5), min_size=5, max_size=5)
    ),
    "white_balance_srgb": call("white_balance_srgb", maybe(share)),
    "watermark": call("watermark", watermarks),
    "command_string": call("command_string", queries),
    "node": call("node", st.just({"expand_canvas": {"left": 1}}) | st.just("flip_h")),
}
beginnings = st.one_of(
    st.builds(
        imf.canvas, side, side, colors, format=st.sampled_from(["bgra_32", "bgr_32"])
    ),
    st.builds(
        imf.decode,
        st.sampled_from(
            [
                pictures.png(20, 16, mode="RGBA"),
                pictures.jpeg(40, 30, orientation=6),
                pictures.gif(12, 9, frames=2),
                pictures.webp(16, 16),
                pictures.cut(pictures.png(9, 9)),
            ]
        ),
        shrink=st.just("auto") | st.tuples(side, side),
        shrink_quality=st.sampled_from(["fastest", "spatial", "gamma_correct"]),
        discard_color_profile=st.booleans(),
        ignore_color_profile_errors=st.booleans(),
        select_frame=maybe(st.integers(0, 2)),
    ),
    st.just(imf.decode(pictures.jpeg(40, 30), shrink="off")),
)


@st.composite
def images(draw: st.DrawFn) -> list[imf.Image]:
    """Return an image and all that it was made by, in order."""
    made = [draw(beginnings)]
    for _ in range(draw(st.integers(0, 4))):
        image = made[-1]
        match draw(st.sampled_from(["step", "draw", "copy"])):
            case "step":
                step = draw(st.sampled_from(sorted(operations)).flatmap(operations.get))
                made.append(step(image))
            case "draw":
                other = draw(st.sampled_from(made) | beginnings)
                blend = draw(st.sampled_from([None, "compose", "overwrite"]))
                place = [draw(edge), draw(edge), draw(side), draw(side)]
                made.append(image.draw_image_exact(other, *place, blend=blend))
            case _:
                other = draw(st.sampled_from(made) | beginnings)
                place = [draw(edge), draw(edge), draw(side), draw(side), 0, 0]
                made.append(image.copy_rect_to_canvas(other, *place))
    return made


@st.composite
def jobs(draw: st.DrawFn) -> imf.Job:
    made = draw(images())
    outputs = [
        draw(st.sampled_from(made)).encode(draw(encoders))
        for _ in range(draw(st.integers(1, 3)))
    ]
    if draw(st.booleans()):
        query = draw(queries)
        drawn = draw(st.lists(watermarks, max_size=2))
        source = pictures.png(20, 16, mode="RGBA")
        outputs.append(imf.command_string(source, query, watermarks=drawn))
    return imf.Job(*outputs, security=draw(securities))


def test_every_operation_is_among_them() -> None:
    methods = {
        name
        for name in dir(imf.Image)
        if not name.startswith("_") and name not in {"encode", "save", "pipe"}
    }

    assert operations.keys() | {"draw_image_exact", "copy_rect_to_canvas"} == methods


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(jobs())
def test_any_job_survives_its_own_document(job: imf.Job) -> None:
    document = job.to_json()

    again = imf.Job.from_json(json.loads(json.dumps(document)))

    assert again == job
    assert again.to_json() == document
    assert again.to_json("execute") == job.to_json("execute")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(jobs())
def test_any_job_survives_pickle_and_can_be_told(job: imf.Job) -> None:
    again = pickle.loads(pickle.dumps(job))  # noqa: S301 - our own bytes

    assert again == job
    assert hash(again) == hash(job)
    assert again.fingerprint() == job.fingerprint()
    assert again.requires == job.requires
    assert len(job.explain().splitlines()) > len(job.outputs) or job.explain()


def outcome(job: imf.Job, engine: imf.Engine) -> Any:
    try:
        return [out.data for out in job.run(engine=engine, timeout=60)]
    except imf.JobError as error:
        return [type(error), error.category, error.code, error.kind]
    except imf.ImageflowError as error:
        return [type(error), error.category]


@pytest.fixture(scope="module")
def both() -> Iterator[list[imf.Engine]]:
    engines = [
        imf.load_engine(kind, path=engine_under_test(kind))
        for kind in ("library", "tool")
    ]
    yield engines
    for engine in engines:
        engine.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(job=jobs())
def test_any_job_runs_or_raises_one_of_our_errors_alike_on_both_backends(
    both: list[imf.Engine], job: imf.Job
) -> None:
    # Of two faults in one job the official engine names now this one, now that one.
    for _ in range(10 if both[0].info.edition == "official" else 1):
        library, tool = (outcome(job, engine) for engine in both)
        if library == tool:
            break

    assert library == tool


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(job=jobs())
def test_a_job_that_was_read_from_its_document_gives_the_same_pictures(
    both: list[imf.Engine], job: imf.Job
) -> None:
    again = imf.Job.from_json(job.to_json())

    assert outcome(again, both[0]) == outcome(job, both[0])


# What a document cannot hold, or need not


def test_a_source_that_is_to_be_given_can_be_given_to_the_job_that_was_read() -> None:
    template = imf.Job(imf.decode().constrain(9).encode("png"))

    again = imf.Job.from_json(template.to_json())

    assert again == template


def test_several_are_given_by_their_numbers(engine: imf.Engine) -> None:
    base, logo = imf.decode(name="base"), imf.decode(name="logo")
    job = imf.Job(base.draw_image_exact(logo, 0, 0, 4, 4).encode("png"))

    again = imf.Job.from_json(job.to_json())

    made = again.run(
        inputs={"0": pictures.png(20, 16), "1": pictures.png(4, 4)}, engine=engine
    )
    assert made[0].size == (20, 16)


def test_whether_a_jpeg_may_be_shrunk_is_in_the_document() -> None:
    auto, off = (
        imf.Job(imf.decode("a.jpg", shrink=shrink).constrain(9).encode("png"))
        for shrink in ("auto", "off")
    )

    assert imf.Job.from_json(auto.to_json()) == auto != off
    assert imf.Job.from_json(off.to_json()) == off


def places(part: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each member of a document."""
    members = part.items() if isinstance(part, dict) else enumerate(part)
    for name, each in members:
        yield (*above, name)
        if isinstance(each, dict | list):
            yield from places(each, (*above, name))


@pytest.mark.parametrize(
    "wrong",
    [None, True, -1, 2**40, 0.5, "x", [], [0], {}, {"io_id": 0}, {"decode": {}}],
    ids=repr,
)
def test_a_document_with_anything_wrong_anywhere_is_refused_or_runs(
    wrong: Any, both: list[imf.Engine]
) -> None:
    photo, logo = pictures.jpeg(20, 10), imf.Watermark(pictures.png(9, 9))
    small = imf.decode(photo, shrink=(9, 9), select_frame=0).constrain(9).flip_h()
    drawn = imf.canvas(9, 9, "red").draw_image_exact(small.watermark(logo), 0, 0, 9, 9)
    query = imf.command_string(photo, "w=4&format=webp", watermarks=[logo])
    job = imf.Job(drawn.encode("png"), query, security=imf.Security.untrusted())
    whole = job.to_json()
    for *above, name in places(whole):
        document: Any = copy.deepcopy(whole)
        part = document
        for each in above:
            part = part[each]
        part[name] = wrong
        with contextlib.suppress(imf.InvalidJobError):
            outcome(imf.Job.from_json(document), both[0])
