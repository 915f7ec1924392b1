"""The wheels that are released: their tags, and what is compiled for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PURE = "any"
"""The tag of the wheel without an engine."""


@dataclass(frozen=True, slots=True)
class Target:
    """One platform wheel."""

    tag: str
    """Its platform tag, after `py3-none-`."""
    arch: str
    """The architecture, as ELF readers and Rust call it."""
    libc: Literal["gnu", "musl"]
    glibc: str | None = None
    """The oldest glibc it is for; None for musl."""

    @property
    def triple(self) -> str:
        """What Rust calls it."""
        return f"{self.arch}-unknown-linux-{self.libc}"

    @property
    def static_triple(self) -> str:
        """What the tool is compiled for: static, so that it runs on any Linux."""
        return f"{self.arch}-unknown-linux-musl"


TARGETS = {
    target.tag: target
    for arch in ("x86_64", "aarch64")
    for target in (
        Target(f"manylinux_2_17_{arch}", arch, "gnu", "2.17"),
        Target(f"musllinux_1_2_{arch}", arch, "musl"),
    )
}
