"""PackStream beside the encoder of Neo4j's own driver, and what is refused."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from neo4j._codec.packstream.v1 import PackableBuffer, Packer, UnpackableBuffer, Unpacker

from workflow.cypher.wire.framing import chunked
from workflow.cypher.wire.messages import records
from workflow.cypher.wire.packstream import BadPackStream, Structure, pack, unpack
from workflow.errors import QueryFailed
from workflow.values.numbers import Float, Long

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text("abc", max_size=3), inner),
    max_leaves=40,
)


def by_driver(value: Any) -> bytes:
    buffer = PackableBuffer()
    Packer(buffer).pack(value)
    return bytes(buffer.data)


@given(VALUES)
def test_values_have_the_drivers_bytes_and_come_back(value: Any) -> None:
    data = pack(value)
    assert data == by_driver(value)
    assert unpack(data) == value


@given(VALUES)
def test_the_driver_reads_what_is_written(value: Any) -> None:
    buffer = UnpackableBuffer(pack({"x": [value]}))
    assert Unpacker(buffer).unpack() == {"x": [value]}


@pytest.mark.parametrize("size", [15, 16, 255, 256, 65535, 65536])
def test_sizes_at_the_borders_of_their_markers(size: int) -> None:
    for value in ("x" * size, list(range(size)), b"y" * size, {str(n): n for n in range(size)}):
        assert unpack(pack(value)) == value
    assert pack(bytes(size)) == by_driver(bytes(size))


def test_numbers_of_the_store_are_written_as_what_they_are() -> None:
    assert pack(Long(200)) == pack(200)
    assert pack(Float(0.5)) == pack(0.5)
    assert math.isnan(unpack(pack(math.nan)))
    assert pack((1, 2)) == pack([1, 2])


def test_structures_are_built_but_for_the_message_itself() -> None:
    data = pack(Structure(0x10, (Structure(0x44, (3,)), [Structure(0x44, (4,))])))
    assert unpack(data) == Structure(0x10, (Structure(0x44, (3,)), [Structure(0x44, (4,))]))
    assert unpack(data, lambda one: one.fields[0]) == Structure(0x10, (3, [4]))


def test_other_values_are_made_by_whoever_asks() -> None:
    assert unpack(pack([1 + 2j], str)) == ["(1+2j)"]
    with pytest.raises(TypeError):
        pack(1 + 2j)


def test_columns_become_the_rows_that_single_values_make() -> None:
    columns: list[list[Any]] = [
        [-17, -16, 127, 128, -129, 40_000, -(2**31) - 1, 2**63 - 1],
        [0.5, -0.0, 1e300, float("inf"), 2.0, 3.0, 4.0, 5.0],
        ["", "ä" * 20, "x", "y", "z", "u", "v", "w"],
        [1, None, "x", [1, "a"], {"k": 2.5}, True, b"xy", Long(7)],
    ]
    expected = [chunked(b"\xb1\x71" + pack(list(row))) for row in zip(*columns, strict=True)]
    assert records(columns, str) == expected
    assert records([[] for _ in range(3)], str) == records([], str) == []


def test_an_integer_beyond_64_bits_is_refused() -> None:
    with pytest.raises(QueryFailed):
        records([[1, 2**63]], str)
    with pytest.raises(QueryFailed, match="64 bits"):
        pack([2**63])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xd0",  # no length
        b"\x83ab",  # three characters, of which there are two
        b"\xd6\xff\xff\xff\xff\x01",  # more members than bytes
        b"\xc4",  # no marker
        b"\x82\xff\xfe",  # no UTF-8
        b"\xa1\x01\x01",  # a key that is a number
        b"\x01\x02",  # two values
        b"\x91" * 200 + b"\x01",  # nested too deep
    ],
)
def test_bytes_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(BadPackStream):
        unpack(data)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise(data: bytes) -> None:
    with contextlib.suppress(BadPackStream):
        unpack(data)
