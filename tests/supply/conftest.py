"""What the tests of the supply share."""

from __future__ import annotations

import os
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme

from imageflow_loader._supply.cache import Cache
from tests.supply.installation import Installation, archive_around, install
from tests.supply.server import Server, body
from tests.unprivileged import shared_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.supply.upstream import Archive

NETWORK_VARIABLES = ("_proxy", "_ca_bundle", "ssl_cert_file", "ssl_cert_dir")


@pytest.fixture(autouse=True)
def direct_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the developer's own proxies, certificates and passwords."""
    for name in os.environ:
        if name.lower().endswith(NETWORK_VARIABLES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return a cache that does not exist yet."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def server() -> Iterator[Server]:
    """Yield a server without answers."""
    with Server() as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return an authority that nobody trusts unless told to."""
    return trustme.CA()


@pytest.fixture
def secure_server(authority: trustme.CA) -> Iterator[Server]:
    """Yield a server with a certificate from *authority*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Server(context) as running:
        yield running


@pytest.fixture
def trusted(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trust *authority*, as a company does that inspects TLS."""
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Yield a folder that every user may look into."""
    with shared_folder() as folder:
        yield folder


@pytest.fixture
def pure(open_folder: Path, library: Path, tool: Path, server: Server) -> Installation:
    """Return an installation without an engine, and a mirror that has one for it."""
    return _installed(open_folder, server, archive_around(library, tool))


@pytest.fixture
def lean(open_folder: Path, library: Path, server: Server) -> Installation:
    """Return the same, with no working tool in the archive."""
    return _installed(open_folder, server, archive_around(library, None))


@pytest.fixture
def bundled(pure: Installation, library: Path, tool: Path) -> Installation:
    """Return an installation with an engine, and the same mirror."""
    folder = pure.folder.with_name("bundled")
    installation = install(folder, pure.archive, (library, tool))
    return replace(installation, variables=pure.variables)


def _installed(folder: Path, server: Server, archive: Archive | None) -> Installation:
    if archive is None:
        pytest.skip("upstream builds no library for this machine")
    server.on(f"/{archive.name}", body(archive.data))
    variables = {
        "IMAGEFLOW_MIRROR": server.url,
        "IMAGEFLOW_CACHE_DIR": str(folder / "cache"),
    }
    return replace(install(folder / "pure", archive), variables=variables)
