"""Every public name says what it is: arguments, errors, units, where it comes from."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

import imageflow_loader
from imageflow_loader import testing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PUBLIC = {
    **{
        name: getattr(imageflow_loader, name)
        for name in imageflow_loader.__all__
        if name not in ("__version__", "errors", "types")
    },
    **{name: getattr(testing, name) for name in testing.__all__},
}
CLASSES = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}


def callables() -> Iterator[tuple[str, Any]]:
    for name, value in PUBLIC.items():
        if inspect.isfunction(value):
            yield name, value
    for name, value in CLASSES.items():
        for member, function in vars(value).items():
            function = getattr(function, "__func__", function)
            if not member.startswith("_") and inspect.isfunction(function):
                yield f"{name}.{member}", function


CALLABLES = dict(callables())


@pytest.mark.parametrize("name", [*CLASSES, *CALLABLES])
def test_it_says_what_it_is_in_a_sentence(name: str) -> None:
    doc = (CLASSES | CALLABLES)[name].__doc__

    assert doc
    first = doc.strip().split("\n\n")[0]
    assert re.search(r"[.:]$|[.] Source:", first), first
    assert not doc.startswith(f"{name}(")  # what dataclasses write by themselves


@pytest.mark.parametrize("name", CALLABLES)
def test_it_says_what_each_of_its_many_arguments_is(name: str) -> None:
    function: Callable[..., Any] = CALLABLES[name]
    doc = inspect.cleandoc(function.__doc__ or "")
    parameters = inspect.signature(function).parameters.keys() - {"self", "cls"}

    if (
        len(parameters) < 3
        or name == "Image.pipe"
        or re.search(r"see `\w+`|`Job\(\*outputs\)", doc)
    ):
        return
    block = doc.partition("Args:")[2]
    missing = [
        each
        for each in parameters
        if not re.search(rf"\n    (\*\*)?{each}: ", block) and f"*{each}*" not in doc
    ]
    assert not missing


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in CALLABLES
        if name.startswith("Image.")
        and name.partition(".")[2] not in ("node", "pipe", "encode", "save")
    ]
    + ["decode", "canvas", "command_string"],
)
def test_an_operation_says_which_node_it_is(name: str) -> None:
    assert re.search(r"Source: the `\w+` node", CALLABLES[name].__doc__)


RAISING = re.compile(r"^\s+(?:raise (\w+)|(?:whole|number|one_of|_box|colors)\()", re.M)


@pytest.mark.parametrize("name", CALLABLES)
def test_what_checks_its_arguments_says_what_it_raises(name: str) -> None:
    function = inspect.unwrap(CALLABLES[name])  # of awaited ones their twin

    if RAISING.search(inspect.getsource(function)):
        assert "Raises:" in (function.__doc__ or "")
