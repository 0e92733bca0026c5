"""Fixtures of the tests of the service's faces."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.server.slow_disk import SlowDisk


@pytest.fixture(params=[False, True], ids=["queued", "shown"])
def shows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the sockets of these tests show a message to the application before they queue it."""
    monkeypatch.setattr("tests.unit.server.test_gremlin_websocket.Connection.shows", request.param)
    return bool(request.param)


@pytest.fixture
def disk() -> Iterator[SlowDisk]:
    """Makes nothing durable until a test lets it; lets everything when the test ends."""
    disk = SlowDisk()
    yield disk
    disk.let.set()
