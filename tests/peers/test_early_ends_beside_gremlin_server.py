"""What a text that writes and stops reading early leaves behind: the same in a real Gremlin Server's transactions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gremlin_python.driver.client import Client

from tests.conformance.early_ends import TERMINALS, WRITES, Ask, expected, stored

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def real(gremlin_port: int) -> Iterator[Ask]:
    client = Client(f"ws://127.0.0.1:{gremlin_port}/gremlin", "gtx", pool_size=1)

    def ask(text: str) -> list[Any]:
        return list(client.submit(text, request_options={"language": "gremlin-lang"}).all().result(30))

    yield ask
    ask("g.V().drop().iterate()")
    client.close()


@pytest.mark.parametrize("name", WRITES)
def test_a_gremlin_server_stores_what_our_rule_says(real: Ask, name: str) -> None:
    # its serializers cannot write what tryNext() gives, so its answer is an error there and undoes the write
    ends = [end for end in TERMINALS if end != "tryNext()"]
    assert {end: stored(real, WRITES[name], end, "1") for end in ends} == {end: expected(name, end) for end in ends}
