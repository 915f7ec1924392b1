"""`doctor`: which engine would run here, and if none, why not.

The JSON of `doctor --json`, schema 1; keys may be added, none will change:

    schema      1
    usable      whether an engine was found, opened, and ran a job
    package     name, version, licence
    python      implementation, version, executable (null: embedded)
    platform    os, arch, can_dlopen, libc (null off Linux): family, version (null:
                not known), evidence [text]
    settings    the environment variables of this package that are set: name → value;
                null when one is not understood
    cache       folder (null: none can be had), entries [release, platform, folder,
                files [name], sha256, compared_with, damage (null: whole)], error (null,
                or why it cannot be used); every SHA-256 is taken again
    engine      null, or: kind, edition, origin, path, description, version, abi (null
                for a tool), capabilities [word], reason
    attempts    what was tried or passed over, in order: origin, ok, and as far as they
                apply (else null) kind, edition, path, error, hint
    notes       [code, text] of doubts that did not stop anything
    error       null, or what went wrong: type, code (null, or a stable word), message,
                exit_code
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform as python_platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .._engine import load_engine
from .._job import LibPng, canvas
from .._platform import current_platform, musl_version
from .._settings import Settings
from .._supply import Cache, Damaged, Entry, preflight, probe_library, shown
from ..errors import EngineError, EngineLoadError, ImageflowError, SettingsError
from ..types import Attempt
from . import VERSION, binary as binary_file
from .shell import argument, command, flag, titled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .._engine import EngineInfo
    from .._platform import Libc, Platform

SCHEMA: Final = 1
LICENCE: Final = (
    "The Python code is MIT. The bundled engine is AGPL-3.0-only, the official one "
    "AGPL-3.0 or commercial."
)
_DISTRIBUTION: Final = "imageflow-loader"
_SECONDS: Final = 30.0  # for a picture


@command(
    flag("--json", "print one JSON document (schema 1)", dest="as_json"),
    argument(
        "--binary",
        "say what this library or tool needs, and whether it would run here",
        metavar="FILE",
        type=Path,
    ),
    formatter_class=argparse.RawDescriptionHelpFormatter,
    epilog=binary_file.HELP,
)
def doctor(as_json: bool, binary: Path | None) -> int:
    """Print the report and return 0, or 69 when no engine (or not this one) runs."""
    if binary is not None:
        return binary_file.run(binary, as_json=as_json)
    report = examine()
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(_lines(report)))
    return 0 if report["usable"] else int(report["error"]["exit_code"])


def examine() -> dict[str, Any]:
    """Return the report, as `doctor --json` prints it."""
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "usable": False,
        "package": {"name": _DISTRIBUTION, "version": VERSION, "licence": LICENCE},
        "python": {
            "implementation": python_platform.python_implementation(),
            "version": python_platform.python_version(),
            "executable": sys.executable or None,
        },
        **dict.fromkeys(("platform", "settings", "cache", "engine")),
        "attempts": [],
        "notes": [],
        "error": None,
    }
    try:
        settings = Settings.from_environment()
        mirror = settings.mirror and shown(settings.mirror)  # it may need a login
        report["settings"] = settings._replace(mirror=mirror).as_variables()
        report["cache"] = _cache_facts(settings)
        platform = current_platform(settings.libc)
        report["platform"] = _platform_facts(platform)
        _refuse_what_kills(settings, platform)
        with load_engine() as engine:
            info = engine.info
            report["engine"] = _engine_facts(info)
            report["attempts"] = [attempt._asdict() for attempt in info.attempts]
            doubt = preflight(info.path, info.kind, platform)
            if doubt.code != "ok":
                text = " ".join(filter(None, (doubt.sentence, doubt.remedy)))
                report["notes"].append([doubt.code, text])
            # Nothing but what every engine of any age knows.
            canvas(1, 1, "red").encode(LibPng()).run(engine=engine, timeout=_SECONDS)
            report["usable"] = True
    except ImageflowError as error:
        attempts = getattr(error, "attempts", ())
        is_setting = isinstance(error, SettingsError)
        report["attempts"] = [attempt._asdict() for attempt in attempts]
        report["error"] = {
            "type": type(error).__name__,
            "code": getattr(error, "reason", None),
            "message": error.message,
            "exit_code": (error if is_setting else EngineError).exit_code,
        }
    return report


def _refuse_what_kills(settings: Settings, platform: Platform) -> None:
    """Let a child load the user's own library first: it may not survive that."""
    if settings.library is None or settings.backend == "tool":
        return
    path = settings.library.absolute()
    if not preflight(path, "library", platform).ok:
        return  # it is not going to be loaded
    verdict = probe_library(path)
    if not verdict.ok:
        said, remedy = verdict.sentence, verdict.remedy
        tried = Attempt("library", None, str(path), "environment", False, said, remedy)
        raise EngineLoadError(
            f"IMAGEFLOW_LIBRARY: {said} {remedy}",
            reason=verdict.code,
            hint=remedy,
            attempts=[tried],
        )


def _platform_facts(platform: Platform) -> dict[str, Any]:
    libc = platform.libc
    return {
        "os": platform.os,
        "arch": platform.arch,
        "can_dlopen": platform.can_dlopen,
        "libc": libc
        and {
            "family": libc.family,
            "version": _libc_version(libc),
            "evidence": list(libc.evidence),
        },
    }


def _libc_version(libc: Libc) -> str | None:
    if libc.version is not None:
        return f"{libc.version[0]}.{libc.version[1]}"
    if libc.family == "musl":
        with contextlib.suppress(OSError):
            return musl_version()
    return None


def _cache_facts(settings: Settings) -> dict[str, Any]:
    facts: dict[str, Any] = {"folder": None, "entries": [], "error": None}
    try:
        cache = Cache(settings.cache_dir)
        facts["folder"] = str(cache.root)
        facts["entries"] = [_entry_facts(item) for item in cache.survey(thorough=True)]
    except EngineError as error:
        facts["error"] = error.message
    return facts


def _entry_facts(item: Entry | Damaged) -> dict[str, Any]:
    whole = item if isinstance(item, Entry) else None
    return {
        "release": item.folder.parts[-3],
        "platform": item.folder.parts[-2],
        "folder": str(item.folder),
        "files": sorted(whole.files) if whole else [],
        "sha256": whole.provenance.sha256 if whole else None,
        "compared_with": whole.provenance.compared_with if whole else None,
        "damage": None if whole else str(item),
    }


def _engine_facts(info: EngineInfo) -> dict[str, Any]:
    return {
        "kind": info.kind,
        "edition": info.edition,
        "origin": info.origin,
        "path": str(info.path),
        "description": info.version.long_version_string,
        "version": info.version.git_tag or info.version.git_describe_always or None,
        "abi": None if info.abi is None else list(info.abi),
        "capabilities": sorted(info.capabilities),
        "reason": info.reason,
    }


def _lines(report: dict[str, Any]) -> Iterator[str]:
    package, python, settings = report["package"], report["python"], report["settings"]
    yield f"{package['name']} {package['version']}"
    given = settings and [f"{name}={value}" for name, value in settings.items()]
    verdict = ["this engine works: it has just made a picture"]
    if not report["usable"]:
        verdict = report["error"]["message"].splitlines()
    yield from titled(
        {
            "python": [f"{python['implementation']} {python['version']}"],
            "platform": report["platform"] and _platform_lines(report["platform"]),
            "settings": ["no IMAGEFLOW_ variable is set"] if settings == {} else given,
            "cache": report["cache"] and _cache_lines(report["cache"]),
            "tried": _attempt_lines(report["attempts"]),
            "engine": report["engine"] and _engine_lines(report["engine"]),
            "note": [text for _, text in report["notes"]],
            "licence": [package["licence"]],
            "verdict": verdict,
        }
    )


def _platform_lines(platform: dict[str, Any]) -> Iterator[str]:
    libc = platform["libc"]
    words = f"{platform['os']}-{platform['arch']}"
    if libc is not None:
        words += f", {libc['family']} {libc['version'] or '(version unknown)'}"
    yield words if platform["can_dlopen"] else f"{words}, cannot load libraries"
    if libc is not None:
        yield from (f"  {fact}" for fact in libc["evidence"])


def _cache_lines(cache: dict[str, Any]) -> Iterator[str]:
    yield cache["folder"] or "none"
    if cache["error"]:
        yield f"  {cache['error']}"
    for entry in cache["entries"]:
        yield "  " + (
            entry["damage"]
            or f"{entry['release']} {entry['platform']}, whole: "
            f"{', '.join(entry['files'])}, as said by {entry['compared_with']}"
        )


def _attempt_lines(attempts: Iterable[dict[str, Any]]) -> Iterator[str]:
    for attempt in attempts:
        said = "used" if attempt["ok"] else attempt["error"]
        path = attempt["path"] or ""
        # Most sentences name the path themselves.
        words = (attempt["origin"], attempt["kind"], "" if path in said else path)
        yield f"{' '.join(filter(None, words))}: {said}"
        if attempt["hint"]:
            yield f"  {attempt['hint']}"


def _engine_lines(engine: dict[str, Any]) -> Iterator[str]:
    abi = f", ABI {engine['abi'][0]}.{engine['abi'][1]}" if engine["abi"] else ""
    yield f"{engine['kind']}, {engine['edition']} edition{abi}"
    yield engine["path"]
    yield engine["description"].strip()
    yield f"can: {', '.join(engine['capabilities'])}"
