"""Names between backticks in docstrings, and in signatures, become links.

The package's own names are looked up where users have them, the standard library's lead
to python.org. What looks like a class of ours and is none is a broken reference, which
fails the build; all else is code.
"""

from __future__ import annotations

import builtins
import inspect
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
    "Path": "pathlib",
    "PathLike": "os",
}
# Of others, and type variables: shown as they are.
PLAIN = {"PIL.Image.Image", "numpy.typing.NDArray", "numpy.uint8", "T", "P"}
PLAIN |= {"P.args", "P.kwargs", "list[Json]", "dict[str, Json]"}
PLAIN |= {"Accept", "SizeLimitExceeded", "Client.get_executor"}
SHOWN_AS = {  # in signatures, what says less to users
    r"KindChoice\b": "Literal['auto', 'library', 'tool']",
    r"PilImage\b": "PIL.Image.Image",
    r"Pixels\b": "numpy.typing.NDArray[numpy.uint8]",
    r"Unpack\[(\w+)\]": r"\1",
    r"_([PT])\b": r"\1",
    r"_(Engine|SourceLike)T\b": r"\1",
}
# Classes that others make for users, beside tuples and protocols.
NOT_CALLED = {"BatchItem", "EncodedImage", "Engine", "Image", "ImageInfo", "JobResult"}
NOT_CALLED |= {"Output", "Performance", "QuerystringIssue"}
WORDS_OF_PYTHON = ("Alias for field number", "Represent a PEP 604 union type")


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.TextElement
) -> nodes.Node | None:
    """Return what a name that Sphinx does not find leads to."""
    if node["refdomain"] != "py":
        return None
    target = node["reftarget"].removesuffix("()")
    if target.endswith("._SourceLikeT"):  # a member's type, which is not in a signature
        target, shown = "SourceLike", nodes.Text("SourceLike")
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
        return title, target if target.isidentifier() or "." in target else f"“{target}"


def tidy_signature(
    app: Sphinx,
    what: str,
    name: str,
    obj: Any,
    options: object,
    arguments: str | None,
    returned: str,
) -> tuple[str | None, str]:
    """Show no private name, and no constructor that users have no use for."""
    if what in ("class", "exception"):
        inherited = issubclass(obj, Exception) and "__init__" not in vars(obj)
        record = issubclass(obj, tuple) or getattr(obj, "_is_protocol", False)
        if inherited or record or obj.__name__ in NOT_CALLED:
            return "", ""
    if inspect.isgeneratorfunction(getattr(obj, "__wrapped__", None)):
        returned = returned.replace("Iterator", "AbstractContextManager")
    for hidden, shown in SHOWN_AS.items():
        arguments, returned = (
            each and re.sub(rf"(?<![\w.]){hidden}", shown, each)
            for each in (arguments, returned)
        )
    return arguments, returned


def remember(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep the words of a member: napoleon takes what is before a colon for a type."""
    if lines and lines[0].startswith(WORDS_OF_PYTHON):
        lines.clear()
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


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all this."""
    app.add_role("name", _NameRole(warn_dangling=True))
    app.connect("missing-reference", resolve)
    app._words_of_members = {}  # type: ignore[attr-defined]  # ours
    app.connect("autodoc-process-signature", tidy_signature)
    app.connect("autodoc-process-docstring", remember, priority=100)
    app.connect("autodoc-process-docstring", tidy, priority=900)
    return {"parallel_read_safe": True}
