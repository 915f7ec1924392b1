"""Whatever runs a job, the answer is one: same request, same response; same fault,
same error."""

from __future__ import annotations

import base64
import gc
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from imageflow_loader import errors
from imageflow_loader._backend import Backend, Request, open_backend
from imageflow_loader._cancel import CancelToken
from imageflow_loader._platform import current_platform
from tests import pictures
from tests.unprivileged import as_nobody

from .jobs import (
    JPEG,
    PNG,
    WEBP,
    answer,
    command,
    decode,
    encode,
    graph,
    limited,
    request,
    steps,
    thumbnail,
    within,
)
from .watch import children, descriptors, needs_proc, resident_bytes, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Pair(NamedTuple):
    """The same engine twice."""

    library: Backend
    tool: Backend


@pytest.fixture
def pair(library: Path, tool: Path) -> Iterator[Pair]:
    """Yield the library and the tool under test, opened."""
    platform = current_platform()
    both = Pair(
        open_backend("library", library, platform=platform),
        open_backend("tool", tool, platform=platform),
    )
    yield both
    for backend in both:
        backend.close()


TWO_SIZES = graph(
    {
        "0": decode(),
        "1": within(24, 24),
        "2": encode(PNG, 1),
        "3": within(12, 12),
        "4": encode(WEBP, 2),
    },
    (0, 1, "input"),
    (1, 2, "input"),
    (0, 3, "input"),
    (3, 4, "input"),
)
MARK = {
    "io_id": 100,
    "gravity": {"percentage": {"x": 100, "y": 100}},
    "fit_box": {"image_margins": {"left": 2, "top": 2, "right": 2, "bottom": 2}},
    "fit_mode": "within",
    "opacity": 0.5,
}

JOBS: dict[str, Callable[[], Request]] = {
    "jpeg to png": lambda: thumbnail(pictures.jpeg()),
    "png with alpha to webp": lambda: request(
        steps(decode(), within(20, 20), encode(WEBP)), pictures.png(mode="RGBA")
    ),
    "webp to jpeg": lambda: request(steps(decode(), encode(JPEG)), pictures.webp()),
    "moving gif to moving gif": lambda: request(
        steps(decode(), within(20, 20), encode("gif")), pictures.gif(frames=3)
    ),
    "one frame of a gif": lambda: request(
        steps(decode(0, {"select_frame": 1}), encode()), pictures.gif(frames=3)
    ),
    "jpeg that lies on its side": lambda: request(
        steps(decode(), encode()), pictures.jpeg(orientation=6)
    ),
    "cmyk jpeg": lambda: request(steps(decode(), encode()), pictures.jpeg(mode="CMYK")),
    "two outputs from one input": lambda: request(
        TWO_SIZES, pictures.jpeg(), outputs=(1, 2)
    ),
    "an output that nobody writes to": lambda: request(
        steps(decode(), encode()), pictures.png(), outputs=(1, 7)
    ),
    "a canvas and no input": lambda: request(
        steps(
            {
                "create_canvas": {
                    "format": "bgr_32",
                    "w": 9,
                    "h": 7,
                    "color": {"srgb": {"hex": "ff8000"}},
                }
            },
            encode(),
        )
    ),
    "a query string": lambda: request(
        command("w=24&h=24&mode=crop&format=webp&quality=60"), pictures.jpeg()
    ),
    "a query string with a watermark": lambda: request(
        command("w=40&format=png", watermarks=[MARK]),
        pictures.jpeg(),
        pictures.png(8, 8, mode="RGBA"),
    ),
    "limits that are kept": lambda: request(
        steps(decode(), encode(), security=limited(64, 48)), pictures.gif()
    ),
    "an input that is a view": lambda: request(
        steps(decode(), encode()), memoryview(pictures.png())
    ),
}


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_the_same_job_has_the_same_answer_and_the_same_bytes(
    pair: Pair, job: Callable[[], Request]
) -> None:
    in_process = pair.library.execute(job())
    in_a_child = pair.tool.execute(job())

    assert in_process.status == in_a_child.status == 200
    assert answer(in_process) == answer(in_a_child)
    assert in_process.outputs == in_a_child.outputs
    assert in_process.outputs


def test_a_response_has_imageflows_shape_and_names_its_outputs_elsewhere(
    backend: Backend,
) -> None:
    response = backend.execute(thumbnail(pictures.jpeg(64, 48)))

    assert answer(response) == {
        "code": 200,
        "success": True,
        "message": "OK",
        "data": {
            "job_result": {
                "encodes": [
                    {
                        "preferred_mime_type": "image/png",
                        "preferred_extension": "png",
                        "io_id": 1,
                        "w": 16,
                        "h": 12,
                        "bytes": "elsewhere",
                    }
                ],
                "decodes": [
                    {
                        "preferred_mime_type": "image/jpeg",
                        "preferred_extension": "jpg",
                        "io_id": 0,
                        "w": 64,
                        "h": 48,
                    }
                ],
            }
        },
    }
    assert pictures.size(response.outputs[1]) == (16, 12)


def test_an_output_that_nobody_wrote_to_is_not_in_the_response(
    backend: Backend,
) -> None:
    response = backend.execute(JOBS["an output that nobody writes to"]())

    assert response.outputs.keys() == {1}


def test_an_input_can_be_a_path_of_any_name(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "-1 été 'a b'\n.jpg"
    path.write_bytes(pictures.jpeg())

    from_path = backend.execute(request(steps(decode(), encode()), path))
    from_bytes = backend.execute(request(steps(decode(), encode()), pictures.jpeg()))

    assert from_path.outputs == from_bytes.outputs


def test_a_build_document_is_taken_as_it_is(pair: Pair) -> None:
    document = {
        "io": [
            {"io_id": 0, "direction": "in", "io": {"base_64": in_base64()}},
            {"io_id": 1, "direction": "out", "io": "output_base_64"},
        ],
        **steps(decode(), within(16, 16), encode()),
    }
    build = request(document, method="v1/build", outputs=())

    answers = [answer(backend.execute(build)) for backend in pair]

    assert answers[0] == answers[1]
    (encoded,) = answers[0]["data"]["job_result"]["encodes"]
    assert pictures.size(base64.b64decode(encoded["bytes"]["base_64"])) == (16, 12)


@pytest.mark.parametrize("picture", [pictures.jpeg(640, 480), pictures.png(640, 480)])
def test_a_second_thread_changes_no_byte(backend: Backend, picture: bytes) -> None:
    if "limit_threads" not in backend.capabilities:
        pytest.skip("this engine has no such limit")

    def made(threads: int) -> bytes:
        job = steps(decode(), within(500, 400), encode(JPEG))
        limit = {"security": {"max_threads": threads}}
        response = backend.execute(request({**job, **limit}, picture))
        return bytes(response.outputs[1])

    assert made(2) == made(1)


def in_base64() -> str:
    return base64.b64encode(pictures.jpeg()).decode()


INFOS = {
    "jpeg": pictures.jpeg(),
    "jpeg on its side": pictures.jpeg(orientation=6),
    "jpeg with a long for its side": pictures.jpeg(orientation=6).replace(
        b"\x01\x12\0\3", b"\x01\x12\0\4"
    ),
    "png": pictures.png(),
    "png with a palette": pictures.png(mode="P"),
    "png with alpha": pictures.png(mode="RGBA"),
    "still gif": pictures.gif(),
    "webp": pictures.webp(),
    "lossless webp": pictures.webp(lossless=True),
    "webp with alpha": pictures.webp(alpha=True),
}


@pytest.mark.parametrize("picture", INFOS.values(), ids=INFOS)
def test_image_info_is_the_same(pair: Pair, picture: bytes) -> None:
    ask = request({"io_id": 0}, picture, method="v1/get_image_info", outputs=())

    assert pair.library.execute(ask) == pair.tool.execute(ask)


QUERIES = """
    w=100&h=50&mode=max&format=webp  w=  w  w=%205%20  w=+5  w=-5  ?w=5  w=5#h=x
    w=abc  w=100px  w=1.5  w=1e2  w=2147483647  w=2147483648  w=-2147483649  w=%EF%BC%91
    widht=5  foo=1&FOO=2  w=1&W=2  rotate=45&rotate=x  paddingwidth=4  watermark=x  404=
    width=1&w=2  w=1&width=2  width=x&w=2  width=1&w=x  width=&w=2  h=1&height=2
    zoom=1&dpr=2&dppx=3  zoom=x&dpr=2  dppx=1&dpr=x  format=png&thumbnail=x
    frame=1&page=2
    qp.dpr=1&qp.dppx=2  srcset=&short=png  short=nosuch&srcset=png
    crop=1,1,2,2&c=1,1,2,2  crop=x&c=1,1,2,2  crop=auto&c=1,1,2,2  crop=1,1,2,2&c=x
    crop=(0,0,10,10)  crop=((0,0,10,10))  crop=0,0,10,10  crop=1,2,3  crop=1,2,3,x
    crop=auto,1,2,3  crop=(auto)  crop=AUTO  c=(1,1,9,9)  c=x  c.gravity=(5,5)
    anchor=(1,2)
    anchor=TopLeft  anchor=top-left  anchor=1  anchor=50,12.5  anchor=1,2,3
    zoom=2x  zoom=2xx  zoom=2X  zoom=2y  zoom=x  zoom=dpr  zoom=zoom  dpr=dppx  zoom=.5
    qp.dpr=zoom  qp.dpr=x  zoom=1_000
    rotate=45  rotate=90.1  rotate=90.2  rotate=89.95  rotate=-89.95  rotate=-90.2
    rotate=450
    rotate=1e9  srotate=91  srotate=-91  srotate=x
    bgcolor=fff  bgcolor=%23fff  bgcolor=fffff  bgcolor=ffffffff  bgcolor=RED
    bgcolor=grren
    bgcolor=%23red  bgcolor=transparent  bgcolor=currentcolor  bgcolor=0xffffff
    bgcolor=none
    stretch=fill  stretch=x  mode=max&stretch=x  mode=croop  mode=carve  mode=MAX
    scale=no
    flip=hv  sflip=v  format=jpgg  format=jpegxl  format=tiff  thumbnail=x
    quality=101  quality=80.5  webp.quality=200  webp.lossless=maybe  png.quality=300
    png.quality=-1  png.min_quality=256  png.quantization_speed=255  avif.speed=300
    jxl.effort=-1  jxl.distance=1.5  lossless=preserve  qp=best  qp=medium-high  qp=-80
    subsampling=421  down.filter=Robidoux_Sharp  up.filter=lin_ear  down.filter=lanczoss
    down.colorspace=gamma  f.sharpen=x  f.sharpen_when=size_differs  s.grayscale=false
    s.roundcorners=1,2,3,4  s.roundcorners=1,2  s.roundcorners=(1,2,3,4)  ignoreicc=x
    a.balancewhite=area  a.balancewhite=gimp  a.balancewhite=x  trim.threshold=80.5
    srcset=webp-80,100w,fit-crop  srcset=nosuch  srcset=100w,nosuch-5  srcset=100w,,png
    srcset=100  srcset=xw  srcset=1e2w  srcset=-100w  srcset=2xx  srcset=100W,PNG
    srcset=webp-x  srcset=webp-q80  srcset=webp-s5  srcset=webp-80-lossless-keep
    srcset=jpeg-80-progressive  srcset=webp-progressive  srcset=png-mq20-q80
    srcset=png-mq
    srcset=avif-s5  srcset=avif-d3  srcset=jxl-d1-e3  srcset=gif-3  srcset=lossy-x
    srcset=fit  srcset=fit-nosuch  srcset=fit-cover  srcset=crop-1-2-3
    srcset=crop-1-2-x-4
    srcset=qp  srcset=qp-55  srcset=qp-nosuch  srcset=qp-quality  srcset=qp-dpr-2x
    srcset=qp-dpr-dpr  srcset=sharp  srcset=sharpen-15.5  srcset=upscale-x  short=nosuch
    srcset=webp,png  srcset=fit-crop,fit-max
""".split()  # noqa: SIM905  # a text of query strings reads better than a list


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_string_is_judged_alike(pair: Pair, query: str) -> None:
    method = "v1/schema/riapi/latest/validate"
    ask = request({"query_string": query}, method=method, outputs=())

    in_process, in_a_child = (
        backend.execute(ask).json["data"]["results"]["issues"] for backend in pair
    )

    assert told(in_process) == told(in_a_child)


def told(issues: list[dict[str, str]]) -> set[tuple[str, ...]]:
    """Return what was found; which part of a srcset it was, each says in its way."""
    return {
        (issue["kind"], "srcset")
        if any(word in issue["key"] for word in ("srcset", "short", "qp-"))
        else (issue["kind"], issue["key"], issue["value"])
        for issue in issues
    }


@pytest.mark.parametrize(
    "query",
    ["zoom=nan", "zoom=-inf", "rotate=inf", "c=nan,1,1,1", "qp=1e400", "srcset=nanw"],
)
def test_what_is_no_finite_number_is_found_in_a_child(pair: Pair, query: str) -> None:
    # The official library takes it, and no picture comes of it.
    method = "v1/schema/riapi/latest/validate"
    ask = request({"query_string": query}, method=method, outputs=())

    issues = pair.tool.execute(ask).json["data"]["results"]["issues"]

    assert issues[0]["kind"] == "InvalidValueError"


def test_the_keys_of_a_query_string_are_the_same(pair: Pair) -> None:
    ask = request({}, method="v1/schema/riapi/latest/list_keys", outputs=())

    library, tool = (
        backend.execute(ask).json["data"]["schema"]["key_names"] for backend in pair
    )

    assert sorted(library) == sorted(tool)
    assert len(tool) == 100


def test_both_say_which_engine_they_are(pair: Pair) -> None:
    library, tool = (backend.version for backend in pair)

    assert library.git_tag == tool.git_tag
    assert library.last_git_commit == tool.last_git_commit
    assert library.git_describe_always == tool.git_describe_always


def test_what_an_engine_says_of_itself_is_an_endpoint_too(backend: Backend) -> None:
    response = backend.execute(request({}, method="v1/get_version_info", outputs=()))

    assert response.json["data"]["version_info"] == backend.version._asdict()


class Fault(NamedTuple):
    """A request that must fail, and how. A kind of None: the engine's own choice."""

    error: type[errors.ImageflowError]
    category: str
    make: Callable[[], Request]
    kind: str | None = None


def corrupt_jpeg() -> bytes:
    return pictures.jpeg()[:3] + b"\x00" * 400


def with_nodes(*nodes: Any, picture: bytes | None = None, **rest: Any) -> Request:
    picture = pictures.jpeg() if picture is None else picture
    return request(steps(decode(), *nodes, **rest), picture)


def bad_json(message: Any) -> Fault:
    return Fault(
        errors.InvalidJobError,
        "invalid_json",
        lambda: request(message, pictures.jpeg()),
    )


def bad_picture(data: bytes, kind: str | None = None) -> Fault:
    return Fault(
        errors.ImageDecodeError, "image_malformed", lambda: thumbnail(data), kind
    )


def bad_argument(make: Callable[[], Request], kind: str | None = None) -> Fault:
    return Fault(errors.InvalidJobError, "argument_invalid", make, kind)


def too_large(make: Callable[[], Request]) -> Fault:
    return Fault(errors.SizeLimitError, "argument_invalid", make, "SizeLimitExceeded")


def ask_info(*inputs: bytes, io_id: Any = 0) -> Request:
    return request({"io_id": io_id}, *inputs, method="v1/get_image_info", outputs=())


def cancelled() -> Request:
    token = CancelToken()
    token.cancel()
    return thumbnail(pictures.jpeg(), cancel=token)


FAULTS: dict[str, Fault] = {
    # The picture is to blame.
    "text": bad_picture(b"Hello, world!", "NoEnabledDecoderFound"),
    "one byte": bad_picture(b"\xff", "NoEnabledDecoderFound"),
    "no bytes": bad_picture(b"", "NoEnabledDecoderFound"),
    "an svg": bad_picture(b"<svg xmlns='http://x'/>", "NoEnabledDecoderFound"),
    "a tiff": bad_picture(b"II*\x00" + b"\x00" * 99, "NoEnabledDecoderFound"),
    "a jpeg's first bytes": bad_picture(pictures.jpeg()[:12]),
    "a jpeg of zeros": bad_picture(corrupt_jpeg()),
    "half a png": bad_picture(pictures.cut(pictures.png())),
    "half a webp": bad_picture(pictures.cut(pictures.webp())),
    "a gif's signature": bad_picture(pictures.gif()[:8]),
    "info of text": Fault(
        errors.ImageDecodeError,
        "image_malformed",
        lambda: ask_info(b"Hello, world!"),
        "NoEnabledDecoderFound",
    ),
    "info of a jpeg of zeros": Fault(
        errors.ImageDecodeError, "image_malformed", lambda: ask_info(corrupt_jpeg())
    ),
    # It is too large.
    "a jpeg above the limit": too_large(
        lambda: with_nodes(encode(), security=limited(10, 10))
    ),
    "a png above the limit": too_large(
        lambda: with_nodes(encode(), picture=pictures.png(), security=limited(9, 99))
    ),
    "a webp above the limit": too_large(
        lambda: with_nodes(encode(), picture=pictures.webp(), security=limited(9, 99))
    ),
    "a gif above the limit": too_large(
        lambda: with_nodes(encode(), picture=pictures.gif(), security=limited(9, 99))
    ),
    "too many megapixels": too_large(
        lambda: with_nodes(
            encode(),
            security={"max_decode_size": {"w": 999, "h": 999, "megapixels": 0.001}},
        )
    ),
    "a frame above the limit": too_large(
        lambda: with_nodes(
            {"resample_2d": {"w": 500, "h": 20}},
            encode(),
            security=limited(100, 100, "max_frame_size"),
        )
    ),
    "an output above the limit": too_large(
        lambda: with_nodes(encode(), security=limited(20, 20, "max_encode_size"))
    ),
    # The job names what is not there.
    "decode what is not there": bad_argument(
        lambda: request(steps(decode(5), encode()), pictures.jpeg()), "IoIdNotFound"
    ),
    "decode when nothing is there": bad_argument(
        lambda: request(steps(decode(), encode())), "IoIdNotFound"
    ),
    "encode to what is not there": bad_argument(
        lambda: with_nodes(encode(PNG, 9)), "IoIdNotFound"
    ),
    "a watermark that is not there": bad_argument(
        lambda: request(
            command("w=40&format=png", watermarks=[{**MARK, "io_id": 55}]),
            pictures.jpeg(),
        ),
        "IoIdNotFound",
    ),
    "an io_id twice": bad_argument(
        lambda: request(steps(decode(), encode()), pictures.jpeg(), outputs=(0,)),
        "DuplicateIoId",
    ),
    "info of what is not there": bad_argument(
        lambda: ask_info(pictures.jpeg(), io_id=3), "IoIdNotFound"
    ),
    "a frame beyond the last": bad_argument(
        lambda: request(
            steps(decode(0, {"select_frame": 77}), encode()), pictures.gif(frames=3)
        )
    ),
    # The job asks for what cannot be done.
    "crop outside": bad_argument(
        lambda: with_nodes(
            {"crop": {"x1": 0, "y1": 0, "x2": 9999, "y2": 10}}, encode()
        ),
        "InvalidNodeParams",
    ),
    "crop inside out": bad_argument(
        lambda: with_nodes(
            {"crop": {"x1": 20, "y1": 20, "x2": 10, "y2": 10}}, encode()
        ),
        "InvalidNodeParams",
    ),
    "an unknown endpoint": bad_argument(
        lambda: request({}, method="v1/nosuch", outputs=()), "InvalidMessageEndpoint"
    ),
    "an endpoint with a slash in front": bad_argument(
        lambda: request({}, method="/v1/execute", outputs=()), "InvalidMessageEndpoint"
    ),
    "an unknown schema endpoint": bad_argument(
        lambda: request({}, method="v1/schema/riapi/latest/nosuch", outputs=()),
        "InvalidMessageEndpoint",
    ),
    # The job is no job.
    "no framewise": bad_json({}),
    "steps that are no list": bad_json({"framewise": {"steps": 5}}),
    "neither steps nor graph": bad_json({"framewise": {}}),
    "an unknown node": bad_json(steps(decode(), {"nosuch": {}}, encode())),
    "a node that is a number": bad_json(steps(decode(), 5, encode())),
    "an unknown preset": bad_json(steps(decode(), encode({"nosuch": {}}))),
    "a preset without its quality": bad_json(
        steps(decode(), encode({"webplossy": {}}))
    ),
    "an unknown mode": bad_json(
        steps(decode(), {"constrain": {"mode": "nosuch", "w": 5}}, encode())
    ),
    "a missing field": bad_json(steps(decode(), {"resample_2d": {"w": 5}}, encode())),
    "a width in words": bad_json(
        steps(decode(), {"resample_2d": {"w": "five", "h": 5}}, encode())
    ),
    "a width below zero": bad_json(
        steps(decode(), {"resample_2d": {"w": -5, "h": 5}}, encode())
    ),
    "half a pixel": bad_json(
        steps(decode(), {"resample_2d": {"w": 5.5, "h": 5}}, encode())
    ),
    "not a number": bad_json(
        steps(decode(), {"resample_2d": {"w": float("nan"), "h": 5}}, encode())
    ),
    "an io_id in words": bad_json(steps({"decode": {"io_id": "zero"}}, encode())),
    "a matrix with four rows": bad_json(
        steps(
            decode(), {"color_matrix_srgb": {"matrix": [[1, 0, 0, 0, 0]] * 4}}, encode()
        )
    ),
    "a limit in words": bad_json(
        steps(decode(), encode(), security={"max_frame_size": "large"})
    ),
    "half a limit": bad_json(
        steps(decode(), encode(), security={"max_frame_size": {"w": 5}})
    ),
    "text outside ASCII": bad_json(steps(decode(), {"überall": {}}, encode())),
    "info without an io_id": Fault(
        errors.InvalidJobError,
        "invalid_json",
        lambda: request({}, pictures.jpeg(), method="v1/get_image_info", outputs=()),
    ),
    "validate nothing": Fault(
        errors.InvalidJobError,
        "invalid_json",
        lambda: request({}, method="v1/schema/riapi/latest/validate", outputs=()),
    ),
    # The input is not to be had.
    "a missing file": Fault(
        errors.SourceNotFoundError,
        "primary_resource_not_found",
        lambda: request(steps(decode(), encode()), Path("no such file.jpg")),
    ),
    "a folder": Fault(
        errors.SourceError,
        "primary_resource_not_found",
        lambda: request(steps(decode(), encode()), Path(__file__).parent),
    ),
    # It may not run.
    "no time": Fault(
        errors.JobTimeoutError,
        "operation_cancelled",
        lambda: thumbnail(pictures.jpeg(), timeout=0),
        "OperationCancelled",
    ),
    "cancelled before": Fault(
        errors.JobCancelledError,
        "operation_cancelled",
        cancelled,
        "OperationCancelled",
    ),
}


def failure(backend: Backend, request: Request) -> errors.ImageflowError:
    with pytest.raises(errors.ImageflowError) as caught:
        backend.execute(request)
    return caught.value


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_same_fault_is_the_same_error(pair: Pair, fault: Fault) -> None:
    in_process = failure(pair.library, fault.make())
    in_a_child = failure(pair.tool, fault.make())

    assert type(in_process) is type(in_a_child) is fault.error
    assert in_process.category == in_a_child.category == fault.category
    assert in_process.kind == in_a_child.kind
    assert fault.kind in (None, in_process.kind)
    for number in ("code", "http_status", "exit_code", "is_input_fault"):
        assert getattr(in_process, number) == getattr(in_a_child, number)
    if isinstance(in_process, errors.JobError):
        assert in_process.node == getattr(in_a_child, "node", None)


def test_there_are_forty_faults_at_least() -> None:
    assert len(FAULTS) >= 40


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_after_a_fault_the_next_job_runs(backend: Backend, fault: Fault) -> None:
    failure(backend, fault.make())

    response = backend.execute(thumbnail(pictures.jpeg()))

    assert pictures.size(response.outputs[1]) == (16, 12)


def test_a_job_error_carries_the_job_and_a_line_that_a_person_can_act_on(
    backend: Backend,
) -> None:
    message = steps(decode(5), encode())

    error = failure(backend, request(message, pictures.jpeg()))

    assert isinstance(error, errors.JobError)
    assert error.job == message
    assert str(error).startswith("IoIdNotFound: ")
    assert "5" in str(error)
    assert "\n" not in str(error)


def test_a_job_error_names_the_node_that_failed(backend: Backend) -> None:
    outside = {"crop": {"x1": 0, "y1": 0, "x2": 9999, "y2": 10}}

    error = failure(backend, with_nodes("flip_v", outside, encode()))

    assert isinstance(error, errors.JobError)
    assert error.node == "crop"


def test_limits_in_the_wrong_place_are_refused_and_not_passed_over(
    pair: Pair,
) -> None:
    message = steps(decode(), encode(), builder_config={"security": limited(5, 5)})

    error = failure(pair.tool, request(message, pictures.jpeg()))

    assert isinstance(error, errors.InvalidJobError)
    assert error.category == "invalid_json"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_user_who_may_start_nothing_more_is_told_so(backend: Backend) -> None:
    job = thumbnail(pictures.jpeg())
    backend.execute(job)  # what it imports, nobody may not be able to read

    def run() -> str:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        with pytest.raises(errors.EngineError) as caught:
            backend.execute(job)
        return f"{type(caught.value).__name__}: {caught.value}"

    said = as_nobody(run)

    assert said.startswith("EngineError: ")
    assert "could not be started" in said


@needs_proc
def test_two_thousand_jobs_on_eight_threads_are_right_and_leave_nothing_behind(
    backend: Backend,
) -> None:
    jobs = [
        pictures.jpeg(32, 24),
        pictures.png(32, 24, mode="RGBA"),
        pictures.gif(32, 24),
        pictures.webp(32, 24),
    ]

    def run(n: int) -> bytes:
        return backend.execute(thumbnail(jobs[n % 4])).outputs[1]

    alone = {run(n) for n in range(4)}
    workers, files, held = set(threads()), descriptors(), [0]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(6):
            assert set(pool.map(run, range(1000))) == alone
            gc.collect()
            held.append(resident_bytes())
            # A leak comes with every thousand, what an allocator keeps does not.
            if held[-1] - held[-2] <= 2 * 2**20:
                break

    assert held[-1] - held[-2] <= 2 * 2**20
    assert len(set(threads()) - workers) <= 8
    assert (children(), descriptors()) == (set(), files)
