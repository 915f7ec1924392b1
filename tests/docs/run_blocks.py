"""Run blocks of Python, one after another, and say what each has printed.

A program of its own, so that examples may configure Django, fork, and start workers.
Standard input: a JSON list of blocks. Standard output: a JSON list of texts.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import types


def main() -> None:
    """Run what standard input holds."""
    blocks = json.load(sys.stdin)
    page = types.ModuleType("__main__")
    sys.modules["__main__"] = page
    printed = []
    for block in blocks:
        out = io.StringIO()
        code = compile(
            "\n" * (block["line"] - 1) + block["code"], block["page"], "exec"
        )
        with contextlib.redirect_stdout(out):
            exec(code, page.__dict__)  # noqa: S102 - the project's own pages
        printed.append(out.getvalue())
    json.dump(printed, sys.stdout)


if __name__ == "__main__":
    main()
