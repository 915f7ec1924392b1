"""Requests for the tests of both backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imageflow_loader._backend import Request, Response
from imageflow_loader._cancel import CancelToken, Deadline
from tests import pictures

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PNG: Any = {"libpng": {}}
JPEG: Any = {"mozjpeg": {"quality": 80}}
WEBP: Any = {"webplossy": {"quality": 80}}


def decode(io_id: int = 0, *commands: Any) -> dict[str, Any]:
    """Return a node that reads an input."""
    told = {"commands": list(commands)} if commands else {}
    return {"decode": {"io_id": io_id, **told}}


def encode(preset: Any = PNG, io_id: int = 1) -> dict[str, Any]:
    """Return a node that writes an output."""
    return {"encode": {"io_id": io_id, "preset": preset}}


def within(w: int, h: int) -> dict[str, Any]:
    """Return a node that shrinks to a box."""
    return {"constrain": {"mode": "within", "w": w, "h": h}}


def steps(*nodes: Any, **rest: Any) -> dict[str, Any]:
    """Return an execute message that does one thing after the other."""
    return {"framewise": {"steps": list(nodes)}, **rest}


def graph(nodes: Mapping[str, Any], *edges: tuple[int, int, str]) -> dict[str, Any]:
    """Return an execute message with nodes and (from, to, kind) edges."""
    arrows = [{"from": a, "to": b, "kind": kind} for a, b, kind in edges]
    return {"framewise": {"graph": {"nodes": dict(nodes), "edges": arrows}}}


def limited(w: int, h: int, name: str = "max_decode_size") -> dict[str, Any]:
    """Return the `security` of a message, with one limit."""
    return {name: {"w": w, "h": h, "megapixels": 1000.0}}


def command(value: str, **rest: Any) -> dict[str, Any]:
    """Return an execute message that is one query string."""
    node = {"kind": "ir4", "value": value, "decode": 0, "encode": 1}
    return steps({"command_string": {**node, **rest}})


def request(
    message: Mapping[str, Any],
    *inputs: bytes | memoryview | Path,
    method: str = "v1/execute",
    outputs: tuple[int, ...] = (1,),
    timeout: float | None = 60,
    cancel: CancelToken | None = None,
) -> Request:
    """Return a request whose inputs have io_ids 0, 100, 200 …"""
    numbered = {100 * i: data for i, data in enumerate(inputs)}
    return Request(method, message, numbered, outputs, Deadline(timeout), cancel)


def thumbnail(picture: bytes, **rest: Any) -> Request:
    """Return a request for a small PNG of *picture*."""
    return request(steps(decode(), within(16, 16), encode()), picture, **rest)


def long_job(**rest: Any) -> Request:
    """Return a request that encodes for seconds: 36 megapixels to JPEG."""
    enlarge = {"resample_2d": {"w": 6000, "h": 6000}}
    slow = {"mozjpeg": {"quality": 95}}
    return request(
        steps(decode(), enlarge, encode(slow)), pictures.jpeg(300, 300), **rest
    )


def answer(response: Response) -> dict[str, Any]:
    """Return a job's answer without what differs from run to run: times, order."""
    data = dict(response.json["data"])
    result = dict(data.pop("job_result"))
    result.pop("performance")
    result["encodes"] = sorted(result["encodes"], key=lambda encode: encode["io_id"])
    result["decodes"] = sorted(result["decodes"], key=lambda decode: decode["io_id"])
    return {**response.json, "data": {**data, "job_result": result}}
