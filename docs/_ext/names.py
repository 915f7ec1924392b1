"""Names between backticks in docstrings, and in signatures, become links.

The package's own names are looked up where users have them, the standard library's lead
to python.org. What looks like a class of ours and is none is a broken reference, which
fails the build; all else is code.
"""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.roles import XRefRole

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

OURS = ("imageflow_loader", "imageflow_loader.types", "imageflow_loader.errors")
A_CLASS = re.compile(r"[A-Z][a-z]\w+(\.\w+)?")
ELSEWHERE = {  # what signatures and docstrings name, and its module
    "AsyncIterator": "collections.abc",
    "BytesIO": "io",
    "Callable": "collections.abc",
    "Executor": "concurrent.futures",
    "Iterable": "collections.abc",
    "Iterator": "collections.abc",
    "Mapping": "collections.abc",
    "Sequence": "collections.abc",
    "AbstractContextManager": "contextlib",
    "Any": "typing",
    "Concatenate": "typing",
    "Literal": "typing",
    "NamedTuple": "typing",
    "ParamSpec": "typing",
    "Protocol": "typing",
    "TypeAlias": "typing",
    "Union": "typing",
    "Unpack": "typing",
    "Path": "pathlib",
    "PathLike": "os",
}
# Of numpy, Pillow, the private rooms, and type variables: shown as they are.
PLAIN = {"NDArray", "Pixels", "PilImage", "_T", "_P", "_P.args", "_P.kwargs"}
PLAIN |= {"Backend", "KindChoice", "Placeholder", "Platform"}
PLAIN |= {"Request", "Response", "list[Json]", "dict[str, Json]"}


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement
) -> nodes.Node | None:
    """Return what a name that Sphinx does not find leads to."""
    if node["refdomain"] != "py":
        return None
    target = node["reftarget"].removesuffix("()")
    domain = env.domains.python_domain
    names = [target, target.split(".")[-1]] if "." in target else [target]
    if target.startswith("self."):
        names = []
    for name in (f"{home}.{each}" for each in names for home in OURS):
        if name in domain.objects and name.rpartition(".")[2][0] != "_":
            found = domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", name, node, shown
            )
            if found is not None:
                return found
    last = names[-1] if names else target
    if last in ELSEWHERE:
        module = ELSEWHERE[last]
        uri = f"https://docs.python.org/3/library/{module}.html#{module}.{last}"
        return nodes.reference("", "", shown, internal=False, refuri=uri)
    if last in vars(builtins) or {last, target} & PLAIN:
        return shown
    if node.get("name_role") and not A_CLASS.fullmatch(target):
        return shown
    return None  # a warning, and so a failure


class _NameRole(XRefRole):
    """A name in a docstring."""

    def process_link(
        self,
        env: BuildEnvironment,
        refnode: nodes.Element,
        has_explicit_title: bool,
        title: str,
        target: str,
    ) -> tuple[str, str]:
        """Say what is looked for, and from where."""
        refnode["refdomain"], refnode["reftype"] = "py", "obj"
        refnode["name_role"] = True
        refnode["py:module"] = env.ref_context.get("py:module")
        refnode["py:class"] = env.ref_context.get("py:class")
        refnode["refspecific"] = True
        return title, target if target.isidentifier() or "." in target else f"“{target}"


def remember(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep the words of a member: napoleon takes what is before a colon for a type."""
    if what in ("attribute", "data", "property") and "Raises:" not in lines:
        app._words_of_members[name] = list(lines)  # type: ignore[attr-defined]  # ours


def tidy(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Show upstream's names in a "Source:" line as code, not as links."""
    lines[:] = app._words_of_members.pop(name, lines)  # type: ignore[attr-defined]  # ours
    text = "\n".join(lines)
    head, source, tail = text.rpartition("Source: ")
    if source:
        tail = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", tail)
        lines[:] = (head + source + tail).split("\n")


def hide_private_bases(
    app: Sphinx, name: str, obj: object, options: object, bases: list[type]
) -> None:
    """Show `object` instead of a class that users cannot name."""
    hidden = ("Part", "Value")
    bases[:] = [
        object if base.__name__.startswith("_") or base.__name__ in hidden else base
        for base in bases
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all this."""
    app.add_role("name", _NameRole(nodeclass=nodes.literal, warn_dangling=True))
    app.connect("missing-reference", resolve)
    app._words_of_members = {}  # type: ignore[attr-defined]  # ours
    app.connect("autodoc-process-docstring", remember, priority=100)
    app.connect("autodoc-process-docstring", tidy, priority=900)
    app.connect("autodoc-process-bases", hide_private_bases)
    return {"parallel_read_safe": True}
