"""Request bodies in every form that the published clients send."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import BadRequest, InvalidParameter
from workflow.server.neptune.bodies import flag, members_of, number


@pytest.mark.parametrize(
    ("body", "members"),
    [
        (b"", {}),
        (b" \n", {}),
        (b'{"action": "x", "n": 1}', {"action": "x", "n": 1}),
        (b'\xef\xbb\xbf{"a": "\xc3\xbc"}', {"a": "ü"}),
        (b"action=x&token=a%20b+c&empty=", {"action": "x", "token": "a b c", "empty": ""}),
        # the user guide cancels a query with: curl --data-urlencode "cancelQuery" --data-urlencode "queryId=…"
        (b"cancelQuery&queryId=q", {"cancelQuery": "", "queryId": "q"}),
        (b'{"gremlin": "g.V().has(\'a\',\'b=c\')"}', {"gremlin": "g.V().has('a','b=c')"}),
        (b"gremlin=g.V().has('a',1)", {"gremlin": "g.V().has('a',1)"}),
        (b'{"pair": "\\ud83d\\ude00"}', {"pair": "\U0001f600"}),
    ],
)  # fmt: skip
def test_json_and_forms_are_told_apart_without_a_content_type(body: bytes, members: dict[str, Any]) -> None:
    assert members_of(body) == members


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "not valid JSON"),
        (b"[1]", "must be a JSON object, not list"),
        (b"null", "must be a JSON object"),
        (b"nonsense", "not valid JSON"),
        (b"\xff", "not UTF-8"),
        (b"a=\xff", "not UTF-8"),
        (b'{"a": "\\ud800"}', "half of a surrogate pair"),
        (b'{"a":' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": [NaN]}', "has NaN, which is no number of JSON"),
        (b'{"a": -Infinity}', "has -Infinity, which is no number of JSON"),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_neither_says_why(body: bytes, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        members_of(body)


def test_booleans_and_numbers_come_as_text_in_any_case() -> None:
    assert [flag({"clean": text}, "clean") for text in ("TRUE", "True", "true", "FALSE", "", " ")] == [True] * 3 + [
        False
    ] * 3
    assert flag({}, "includeQueuedLoads", True)
    assert (number({"limit": "7"}, "limit", 10, 1, 100), number({"limit": ""}, "limit", 10, 1, 100)) == (7, 10)
    with pytest.raises(InvalidParameter, match="clean must be true or false"):
        flag({"clean": "perhaps"}, "clean")
    with pytest.raises(InvalidParameter, match="limit must be a number from 1 to 100"):
        number({"limit": "101"}, "limit", 10, 1, 100)
