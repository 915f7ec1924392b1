"""What a "build" document looks like, as far as we read it ourselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import InvalidJobError
from .plan import parted

if TYPE_CHECKING:
    from collections.abc import Mapping

CODECS: Final = ("decode", "encode")
_OPTIONAL: Final = (dict, type(None))
_ENTRY = {"io_id": (int,), "direction": ("in", "out"), "io": (dict, str)}
_CONFIG = {"security": _OPTIONAL, "graph_recording": _OPTIONAL}
_EDGE = {"from": (int,), "to": (int,), "kind": ("input", "canvas")}
_WORDS: Final[Mapping[Any, str]] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    type(None): "nothing",
}


def _expect(where: str, value: Any, shape: Any) -> None:
    """Raise unless *value*, which stands at *where*, has a shape.

    That is some types and words, a list of one shape, or an object of just so many.
    """
    kinds = shape if isinstance(shape, tuple) else (type(shape),)
    types = tuple(kind for kind in kinds if isinstance(kind, type))
    if not (isinstance(value, types) or value in kinds) or isinstance(value, bool):
        wanted = " or ".join(_WORDS.get(kind, str(kind)) for kind in kinds)
        raise no_document(f"{where} is {wanted}, not {value!r:.80}")
    if isinstance(shape, list):
        for number, each in enumerate(value):
            _expect(f"{where}[{number}]", each, shape[0])
    elif isinstance(shape, dict):
        if unknown := value.keys() - shape.keys():
            raise no_document(f"{where} has no {min(unknown)}")
        for name, each in shape.items():
            _expect(f"{where}.{name}", value.get(name), each)


def _check_document(data: Mapping[str, Any]) -> list[Any]:
    """Return the nodes of a "build" document.

    Raises:
        InvalidJobError: It is none.
    """
    shape = {"io": [_ENTRY], "framewise": (dict,), "builder_config": _OPTIONAL}
    _expect("document", data, shape)
    config = data.get("builder_config") or {}
    _expect("builder_config", config, _CONFIG)
    framewise = data["framewise"]
    if "steps" in framewise:
        _expect("framewise", framewise, {"steps": (list,)})
        nodes = list(framewise["steps"])
    else:
        _expect("framewise", framewise, {"graph": {"nodes": (dict,), "edges": [_EDGE]}})
        nodes = list(framewise["graph"]["nodes"].values())
    _expect("nodes", nodes, [(dict, str)])
    for number, node in enumerate(nodes):
        if len(node) != 1 and isinstance(node, dict):
            raise no_document(f"nodes[{number}] has one name, not {len(node)}")
        name, params = parted(node)
        if name in (*CODECS, "watermark", "command_string"):
            _expect(name, params, (dict,))
            _expect(f"{name}.commands", params.get("commands", []), [(dict, str)])
            if name == "command_string":
                _expect("command_string.value", params.get("value"), (str,))
            else:
                _expect(f"{name}.io_id", params.get("io_id"), (int,))
            if name == "encode":
                _expect("encode.preset", params.get("preset"), (dict, str))
    return nodes


def no_document(why: str) -> InvalidJobError:
    """Return the error that says so."""
    return InvalidJobError(
        f"This is no build document: {why}.", category="invalid_json"
    )
