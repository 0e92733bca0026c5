"""What by() sees is what it sees in a real Gremlin Server, case by case."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gremlin_python.driver.client import Client

from tests.peers.scenario_values import matched
from tests.unit.gremlin.test_by import CASES

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def real(gremlin_port: int) -> Iterator[Client]:
    client = Client(f"ws://127.0.0.1:{gremlin_port}/gremlin", "gmodern", pool_size=1)
    yield client
    client.close()


@pytest.mark.parametrize("text", CASES)
def test_a_gremlin_server_answers_the_same(real: Client, text: str) -> None:
    found = real.submit(text, request_options={"language": "gremlin-lang"}).all().result(30)
    assert matched([str(value) for value in found], [str(value) for value in CASES[text]])
