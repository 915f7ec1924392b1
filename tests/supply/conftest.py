"""What the tests of the supply share."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from imageflow_loader._supply.cache import Cache
from tests.supply.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
