"""Handshakes and chunks of Bolt, with the bytes that real drivers send."""

from __future__ import annotations

import pytest

from workflow.cypher.wire.framing import (
    MAGIC,
    BadHandshake,
    BoltVersion,
    Dechunker,
    MessageTooLong,
    answer,
    chosen,
    chunked,
    manifest,
    offered,
)


@pytest.mark.parametrize(
    ("driver", "offers", "agreed"),
    [
        ("python 6.4, java 5.28", "000001ff 00080805 00020404 00000003", None),
        ("python 5.23", "00060605 00020404 00000104 00000003", BoltVersion(5, 6)),
        ("python 4.4", "00020404 00000104 00000004 00000003", BoltVersion(4, 4)),
        ("one that is ahead", "00000006 00030a05 00000000 00000000", BoltVersion(5, 8)),  # 5.10 to 5.7
    ],
)
def test_drivers_agree_on_the_best_version_of_both(driver: str, offers: str, agreed: BoltVersion | None) -> None:
    assert offered(MAGIC + bytes.fromhex(offers.replace(" ", ""))) == agreed


@pytest.mark.parametrize(
    "data", [MAGIC + bytes(16), MAGIC + bytes.fromhex("00000003") * 4, b"GET / HTTP/1.1\r\n\r\n  "]
)
def test_other_handshakes_are_refused(data: bytes) -> None:
    with pytest.raises(BadHandshake):
        offered(data)


def test_the_answers_are_the_specifications_bytes() -> None:
    assert answer(BoltVersion(5, 6)) == bytes.fromhex("00000605")
    assert manifest() == bytes.fromhex("000001ff 02 00080805 00000404 00")


def test_a_client_chooses_of_the_manifest() -> None:
    assert chosen(bytes.fromhex("0000080500")) == (BoltVersion(5, 8), 5)
    assert chosen(bytes.fromhex("00000805")) is None
    assert chosen(bytes.fromhex("0000080580")) is None  # the capabilities go on
    assert chosen(bytes.fromhex("000008058001")) == (BoltVersion(5, 8), 6)
    with pytest.raises(BadHandshake):
        chosen(bytes.fromhex("0000090500"))


@pytest.mark.parametrize("size", [1, 65535, 65536, 200_000])
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_messages_are_put_together_however_they_arrive(size: int, step: int) -> None:
    if size > 70_000 and step == 1:
        size = 70_000
    message = bytes(n % 251 for n in range(size))
    data = b"\x00\x00" + chunked(message) + b"\x00\x00" + chunked(b"x")  # empty chunks keep a connection alive
    dechunker, found = Dechunker(1 << 20), []
    for at in range(0, len(data), step):
        found += dechunker.feed(data[at : at + step])
    assert found == [message, b"x"]


def test_a_message_that_is_too_long_is_refused_before_it_is_whole() -> None:
    dechunker = Dechunker(100)
    assert dechunker.feed(chunked(bytes(100))) == [bytes(100)]
    with pytest.raises(MessageTooLong):
        dechunker.feed((101).to_bytes(2, "big"))
