"""One fixture a server of another maker; those that cannot start are skipped, and named at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.peers.peer import MISSING, PeerMissing, peer


@contextmanager
def started(name: str, *options: str) -> Iterator[int]:
    """The port of a running server, or a skip that says why there is none."""
    try:
        with peer(name, *options) as port:
            yield port
    except PeerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def minio_port() -> Iterator[int]:
    with started("minio") as port:
        yield port


@pytest.fixture(scope="session")
def ministack_port() -> Iterator[int]:
    with started("ministack") as port:
        yield port


@pytest.fixture(scope="session")
def localstack_port() -> Iterator[int]:
    with started("localstack") as port:
        yield port


@pytest.fixture(scope="session")
def neo4j_port() -> Iterator[int]:
    with started("neo4j") as port:
        yield port


@pytest.fixture(scope="session")
def gremlin_port() -> Iterator[int]:
    with started("gremlin") as port:
        yield port


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud which judges were absent: a green run without them proves less."""
    for name, reason in MISSING.items():
        terminalreporter.write_line(f"NOT TESTED AGAINST {name}: {reason}", yellow=True, bold=True)
