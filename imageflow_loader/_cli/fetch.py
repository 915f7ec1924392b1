"""`imageflow-loader fetch`: bring the official edition here, from then on preferred."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .._engine import fetch
from .._platform import current_platform
from .._settings import Settings
from .._supply import SUFFIXES, Fetch, choose, digest, shown
from .progress import reporting

if TYPE_CHECKING:
    from ..types import EngineKind, FetchedEngine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `fetch`."""
    parser.add_argument(
        "--platform",
        choices=SUFFIXES,
        metavar="SUFFIX",
        help=f"for another platform than this one: {', '.join(SUFFIXES)}",
    )
    parser.add_argument(
        "--kind",
        choices=("library", "tool"),
        help="what is wanted; else the library where one can be used",
    )
    parser.add_argument(
        "--dest",
        type=Path,
        metavar="DIR",
        help="put the archive and its line in SHA256SUMS into DIR, which then serves "
        "as IMAGEFLOW_MIRROR, and nothing into the cache",
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="take the archive from FILE instead of a server",
    )
    parser.add_argument(
        "--print-url",
        action="store_true",
        help="print where the archive is, and fetch nothing",
    )
    parser.add_argument(
        "--sha256",
        type=_digest,
        metavar="HASH",
        help="what the archive must be, whatever this package or a mirror says",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="say nothing unless it fails"
    )


def run(args: argparse.Namespace) -> int:
    """Fetch what *args* ask for and return the exit code.

    Raises:
        EngineError: It could not be had.
        SettingsError: An environment variable is not understood.
    """
    if args.print_url:
        print(_url(args))
        return 0
    with reporting(sys.stderr, quiet=args.quiet) as progress:
        fetched = fetch(
            platform=args.platform,
            kind=args.kind,
            dest=args.dest,
            source=args.source,
            sha256=args.sha256,
            progress=progress,
        )
    if not args.quiet:
        print("\n".join(_lines(fetched)))
    return 0


def _url(args: argparse.Namespace) -> str:
    settings = Settings.from_environment()
    kind: EngineKind | None = args.kind
    if kind is None and settings.backend != "auto":
        kind = settings.backend
    platform = current_platform(settings.libc)
    artifact = choose(platform, suffix=args.platform, kind=kind)
    return shown(Fetch(settings, artifact).url)


def _digest(text: str) -> str:
    try:
        return digest(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _lines(fetched: FetchedEngine) -> list[str]:
    files = {
        "library": fetched.library,
        "tool": fetched.tool,
        "archive": fetched.archive,
    }
    said = "fetched from" if fetched.fresh else "was there already, from"
    return [
        f"{fetched.platform}: {said} {fetched.url}",
        f"  SHA-256  {fetched.sha256}",
        f"  as said by {fetched.compared_with}",
        *(f"  {name:<7}  {path}" for name, path in files.items() if path is not None),
    ]
