"""What a user writes, for a type checker in strict mode; it is never run."""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import assert_type

import imageflow_loader as imf
from imageflow_loader.testing import FakeEngine, RecordedJob

if TYPE_CHECKING:
    from imageflow_loader.types import Gravity, Json, QuerystringParams, SourceLike


def one_liners(source: SourceLike) -> None:
    made = imf.process(source, {"w": 3, "mode": "max", "s.sepia": True}, strict=True)
    assert_type(made, imf.EncodedImage)
    assert_type(made.data, bytes)
    assert_type(made.size, tuple[int, int])
    assert_type(made.path, Path | None)
    assert_type(imf.thumbnail(b"", (3, 4), format="webp", quality=80).suffix, str)
    assert_type(imf.info(Path("a.jpg")), imf.ImageInfo)
    assert_type(imf.sniff(b""), str | None)
    assert_type(imf.check_querystring("w=3"), tuple[imf.QuerystringIssue, ...])


def query_strings() -> None:
    query: QuerystringParams = {"w": 3, "mode": "crop", "webp.quality": 80.5}
    imf.process(b"", query)
    bad: QuerystringParams = {"widht": 3}  # type: ignore[typeddict-unknown-key]
    worse: QuerystringParams = {"mode": "croop"}  # type: ignore[typeddict-item]
    imf.process(b"", bad or worse)


def recipes(place: Gravity) -> imf.Job:
    photo = imf.decode("a.jpg", shrink=(300, 200), select_frame=0)
    small = photo.constrain(3, 4, mode="fit_crop", gravity=place, canvas_color="#fff")
    same = photo.constrain(imf.Constraint(h=3, hints=imf.Hints(up_filter="box")))
    assert_type(small, imf.Image)
    marked = same.watermark(
        imf.Watermark("logo.png", fit_box=imf.Margins.all(3), opacity=0.5)
    ).draw_image_exact(small, 0, 0, 3, 3, blend="overwrite")
    small.constrain(mode="fitcrop")  # type: ignore[call-overload]
    small.color_filter_srgb("gray")  # type: ignore[arg-type]
    small.encode("bmp")  # type: ignore[arg-type]

    def framed(image: imf.Image, pixels: int, *, color: imf.ColorLike) -> imf.Image:
        return image.expand_canvas(pixels, color=color)

    assert_type(marked.pipe(framed, 3, color=(1, 2, 3)), imf.Image)
    marked.pipe(framed, "3", color="red")  # type: ignore[arg-type]
    return imf.Job(
        small.encode("webp", io.BytesIO(), name="small"),
        marked.encode(imf.Auto("good", allow=imf.Allow.from_accept("image/webp"))),
        small.encode(OwnEncoder()),
        security=imf.Security.untrusted(megapixels=9),
    )


class OwnEncoder:
    def to_json(self) -> Json:
        return {"webplossy": {"quality": 5}}


def results(job: imf.Job, token: imf.CancelToken) -> None:
    result = job.run(b"", inputs={"logo": b""}, timeout=3, cancel=token)
    first, *_ = result
    assert_type(first, imf.EncodedImage)
    assert_type(result["small"], imf.EncodedImage)
    assert_type(result.decodes, tuple[imf.DecodedImage, ...])
    assert_type(result.performance.queue_seconds, float)
    assert_type(result.engine.capabilities, frozenset[imf.types.Capability])
    assert_type(imf.Job.from_json(job.to_json("build")), imf.Job)
    assert_type(job.fingerprint(), str)


async def awaited(output: imf.Output) -> None:
    assert_type(await output.arun(b""), imf.EncodedImage)
    assert_type(await imf.arun(output), imf.JobResult)
    assert_type(await imf.aprocess(b"", "w=3"), imf.EncodedImage)
    assert_type(await imf.ainfo(b""), imf.ImageInfo)


def batches(output: imf.Output, sources: list[Path]) -> None:
    def target(source: Path) -> Path:
        return source.with_suffix(".webp")

    with ProcessPoolExecutor() as executor:
        for item in imf.batch(
            output, sources, to=target, on_error="yield", executor=executor
        ):
            assert_type(item, imf.BatchItem[Path])
            assert_type(item.source.name, str)
            assert_type(item.error, imf.ImageflowError | None)
            assert_type(item.unwrap(), imf.JobResult)
            told(item)
    either: list[str | bytes] = ["a.jpg", b"bytes"]
    for mixed in imf.batch(output, either, to=str):
        assert_type(mixed.source, str | bytes)
    for bound in imf.batch(output, map(imf.Source.from_bytes, [b""])):
        assert_type(bound, imf.BatchItem[imf.Source])
    imf.batch(output, [b""], to=target)  # type: ignore[arg-type]
    imf.batch(output, [3])  # type: ignore[type-var]
    imf.batch(output, sources, on_error="ignore")  # type: ignore[arg-type]


def told(item: imf.BatchItem[SourceLike]) -> str:
    return repr(item.source)


def engines() -> None:
    with imf.load_engine("tool", tool_limits=imf.ToolLimits(cpu_seconds=3)) as engine:
        assert_type(engine, imf.Engine)
        assert_type(engine.send_json("v1/get_version_info", {}), imf.RawResponse)
    with imf.use_engine(imf.load_engine()) as chosen:
        assert_type(chosen, imf.Engine)
    with imf.use_engine(FakeEngine()) as fake:
        imf.process(b"", "w=3")
    assert_type(fake.jobs, list[RecordedJob])
    with FakeEngine() as opened:
        assert_type(opened.jobs[0].nodes[0]["constrain"], Any)
    imf.load_engine("wasm")  # type: ignore[arg-type]


def errors() -> None:
    try:
        imf.process("a.jpg", "w=3")
    except imf.SourceNotFoundError as error:
        assert_type(error.is_input_fault, bool)
    except imf.UnsupportedFeatureError as error:
        assert_type(error.missing, frozenset[imf.types.Capability])
    except imf.JobError as error:
        assert_type(error.engine, imf.EngineInfo | None)
    except imf.EngineError as error:
        assert_type(error.attempts, tuple[imf.Attempt, ...])
