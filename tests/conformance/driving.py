"""How a case reaches an engine: as recorded, or through the package."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imageflow_loader._backend._abi import ffi
from imageflow_loader.errors import JobError

from .comparing import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imageflow_loader._engine import Engine

Case = dict[str, Any]
Inputs = dict[int, bytes]

LONGEST_MESSAGE = 1 << 16
LIFETIME_OUTLIVES_CONTEXT = 0
TIME_LIMIT_S = 120


def filled(value: Any, inputs: Inputs) -> Any:
    """Return a message with the inputs' bytes where it says {in_b64:N}."""
    if isinstance(value, str):
        match = re.fullmatch(r"\{in_b64:(-?\d+)\}", value)
        return base64.b64encode(inputs[int(match[1])]).decode() if match else value
    if isinstance(value, list):
        return [filled(item, inputs) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, inputs) for key, item in value.items()}
    return value


def message_of(case: Case) -> tuple[str, Any]:
    """Return endpoint and message of a case that is not for the command line."""
    if "execute" in case:
        return "v1/execute", case["execute"]
    return case["endpoint"], case.get("message", {})


def embedded_outputs(response: Any, job: str) -> dict[int, bytes]:
    """Return the pictures that an answer carries in base64."""
    data = response.get("data") if isinstance(response, dict) else None
    if not isinstance(data, dict):  # a failure's is text, or none
        return {}
    encodes = data.get(job, {}).get("encodes") or []
    return {
        entry["io_id"]: base64.b64decode(entry["bytes"]["base_64"])
        for entry in encodes
        if isinstance(entry.get("bytes"), dict) and "base_64" in entry["bytes"]
    }


# --- as recorded: the C ABI, called by hand


class Context:
    """A context of an engine's library."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.pointer = library.imageflow_context_create(3, 0)
        self.lent: list[Any] = []

    def add_input(self, io_id: int, data: bytes) -> bool:
        buffer = ffi.from_buffer("uint8_t[]", data or b"\0")
        self.lent.append(buffer)
        return bool(
            self.library.imageflow_context_add_input_buffer(
                self.pointer, io_id, buffer, len(data), LIFETIME_OUTLIVES_CONTEXT
            )
        )

    def add_output(self, io_id: int) -> bool:
        return bool(
            self.library.imageflow_context_add_output_buffer(self.pointer, io_id)
        )

    def send(self, endpoint: str, message: bytes) -> tuple[int, Any]:
        """Return status and answer; (500, None) is a panic."""
        response = self.library.imageflow_context_send_json(
            self.pointer, endpoint.encode(), message, len(message)
        )
        if response == ffi.NULL:
            return 500, None
        status, text, size = (
            ffi.new(kind) for kind in ("int64_t *", "uint8_t **", "size_t *")
        )
        assert self.library.imageflow_json_response_read(
            self.pointer, response, status, text, size
        )
        return int(status[0]), json.loads(bytes(ffi.buffer(text[0], size[0])))

    def output(self, io_id: int) -> bytes:
        data, size = ffi.new("uint8_t **"), ffi.new("size_t *")
        assert self.library.imageflow_context_get_output_buffer_by_id(
            self.pointer, io_id, data, size
        )
        return bytes(ffi.buffer(data[0], size[0]))

    def failure(self, status: int | None, response: Any) -> Outcome:
        """Return what the context says of its error."""
        buffer = ffi.new("char[]", LONGEST_MESSAGE)
        self.library.imageflow_context_error_write_to_buffer(
            self.pointer, buffer, LONGEST_MESSAGE, ffi.new("size_t *")
        )
        text = bytes(ffi.buffer(buffer)).split(b"\0")[0].decode("utf-8", "replace")
        head = re.match(r"(\w+): ?(?:([A-Z]\w+)(?=:| at\b))?", text)
        http = self.library.imageflow_context_error_as_http_code(self.pointer)
        return Outcome(
            status=http if status in {None, 200} else status,
            response=response,
            http_status=http,
            exit_code=self.library.imageflow_context_error_as_exit_code(self.pointer),
            error_category=head[1] if head else None,
            kind=(head[2] or "") if head else "",
            message=text,
        )


@contextmanager
def open_context(library: Path) -> Iterator[Context]:
    """Yield a context, destroyed on every path."""
    context = Context(ffi.dlopen(str(library), ffi.RTLD_NOW | ffi.RTLD_LOCAL))
    try:
        yield context
    finally:
        context.library.imageflow_context_destroy(context.pointer)


def through_the_abi(case: Case, inputs: Inputs, library: Path) -> Outcome:
    """Run a case as it was recorded, in process."""
    endpoint, message = message_of(case)
    self_contained = endpoint == "v1/build"  # declares inputs and outputs itself
    io_ids = [] if self_contained else case.get("outputs") or []
    with open_context(library) as context:
        lent = {} if self_contained else inputs
        if not all(
            [
                *(context.add_input(*item) for item in lent.items()),
                *(context.add_output(io_id) for io_id in io_ids),
            ]
        ):
            return context.failure(None, None)
        for before in case.get("before") or []:
            context.send(before["endpoint"], json.dumps(before["message"]).encode())
        raw = case.get("raw") or json.dumps(filled(message, inputs))
        status, response = context.send(endpoint, raw.encode())
        if context.library.imageflow_context_has_error(context.pointer):
            return context.failure(status, response)
        outputs = embedded_outputs(response, "job_result")
        if status == 200:
            outputs |= {io_id: context.output(io_id) for io_id in io_ids}
        return Outcome(status, response, outputs)


# --- as recorded: the command line program


def through_the_command_line(case: Case, inputs: Inputs, tool: Path) -> Outcome:
    """Run a case's own command line in an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = _placeholders(case)
        for io_id, data in inputs.items():
            (folder / names[f"{{in:{io_id}}}"]).write_bytes(data)
        recipe = json.dumps(_renamed(filled(case.get("recipe"), inputs), names))
        (folder / names["{json}"]).write_text(case.get("raw_recipe") or recipe)
        done = subprocess.run(
            [tool, *_renamed(case["tool"], names)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TIME_LIMIT_S,
        )
        answer = folder / names["{response}"]
        text = answer.read_bytes() if answer.is_file() else done.stdout
        response = _renamed(_json_or_none(text), {v: k for k, v in names.items()})
        files = {io_id: folder / f"out-{io_id}.bin" for io_id in case["outputs"] or []}
        written = {i: path.read_bytes() for i, path in files.items() if path.is_file()}
    told = response if isinstance(response, dict) else {}
    return Outcome(
        status=told.get("code", None if done.returncode else 200),
        response=response,
        outputs=embedded_outputs(response, "build_result") | written,
        exit_code=done.returncode,
        message=told.get("message"),
        stderr=done.stderr.decode("utf-8", "replace"),
    )


def _placeholders(case: Case) -> dict[str, str]:
    """Return the file name that stands for each placeholder of a command line."""
    names = {"{json}": "recipe.json", "{response}": "response.json"}
    for io_id, file in (case.get("inputs") or {}).items():
        names[f"{{in:{io_id}}}"] = f"in-{io_id}{Path(file).suffix}"
    for io_id in case.get("outputs") or []:
        names[f"{{out:{io_id}}}"] = f"out-{io_id}.bin"
    return names


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    return value


def _json_or_none(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


# --- through the package


def through_the_package(case: Case, inputs: Inputs, engine: Engine) -> Outcome:
    """Run a case by `Engine.send_json`, which is one for library and tool."""
    endpoint, message = message_of(case)
    try:
        answer = engine.send_json(
            endpoint,
            filled(message, inputs),
            inputs=inputs,
            outputs=case.get("outputs") or [],
        )
    except JobError as error:
        words = (error.category or "").split("_")
        return Outcome(
            status=error.http_status,
            http_status=error.http_status,
            exit_code=error.exit_code,
            error_category="".join(word.title() for word in words),
            kind=error.kind or "",  # the message has words of the package around it
        )
    return Outcome(answer.status, answer.json, answer.outputs)
