"""Archives as upstream packs them: names at the top, around whatever binaries."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imageflow_loader._supply.releases import ARTIFACTS, Artifact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BESIDE: dict[str, bytes] = {
    "imageflow.h": b"#pragma once\n",
    "headers/imageflow_default.h": b"#pragma once\n",
    "headers/imageflow_short.h": b"#pragma once\n",
    "install.sh": b"#!/bin/bash\n",
    "uninstall.sh": b"#!/bin/bash\n",
}
"""What a main archive holds besides the engine."""


@dataclass(frozen=True)
class Archive:
    """An archive under upstream's name."""

    artifact: Artifact
    data: bytes

    @property
    def name(self) -> str:
        return self.artifact.name

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def sums(self) -> bytes:
        """A mirror's list that has it."""
        return f"{self.sha256}  {self.name}\n".encode()


def row(suffix: str, *, tool_only: bool = False) -> Artifact:
    """Return the main or the tool archive's row of a platform."""
    prefix = "tool-" if tool_only else "imageflow-"
    return next(
        row for row in ARTIFACTS if row.suffix == suffix and row.name.startswith(prefix)
    )


def archive(
    suffix: str = "linux-x64",
    *,
    tool_only: bool = False,
    library: bytes = b"\x7fELF library",
    tool: bytes = b"\x7fELF tool",
) -> Archive:
    """Return an archive of the official release, around these binaries."""
    artifact = row(suffix, tool_only=tool_only)
    binaries = {artifact.library: library, artifact.tool: tool}
    members = {name: data for name, data in binaries.items() if name is not None}
    if not tool_only:
        members.update(BESIDE)
    packed = zipped(members) if artifact.name.endswith(".zip") else tarred(members)
    return Archive(artifact, packed)


def tarred(members: Mapping[str, bytes]) -> bytes:
    """Return a `.tar.gz` of plain files."""
    return tarred_infos((_info(name, data), data) for name, data in members.items())


def tarred_infos(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """Return a `.tar.gz` of whatever members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(out.getvalue(), compresslevel=1, mtime=0)


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Return a `.zip` of plain files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


def _info(name: str, data: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    return info
