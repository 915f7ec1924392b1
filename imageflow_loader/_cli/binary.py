"""`imageflow-loader doctor --binary FILE`: what does it need, and would it run here?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from .._platform import current_platform
from .._settings import Settings
from .._supply import ABI, examine
from .shell import titled

if TYPE_CHECKING:
    from pathlib import Path

    from .._supply import Linkage
    from ..types import EngineKind

SCHEMA: Final = 1
WOULD_NOT_RUN: Final = 69
HELP: Final = """\
exit codes: 0 an engine is usable, or FILE would run here; 69 none is, or it would
not; 2 a wrong argument.

`--binary FILE` reads the file and never loads or starts it, so it serves to watch over
native dependencies, on any machine that is to run them:

    imageflow-loader doctor --binary libimageflow.so || exit

Looked at are the file's architecture, its libc and the oldest glibc that has all the
symbol versions it asks for, its loader, the libraries it needs and whether each is
found here (in this process, LD_LIBRARY_PATH, the file's own search path, the usual
folders, the loader's list; not what those need in turn), thread-locals, executable
stack, mount and permissions. A library must be imageflow's. The JSON, schema 1:

    schema      1
    file        its path
    kind        library, tool
    runs        whether it would run here
    code        ok, or one stable word for what is the matter or doubtful
    message     that in a sentence; remedy  what to do; both null when all is well
    platform    this machine, and this process's libc
    linkage     null where it cannot be read or is not of Linux, or: arch, interpreter
                (null: none), libc (null: brings its own, or needs none), min_glibc
                ([2, 17], or null), needed [[name, where it is found or null]],
                tls (none, dynamic, static), executable_stack, exports [function]
"""


def run(path: Path, *, as_json: bool) -> int:
    """Print what *path* needs; return 0 if it would run here, else 69.

    Raises:
        SettingsError: An environment variable is not understood.
    """
    platform = current_platform(Settings.from_environment().libc)
    path = path.absolute()
    kind, linkage, verdict = examine(path, platform)
    if as_json:
        document = {
            "schema": SCHEMA,
            "file": str(path),
            "kind": kind,
            "runs": verdict.ok,
            "code": verdict.code,
            "message": verdict.sentence,
            "remedy": verdict.remedy,
            "platform": str(platform),
            "linkage": None if linkage is None else linkage._asdict(),
        }
        print(json.dumps(document, indent=2))
    else:
        note = " ".join(filter(None, (verdict.sentence, verdict.remedy)))
        blocks = {
            "file": [str(path)],
            **({} if linkage is None else _blocks(kind, linkage)),
            "note": [note] if note else [],
            "verdict": [f"would {'' if verdict.ok else 'not '}run here ({platform})"],
        }
        print("\n".join(titled(blocks)))
    return 0 if verdict.ok else WOULD_NOT_RUN


def _blocks(kind: EngineKind, linkage: Linkage) -> dict[str, list[str]]:
    exports = f"{len(linkage.exports)} of {len(ABI)} functions of imageflow's"
    return {
        "kind": [f"{kind}, for {linkage.arch}"],
        "loader": [linkage.interpreter or "none"],
        "libc": [_libc(linkage)],
        "needs": [f"{name}: {place or 'NOT FOUND'}" for name, place in linkage.needed],
        "TLS": [linkage.tls],
        "stack": [f"{'' if linkage.executable_stack else 'not '}executable"],
        "exports": [exports] if kind == "library" else [],
    }


def _libc(linkage: Linkage) -> str:
    if linkage.libc is None:
        return "none needed"
    if linkage.min_glibc is None:
        return str(linkage.libc)
    return f"{linkage.libc} {linkage.min_glibc[0]}.{linkage.min_glibc[1]} or newer"
