"""How a recorded answer and a new one are compared; README.md has the rules."""

from __future__ import annotations

import copy
import io
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

# Kinds that name a codec or a parser, or nothing: an implementation's own words.
OWN_KINDS = {"", "ImageDecodingError", "JpegDecodingError", "InvalidArgument"}
FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp"}


@dataclass(frozen=True)
class Outcome:
    """What an engine answered; None stands for what a road cannot tell."""

    status: int | None
    response: Any = None
    outputs: Mapping[int, bytes] = field(default_factory=dict)
    http_status: int | None = None
    exit_code: int | None = None
    error_category: str | None = None
    kind: str | None = None
    message: str | None = None
    stderr: str | None = None


@dataclass(frozen=True)
class Difference:
    """One point in which an answer is not the recorded one."""

    what: str
    untold: bool = False
    """The road did not say: no fault of the engine, but nothing was compared."""


def differences(
    case: Mapping[str, Any], got: Outcome, corpus: Path, *, own_words: bool
) -> Iterator[Difference]:
    """Yield all in which *got* is not what the case expects.

    Args:
        case: A line of cases.jsonl.
        got: What the engine under test answered.
        corpus: The folder that holds the expected pictures.
        own_words: The engine is not the recorded one: wording is its own, and where
            the recorded one answered InternalError, any clean error will do.
    """
    want = case["expect"]
    if own_words and want.get("error_category") == "InternalError":
        if (got.status or 0) < 400:
            yield Difference(f"status {got.status}, expected an error")
        return
    yield from _numbers(want, got, own_words=own_words)
    if not own_words:
        yield from _words(want, got)
    if "response" in want:
        yield from _answers(want["response"], got.response)
    if want.get("outputs") is not None:
        yield from _outputs(case, got, corpus)


def _numbers(
    want: Mapping[str, Any], got: Outcome, *, own_words: bool
) -> Iterator[Difference]:
    for name in ("status", "http_status", "exit_code", "error_category", "kind"):
        if name not in want:
            continue
        if own_words and name == "kind" and want[name] in OWN_KINDS:
            continue
        value = getattr(got, name)
        if value != want[name]:
            what = f"{name} {value!r}, expected {want[name]!r}"
            yield Difference(what, untold=value is None)


def _words(want: Mapping[str, Any], got: Outcome) -> Iterator[Difference]:
    for name, text in (("message_begins", got.message), ("stderr_begins", got.stderr)):
        if name not in want:
            continue
        flat = re.sub(r"\s*\n\s*", " ", text or "")
        if not (text or "").startswith(want[name]) and not flat.startswith(want[name]):
            what = f"{name}: {flat[:160]!r}, expected {want[name]!r}"
            yield Difference(what, untold=text is None)


def _answers(want: Any, response: Any) -> Iterator[Difference]:
    got = normalised(response)
    if got != want:
        told, expected = (json.dumps(r, sort_keys=True)[:600] for r in (got, want))
        yield Difference(f"response {told}, expected {expected}", untold=got is None)


def normalised(response: Any) -> Any:
    """Return an answer without timings, embedded bytes, error text, chance orders."""
    if not isinstance(response, dict):
        return response
    answer = copy.deepcopy(response)
    if answer.get("success") is not True or answer.get("code", 200) != 200:
        answer.pop("message", None)
        return answer
    data = answer.get("data")
    if isinstance(data, dict):
        for key in ("job_result", "build_result"):
            _normalise_job(data.get(key))
        _normalise_validation(data.get("results"))
        schema = data.get("schema")
        if isinstance(schema, dict) and isinstance(schema.get("key_names"), list):
            schema["key_names"].sort()
    return answer


def _normalise_job(job: Any) -> None:
    if not isinstance(job, dict):
        return
    job.pop("performance", None)
    for part in ("encodes", "decodes"):
        if isinstance(job.get(part), list):
            job[part].sort(key=lambda entry: entry.get("io_id", 0))
    for entry in job.get("encodes") or []:
        if isinstance(entry.get("bytes"), dict) and "base_64" in entry["bytes"]:
            entry["bytes"]["base_64"] = "..."


def _normalise_validation(results: Any) -> None:
    if not isinstance(results, dict) or not isinstance(results.get("issues"), list):
        return
    for issue in results["issues"]:
        issue.pop("message", None)
    results["issues"].sort(key=lambda issue: json.dumps(issue, sort_keys=True))


def _outputs(
    case: Mapping[str, Any], got: Outcome, corpus: Path
) -> Iterator[Difference]:
    want = {int(io_id): output for io_id, output in case["expect"]["outputs"].items()}
    written = {io_id: data for io_id, data in got.outputs.items() if data}
    if extra := sorted(written.keys() - want.keys()):
        yield Difference(f"unexpected outputs {extra}")
    for io_id, expected in want.items():
        if io_id not in written:
            yield Difference(f"output {io_id} is missing")
            continue
        rule = expected.get("compare") or case["compare"]
        for what in _output(written[io_id], expected, rule, corpus):
            yield Difference(f"output {io_id}: {what}")


def _output(
    data: bytes, want: Mapping[str, Any], rule: Mapping[str, Any], corpus: Path
) -> Iterator[str]:
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except OSError as error:
        yield f"cannot be read: {error}"
        return
    found = FORMATS.get(str(picture.format))
    if found != want["format"]:
        yield f"is {found}, expected {want['format']}"
    facts = _details(picture, data)
    for name, value in want.get("details", {}).items():
        if facts.get(name) != value:
            yield f"{name} is {facts.get(name)!r}, expected {value!r}"
    factor = max(len(data) / want["bytes"], want["bytes"] / len(data))
    if factor > rule.get("bytes_within", math.inf):
        allowed = f"a factor {rule['bytes_within']} of {want['bytes']}"
        yield f"has {len(data)} bytes, expected within {allowed}"
    for number, path in {
        "0": want["picture"],
        **want.get("frame_pictures", {}),
    }.items():
        if int(number) >= getattr(picture, "n_frames", 1):
            yield f"has no frame {number}"
            continue
        with Image.open(corpus / path) as expected:
            reference = np.asarray(expected.convert("RGBA"))
        if problem := picture_problem(_rgba(picture, int(number)), reference, rule):
            yield f"frame {number}: {problem}"


def _details(picture: Image.Image, data: bytes) -> dict[str, Any]:
    """Return what the file tells of how it was written."""
    info = picture.info
    return {
        "progressive": bool(info.get("progressive") or info.get("progression")),
        "palette": picture.mode == "P",
        "alpha": picture.mode in {"LA", "RGBA"} or "transparency" in info,
        "lossless": b"VP8L" in data[12:64],
        "frames": getattr(picture, "n_frames", 1),
    }


def _rgba(picture: Image.Image, frame: int) -> NDArray[np.uint8]:
    picture.seek(frame)
    return np.asarray(picture.convert("RGBA"))


def picture_problem(
    got: NDArray[np.uint8], want: NDArray[np.uint8], rule: Mapping[str, Any]
) -> str | None:
    """Return how two RGBA pictures differ by more than *rule* allows, or None."""
    if got.shape != want.shape:
        sizes = (f"{a.shape[1]}x{a.shape[0]}" for a in (got, want))
        return "size {}, expected {}".format(*sizes)
    got, want = _visible(got), _visible(want)
    similarity = psnr(got, want)
    if rule["metric"] == "exact":
        differ = int((got != want).any(axis=2).sum())
        worst = int(np.abs(got.astype(int) - want.astype(int)).max())
        detail = f"{similarity:.1f} dB, largest difference {worst}"
        return f"{differ} pixels differ ({detail})" if differ else None
    if similarity < rule["min"]:
        return f"{similarity:.2f} dB, at least {rule['min']} wanted"
    return None


def _visible(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return *picture* without the colours that full transparency hides."""
    picture = picture.copy()
    picture[picture[..., 3] == 0] = 0
    return picture


def psnr(got: NDArray[np.uint8], want: NDArray[np.uint8]) -> float:
    """Return dB over R, G, B times alpha, with alpha itself unless both are opaque."""
    channels = [_premultiplied(picture) for picture in (got, want)]
    if (got[..., 3] == 255).all() and (want[..., 3] == 255).all():
        channels = [picture[..., :3] for picture in channels]
    error = float(((channels[0] - channels[1]) ** 2).mean())
    return math.inf if error == 0 else 10 * math.log10(255.0**2 / error)


def _premultiplied(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    values = picture.astype(np.float64)
    values[..., :3] *= values[..., 3:] / 255.0
    return values
