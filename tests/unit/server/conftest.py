"""Fixtures of the tests of the service's faces."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[False, True], ids=["queued", "shown"])
def shows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the sockets of these tests show a message to the application before they queue it."""
    monkeypatch.setattr("tests.unit.server.test_gremlin_websocket.Connection.shows", request.param)
    return bool(request.param)
