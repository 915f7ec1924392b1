"""Recipes as values: shared, numbered, bound, told, written down and read again."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageSequence

import imageflow_loader as imf
from imageflow_loader._cancel import Deadline
from imageflow_loader.testing import FakeEngine
from tests import pictures
from tests.conftest import engine_under_test

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = pictures.jpeg(60, 40)


def framewise(*outputs: imf.Output) -> Any:
    message: Any = imf.Job(*outputs).to_json("execute")
    return message["framewise"]["graph"]


def names(graph: Any) -> list[str]:
    return [
        node if isinstance(node, str) else next(iter(node))
        for node in graph["nodes"].values()
    ]


# Sharing and numbers


def test_a_branch_is_done_once() -> None:
    photo = imf.decode("photo.jpg").crop_whitespace()

    graph = framewise(*(photo.constrain(w).encode("webp") for w in (400, 800, 1600)))

    assert names(graph) == [
        "decode",
        "crop_whitespace",
        *["constrain"] * 3,
        *["encode"] * 3,
    ]
    assert [(e["from"], e["to"], e["kind"]) for e in graph["edges"]] == [
        (0, 1, "input"),
        (1, 2, "input"),
        (1, 3, "input"),
        (1, 4, "input"),
        (2, 5, "input"),
        (3, 6, "input"),
        (4, 7, "input"),
    ]


def test_equal_steps_are_one_step_however_they_were_made() -> None:
    def image() -> imf.Image:
        return imf.decode("photo.jpg").constrain(400)

    graph = framewise(image().encode("webp"), image().encode("png"))

    assert names(graph) == ["decode", "constrain", "encode", "encode"]


def test_inputs_are_numbered_first_then_outputs() -> None:
    logo = imf.Watermark("logo.png")
    image = imf.decode("photo.jpg").watermark(logo)

    graph = framewise(image.encode("webp"), image.flip_h().encode("gif"))

    text = json.dumps(graph["nodes"])
    assert '"decode": {"io_id": 0}' in text
    assert '"watermark": {"io_id": 1}' in text
    assert [n["encode"]["io_id"] for n in graph["nodes"].values() if "encode" in n] == [
        2,
        3,
    ]


def test_a_source_that_is_used_twice_in_different_ways_has_two_numbers() -> None:
    small = imf.decode("photo.jpg", shrink=(10, 10))
    whole = imf.decode("photo.jpg", shrink="off")

    graph = framewise(small.encode("webp"), whole.encode("webp"))

    decodes = [n["decode"]["io_id"] for n in graph["nodes"].values() if "decode" in n]
    assert decodes == [0, 1]


def test_a_drawn_image_has_an_edge_of_its_own_and_its_canvas_another() -> None:
    graph = framewise(
        imf.canvas(9, 9)
        .draw_image_exact(imf.decode("photo.jpg"), 0, 0, 5, 5)
        .encode("png")
    )

    assert names(graph) == ["create_canvas", "decode", "draw_image_exact", "encode"]
    assert graph["edges"][:2] == [
        {"from": 0, "to": 2, "kind": "canvas"},
        {"from": 1, "to": 2, "kind": "input"},
    ]


def test_a_query_string_is_one_node_with_its_watermarks() -> None:
    output = imf.command_string(
        "photo.jpg", "w=9", watermarks=[imf.Watermark("logo.png", opacity=0.5)]
    )

    assert framewise(output) == {
        "nodes": {
            "0": {
                "command_string": {
                    "kind": "ir4",
                    "value": "w=9",
                    "decode": 0,
                    "encode": 2,
                    "watermarks": [{"io_id": 1, "opacity": 0.5}],
                }
            }
        },
        "edges": [],
    }


def test_a_branch_that_changes_its_parent_works_on_a_copy() -> None:
    photo = imf.decode("photo.jpg")

    graph = framewise(
        photo.encode("png"), photo.color_filter_srgb("invert").encode("png")
    )

    assert (
        names(graph)
        == ["decode", "flip_v", "flip_v", "color_filter_srgb"] + ["encode"] * 2
    )


def test_sister_branches_do_not_see_each_other(engine: imf.Engine) -> None:
    base = imf.canvas(4, 4, "white").resize(5, 5)

    result = imf.run(
        base.encode(imf.LibPng()),
        base.color_filter_srgb("invert").encode(imf.LibPng()),
        base.fill_rect(0, 0, 5, 5, "red").encode(imf.LibPng()),
        engine=engine,
    )

    colours = [tuple(pictures.pixels(out.data)[2, 2][:3]) for out in result]
    assert colours == [(255, 255, 255), (0, 0, 0), (255, 0, 0)]


def test_a_jpeg_beside_it_costs_a_png_no_transparency(engine: imf.Engine) -> None:
    clear = imf.decode(pictures.png(16, 16, mode="RGBA")).flip_h()
    alone = clear.encode(imf.LibPng()).run(engine=engine)

    for _ in range(6):  # the official engine runs sisters in any order
        result = imf.run(
            clear.encode(imf.MozJpeg(matte="red")),
            clear.encode(imf.LibPng()),
            engine=engine,
        )
        assert result[1].data == alone.data


# Running


def test_outputs_come_back_in_order_and_by_name(engine: imf.Engine) -> None:
    photo = imf.decode(PHOTO)

    result = imf.run(
        photo.constrain(30).encode("webp", name="small"),
        photo.encode("png"),
        engine=engine,
    )

    assert [out.extension for out in result] == ["webp", "png"]
    assert len(result) == 2
    assert (result["small"], result["1"]) == (result[0], result[1])
    with pytest.raises(KeyError, match="'small'"):
        _ = result["large"]
    assert result.decodes == (imf.DecodedImage(60, 40, "image/jpeg", "jpg"),)
    assert result.raw["success"] is True
    assert result.engine == engine.info
    assert result.performance.engine_seconds > 0
    assert "engine" in result.performance.summary()
    assert result.performance.frames[0].wall_microseconds > 0


def test_no_file_is_replaced_unless_all_can_be(
    engine: imf.Engine, tmp_path: Path
) -> None:
    photo = imf.decode(PHOTO)

    with pytest.raises(imf.DestinationError):
        imf.run(
            photo.encode("png", tmp_path / "a.png"),
            photo.encode("webp", tmp_path / "no" / "b.webp"),
            engine=engine,
        )

    assert not list(tmp_path.iterdir())


def test_a_template_runs_on_many_sources(engine: imf.Engine, tmp_path: Path) -> None:
    recipe = imf.decode().constrain(20).encode("png")
    (tmp_path / "photo.jpg").write_bytes(PHOTO)

    sizes = [
        recipe.run(source, engine=engine).size
        for source in (PHOTO, tmp_path / "photo.jpg", io.BytesIO(pictures.gif(40, 40)))
    ]

    assert sizes == [(20, 13), (20, 13), (20, 20)]


def test_sources_are_given_by_their_names(engine: imf.Engine) -> None:
    recipe = (
        imf.decode(name="photo")
        .draw_image_exact(imf.decode(name="logo"), 0, 0, 4, 4)
        .encode("png")
    )

    made = recipe.run(
        inputs={"photo": PHOTO, "logo": pictures.png(4, 4)}, engine=engine
    )

    assert made.size == (60, 40)


def test_a_source_that_is_missing_or_too_many_is_told(engine: imf.Engine) -> None:
    recipe = imf.decode(name="photo").encode("png")

    with pytest.raises(imf.InvalidJobError, match="lacks a source named 'photo'"):
        recipe.run(engine=engine)
    with pytest.raises(ValueError, match="no place for a source named 'foto'"):
        recipe.run(inputs={"foto": PHOTO})
    with pytest.raises(ValueError, match="no place for an unnamed source"):
        recipe.run(PHOTO)


def test_a_fault_of_a_file_names_the_file(engine: imf.Engine, tmp_path: Path) -> None:
    path = tmp_path / "notes.png"
    path.write_bytes(b"this is no picture, only text")

    with pytest.raises(imf.ImageDecodeError) as caught:
        imf.decode(path).encode("png").run(engine=engine)
    with pytest.raises(imf.ImageDecodeError) as nameless:
        imf.decode(path.read_bytes()).encode("png").run(engine=engine)

    assert str(caught.value).startswith(f"{path}: NoEnabledDecoderFound: ")
    assert str(nameless.value).startswith("NoEnabledDecoderFound: ")


def test_a_library_is_silent_where_no_logging_is_set_up() -> None:
    text = "import imageflow_loader as imf; imf.canvas(9, 9).encode('avif').run()"

    ended = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True
    )

    assert ended.stderr == ""


def test_a_job_that_is_bound_is_another_job() -> None:
    template = imf.Job(imf.decode().flip_h().encode("png"))

    bound = template.bind("photo.jpg")

    assert bound == imf.Job(imf.decode("photo.jpg").flip_h().encode("png"))
    assert template != bound


def test_a_destination_may_be_given_when_it_runs(
    engine: imf.Engine, tmp_path: Path
) -> None:
    made = imf.decode().encode("png").run(PHOTO, to=tmp_path / "a.png", engine=engine)

    assert made.path == tmp_path / "a.png"
    assert made.path.exists()


def test_save_takes_the_encoder_of_the_suffix(
    engine: imf.Engine, tmp_path: Path
) -> None:
    made = imf.decode(PHOTO).constrain(9).save(tmp_path / "a.webp", engine=engine)

    assert made.mime_type == "image/webp"


def test_a_source_that_is_used_twice_is_read_once(engine: imf.Engine) -> None:
    stream = io.BytesIO(pictures.png(20, 20))
    image = imf.decode(stream, shrink="off")
    other = imf.decode(stream, discard_color_profile=True)

    result = imf.run(image.encode("png"), other.encode("webp"), engine=engine)

    assert [out.size for out in result] == [(20, 20)] * 2


def test_equal_sources_are_one_whatever_their_identity(engine: imf.Engine) -> None:
    animation = pictures.gif(20, 20, frames=3)
    copy = bytes(bytearray(animation))

    still, moving = imf.run(
        imf.decode(animation).encode("png"),
        imf.decode(copy).encode("gif"),
        engine=engine,
    )

    assert (imf.info(still.data).frames, imf.info(moving.data).frames) == (1, 3)


def test_an_empty_source_is_given_and_is_no_picture(engine: imf.Engine) -> None:
    with pytest.raises(imf.ImageDecodeError, match="is empty"):
        imf.decode().encode("png").run(b"", engine=engine)


@pytest.mark.parametrize("to", ["x.avif", "x.png", None])
def test_a_format_that_no_engine_writes_is_logged(
    engine: imf.Engine,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    to: str | None,
) -> None:
    output = imf.decode(PHOTO).encode("avif", to and tmp_path / to)

    with caplog.at_level(logging.WARNING, "imageflow_loader"):
        made = output.run(engine=engine)

    (record,) = caplog.records
    asked = "png" if to == "x.png" else "avif"
    assert f"{asked} was asked for, but" in record.message
    assert record.message.endswith(f"is a {made.extension}")


def test_limits_of_a_run_take_the_place_of_the_jobs() -> None:
    engine = FakeEngine()
    job = imf.Job(
        imf.decode(PHOTO).encode("png"), security=imf.Security(max_input_bytes=1)
    )

    with pytest.raises(imf.SourceTooLargeError):
        job.run(engine=engine)
    assert job.run(security=imf.Security(), engine=engine)[0].size == (1, 1)


def test_a_limit_that_the_engine_cannot_keep_is_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = imf.Job(imf.decode("no such file").encode("png"))
    engine = FakeEngine()
    monkeypatch.setattr(engine, "supports", lambda need: need == "select_frame")

    with pytest.raises(imf.UnsupportedFeatureError) as caught:
        job.run(security=imf.Security(max_total_file_pixels=9), engine=engine)

    assert caught.value.missing == {"limit_total_pixels"}


def test_waiting_for_a_turn_is_told_apart_from_working() -> None:
    path = engine_under_test("library")
    held, go_on = threading.Event(), threading.Event()

    with (
        imf.load_engine("library", path=path, max_concurrency=1) as engine,
        ThreadPoolExecutor(1) as pool,
    ):

        def hold() -> None:
            with engine._gate.entered(Deadline(None), None):
                held.set()
                assert go_on.wait(30)

        holding = pool.submit(hold)
        assert held.wait(30)
        threading.Timer(0.05, go_on.set).start()
        result = imf.run(imf.canvas(3, 3).encode("png"), engine=engine)
        holding.result()

    assert result.performance.queue_seconds > 0
    assert result.performance.engine_seconds > 0


def test_a_frame_that_is_not_there_is_told_with_the_count(engine: imf.Engine) -> None:
    animation = pictures.gif(20, 20, frames=3)

    def frame(number: int) -> imf.Output:
        return imf.decode(animation, select_frame=number).encode("png")

    assert frame(2).run(engine=engine).size == (20, 20)
    with pytest.raises(imf.InvalidJobError, match="no frame 3: the animation has 3"):
        frame(3).run(engine=engine)


def test_an_animation_has_the_size_of_its_file_and_not_of_its_last_frame(
    engine: imf.Engine,
) -> None:
    frames = [Image.new("RGB", (40, 30), "white") for _ in range(2)]
    frames[0].paste("red", (4, 6, 36, 26))
    frames[1].paste("red", (10, 10, 20, 15))
    file = io.BytesIO()
    frames[0].save(file, "gif", save_all=True, append_images=frames[1:])

    made = imf.decode(file.getvalue()).crop_whitespace(10, 0).encode("gif")
    made = made.run(engine=engine)

    assert made.size == Image.open(made.open()).size == (32, 20)


def test_no_frame_of_an_animation_is_seen_through_the_next(engine: imf.Engine) -> None:
    full = Image.new("RGBA", (12, 8), "red")
    holed = full.copy()
    holed.paste((0, 0, 0, 0), (2, 2, 9, 6))
    frames = [full, holed, Image.new("RGBA", full.size, "blue"), full, holed]
    file = io.BytesIO()
    full.save(file, "gif", save_all=True, append_images=frames[1:], disposal=2)

    made = imf.decode(file.getvalue()).encode("gif").run(engine=engine)

    with Image.open(made.open()) as animation:
        shown = [each.convert("RGBA") for each in ImageSequence.Iterator(animation)]
    assert [each.tobytes() for each in shown] == [each.tobytes() for each in frames]


def test_animations_of_one_job_are_as_each_would_be_alone(engine: imf.Engine) -> None:
    short = imf.decode(pictures.gif(20, 20, frames=2, durations_ms=100))
    long = pictures.gif(24, 16, frames=5, durations_ms=500, seed=7)
    outputs = [
        short.encode("gif"),
        imf.decode(long).encode("gif"),
        imf.decode(long, select_frame=3).encode("gif"),
    ]

    for order in (outputs, outputs[::-1]):
        alone = [output.run(engine=engine).data for output in order]
        assert [made.data for made in imf.run(*order, engine=engine)] == alone


def test_stills_and_animations_of_one_source_may_come_together(
    engine: imf.Engine,
) -> None:
    image = imf.decode(pictures.gif(40, 40, frames=3)).constrain(20)

    moving, still, moving_too = imf.run(
        image.encode("gif"),
        image.encode(imf.LibPng()),
        image.encode("keep"),
        engine=engine,
    )

    assert imf.info(moving.data).frames == imf.info(moving_too.data).frames == 3
    first = image.encode(imf.LibPng()).run(engine=engine)
    assert still.data == first.data


def test_a_still_of_an_animation_stays_one_beside_a_picture_that_keeps_its_format(
    engine: imf.Engine,
) -> None:
    image = imf.decode(pictures.gif(20, 20, frames=3))

    still, other = imf.run(
        image.encode("jpeg"), imf.command_string(PHOTO, "w=9&mode=max"), engine=engine
    )

    assert still.data == image.encode("jpeg").run(engine=engine).data
    assert other.width == 9


@pytest.mark.parametrize("encoder", ["jpeg", "png", "webp", imf.PngQuant()])
def test_a_still_of_an_animation_is_one_picture(
    engine: imf.Engine, encoder: Any
) -> None:
    animation = pictures.gif(20, 20, frames=4)

    still = imf.decode(animation).encode(encoder).run(engine=engine)
    first = imf.decode(animation, select_frame=0).encode(encoder).run(engine=engine)

    assert still.data == first.data


def test_a_jpeg_is_decoded_small_where_small_is_enough(engine: imf.Engine) -> None:
    photo = pictures.jpeg(1600, 1200)

    def result(shrink: Any) -> imf.JobResult:
        image = imf.decode(photo, shrink=shrink).constrain(100, 100)
        return imf.run(image.encode(imf.LibPng()), engine=engine)

    auto, off = result("auto"), result("off")

    difference = abs(
        pictures.pixels(auto[0].data).astype(int) - pictures.pixels(off[0].data)
    )
    assert auto[0].size == off[0].size == (100, 75)
    assert auto[0].data != off[0].data
    assert difference.mean() < 3


@pytest.mark.parametrize(
    "image",
    [
        imf.decode(pictures.jpeg(160, 120)).crop(0, 0, 160, 120).constrain(10),
        imf.decode(pictures.jpeg(160, 120)).constrain(100),
        imf.decode(pictures.png(160, 120)).constrain(10),
        imf.decode(pictures.jpeg(160, 120)).constrain(16, 9, mode="aspect_crop"),
        imf.decode(pictures.jpeg(160, 120)).constrain(9, 9, mode="larger_than"),
    ],
    ids=["cropped", "hardly smaller", "no jpeg", "not scaled", "never"],
)
def test_nothing_is_shrunk_where_the_whole_is_needed(
    engine: imf.Engine, image: imf.Image
) -> None:
    root = image
    chain = []
    while root._input is not None:
        chain.append(root)
        root = root._input
    whole = root._replace(_auto_shrink=False)
    for step in reversed(chain):
        whole = step._replace(_input=whole)

    outputs = [each.encode(imf.LibPng()) for each in (image, whole)]
    made = [output.run(engine=engine).data for output in outputs]

    assert made[0] == made[1]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("w", "h"), [(77, None), (None, 31), (50, 50), (33, 101)])
@pytest.mark.parametrize("mode", ["within", "fit_crop", "distort", "within_pad"])
def test_shrinking_never_changes_the_size_that_comes_out(
    engine: imf.Engine, orientation: int, w: int | None, h: int | None, mode: Any
) -> None:
    photo = pictures.jpeg(823, 611, orientation=orientation)

    sizes = [
        imf.decode(photo, shrink=shrink)
        .constrain(w, h, mode=mode)
        .encode("png")
        .run(engine=engine)
        .size
        for shrink in ("auto", "off")
    ]

    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("mode", ["fit_pad", "within_pad"])
def test_shrinking_never_changes_how_much_is_padded(
    engine: imf.Engine, mode: Any
) -> None:
    def padded(shrink: Any) -> list[bool]:
        image = imf.decode(pictures.jpeg(133, 216), shrink=shrink)
        image = image.constrain(11, 63, mode=mode, canvas_color="transparent")
        made = image.encode("png").run(engine=engine)
        return [not row.any() for row in pictures.pixels(made.data)[..., 3]]

    assert padded("auto") == padded("off")


def test_an_error_carries_the_job_and_the_engine(engine: imf.Engine) -> None:
    output = imf.decode(PHOTO).crop(0, 0, 61, 10).encode("png")

    with pytest.raises(imf.InvalidJobError) as caught:
        output.run(engine=engine)

    assert caught.value.job is not None
    assert "crop" in json.dumps(caught.value.job)
    assert caught.value.engine == engine.info


def test_a_misspelt_node_is_refused_alike(engine: imf.Engine) -> None:
    output = imf.decode(PHOTO).node({"nosuch": {}}).encode("png")

    with pytest.raises(imf.InvalidJobError) as caught:
        output.run(engine=engine)

    assert (caught.value.category, caught.value.code) == ("invalid_json", 3)


# Values


def test_recipes_compare_by_value() -> None:
    assert imf.decode("a").constrain(3) == imf.decode("a").constrain(3)
    assert imf.decode("a").constrain(3) != imf.decode("a").constrain(4)
    assert imf.decode("a") != imf.decode("b")
    assert imf.decode("a") != imf.decode("a", shrink="off")
    assert imf.decode(b"xy"[:1]).encode("png") == imf.decode(b"x").encode("png")
    assert imf.decode("a").encode("png") != imf.decode("a").encode("gif")
    assert imf.decode("a").encode("png", "b") != imf.decode("a").encode("png", "c")
    assert imf.decode("a") != "a"


def test_a_recipe_of_any_length_can_be_pickled_copied_and_told() -> None:
    image = imf.decode(pictures.png(9, 8))
    for number in range(3000):
        image = image.rotate_90() if number % 2 else image.flip_h()
    logo = imf.decode("logo.png")
    image = image.draw_image_exact(logo, 0, 0, 9, 8)
    job = imf.Job(image.encode("png"), image.crop(0, 0, 2, 2).encode("gif"))

    for again in (
        pickle.loads(pickle.dumps(job)),  # noqa: S301 - our own bytes
        copy.deepcopy(job),
        imf.Job.from_json(job.to_json()),
    ):
        assert again == job
        assert hash(again) == hash(job)


def test_a_recipe_with_an_open_file_cannot_be_pickled_and_says_so() -> None:
    with open(__file__, "rb") as file, pytest.raises(TypeError, match="pickle"):  # noqa: PTH123 - any open file
        pickle.dumps(imf.decode(file))


@pytest.mark.parametrize(
    "make",
    [
        lambda _: imf.Job(),
        lambda image: imf.Job(
            image.encode("png", name="a"), image.encode("gif", name="a")
        ),
        lambda image: imf.Job(image.encode("png", name="1"), image.encode("gif")),
        lambda image: imf.Job(image.encode("png", "a"), image.encode("gif", "./a")),
    ],
    ids=["no output", "two names", "a number for a name", "two destinations"],
)
def test_a_job_that_cannot_be_is_a_value_error(make: Any) -> None:
    with pytest.raises(ValueError, match="output"):
        make(imf.decode("a"))


def test_an_image_is_no_output() -> None:
    with pytest.raises(TypeError, match=r"\.encode"):
        imf.Job(imf.decode("a"))  # type: ignore[arg-type]  # on purpose


def test_the_plan_can_be_read() -> None:
    photo = imf.decode("photo.jpg").constrain(400)
    job = imf.Job(
        photo.encode("webp", "small.webp"),
        photo.draw_image_exact(imf.decode(name="logo"), 0, 0, 9, 9).encode("png"),
        imf.command_string("b.jpg", "w=9"),
    )

    assert job.explain().splitlines() == [
        "0  decode ← photo.jpg",
        '1  constrain w=400 mode="within" ← 0',
        "2  decode ← <logo>",
        "3  draw_image_exact x=0 y=0 w=9 h=9 ← 2, 1",
        '4  command_string kind="ir4" value="w=9" ← b.jpg',
        '→  encode {"webplossy": {"quality": 80}} of 1 to small.webp',
        '→  encode {"lodepng": {}} of 3 to bytes',
        "→  4 to bytes",
    ]


def test_the_fingerprint_is_of_the_recipe_and_the_content(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)

    def fingerprint(source: Any, w: int = 9, **limits: Any) -> str:
        output = imf.decode(source).constrain(w).encode("png")
        return imf.Job(output, security=imf.Security(**limits)).fingerprint()

    assert fingerprint(path) == fingerprint(PHOTO)
    assert fingerprint(PHOTO) != fingerprint(PHOTO, 10)
    assert fingerprint(PHOTO) != fingerprint(PHOTO + b"x")
    assert fingerprint(PHOTO) != fingerprint(PHOTO, max_threads=2)
    with pytest.raises(ValueError, match="stream"):
        fingerprint(io.BytesIO(PHOTO))
    with pytest.raises(ValueError, match="missing"):
        fingerprint(None)


# As text


def test_a_build_document_names_files_and_holds_bytes() -> None:
    job = imf.Job(
        imf.decode("a.jpg")
        .draw_image_exact(imf.decode(b"xyz"), 0, 0, 9, 9)
        .encode("png", "b.png"),
        imf.decode().encode("gif"),
        security=imf.Security(max_threads=2),
    )

    document = job.to_json()

    assert document["builder_config"] == {"security": {"max_threads": 2}}
    assert document["io"] == [
        {"io_id": 0, "direction": "in", "io": {"file": "a.jpg"}},
        {"io_id": 1, "direction": "in", "io": {"base_64": "eHl6"}},
        {"io_id": 2, "direction": "in", "io": "placeholder"},
        {"io_id": 3, "direction": "out", "io": {"file": "b.png"}},
        {"io_id": 4, "direction": "out", "io": "output_buffer"},
    ]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"io": [], "framewise": {}},
        {"io": [], "framewise": {"steps": []}},
        {"io": [{"io_id": 0}], "framewise": {"steps": []}},
        {"io": [], "framewise": {"steps": [{"decode": {"io_id": 0}}]}},
        {"io": [], "framewise": {"graph": {"nodes": {"a": "flip_v"}, "edges": []}}},
        {
            "io": [],
            "framewise": {
                "graph": {
                    "nodes": {"0": "flip_v"},
                    "edges": [{"from": 0, "to": 0, "kind": "input"}],
                }
            },
        },
        {
            "io": [
                {"io_id": 0, "direction": "in", "io": {"base_64": "?"}},
            ],
            "framewise": {"steps": []},
        },
    ],
)
def test_what_is_no_job_is_an_invalid_job(document: Any) -> None:
    with pytest.raises(imf.InvalidJobError):
        imf.Job.from_json(document)


@pytest.mark.parametrize(
    ("security", "why"),
    [
        (5, "builder_config.security is an object or nothing, not 5"),
        ({"foo": 5}, "security has no foo"),
        ({"max_threads": "2"}, "security.max_threads is a whole number or nothing"),
        ({"max_frame_size": 5}, "security.max_frame_size is an object or nothing"),
        ({"max_frame_size": {"q": 5}}, "security.max_frame_size has no q"),
        ({"max_frame_size": {"w": "9"}}, "security.max_frame_size.w is a whole number"),
    ],
)
def test_limits_that_are_none_are_refused_with_their_place(
    security: Any, why: str
) -> None:
    document = imf.Job(imf.decode("a.jpg").encode("png")).to_json()

    with pytest.raises(imf.InvalidJobError, match=re.escape(why)):
        imf.Job.from_json({**document, "builder_config": {"security": security}})


def test_steps_are_read_as_the_chain_that_they_are(engine: imf.Engine) -> None:
    document = {
        "builder_config": {
            "security": {"max_encode_size": {"w": 50, "h": 50, "megapixels": 1}}
        },
        "io": [
            {"io_id": 5, "direction": "in", "io": "placeholder"},
            {"io_id": 6, "direction": "out", "io": "output_buffer"},
        ],
        "framewise": {
            "steps": [
                {"decode": {"io_id": 5}},
                {"constrain": {"mode": "within", "w": 30}},
                {"encode": {"io_id": 6, "preset": "gif"}},
            ]
        },
    }

    job = imf.Job.from_json(document)

    assert job.security == imf.Security(
        max_encode_size=imf.FrameLimit(w=50, h=50, megapixels=1)
    )
    made = job.run(PHOTO, engine=engine)
    assert (made[0].size, made[0].extension) == ((30, 20), "gif")
