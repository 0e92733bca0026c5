"""Request bodies and query strings as the data plane's clients write them.

JSON comes with or without a content type, forms on the same paths, booleans in any case; an empty value is absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from workflow.errors import BadRequest, InvalidParameter
from workflow.server.errors import json_error

MOST_BYTES: Final = 1 << 20


async def body_of(request: Request) -> dict[str, Any]:
    """The body as an object: JSON, or a form when it does not begin like JSON. Raises BadRequest."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            raise BadRequest(f"the request body is larger than {MOST_BYTES} bytes")
    text = data.strip()
    if not text:
        return {}
    if text[:1] != b"{" and "json" not in request.headers.get("content-type", ""):
        try:
            return dict(parse_qsl(text.decode(), keep_blank_values=True))
        except UnicodeDecodeError as error:
            raise BadRequest(json_error(data, error)) from error
    try:
        body = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        detail = "nested too deeply" if isinstance(error, RecursionError) else json_error(data, error)
        raise BadRequest(detail) from error
    if not isinstance(body, dict):
        raise BadRequest(f"the request body must be a JSON object, not {type(body).__name__}")
    return body


def flag(values: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """A boolean parameter in any spelling. Raises InvalidParameter."""
    value = str(values.get(name, "")).strip().lower()
    if not value:
        return default
    if value not in ("true", "false"):
        raise InvalidParameter(f"{name} must be true or false, not {value[:40]!r}")
    return value == "true"


def number(values: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds. Raises InvalidParameter."""
    value = str(values.get(name, "")).strip()
    if not value:
        return default
    if not value.removeprefix("-").isdecimal() or len(value) > 18 or not low <= int(value) <= high:
        raise InvalidParameter(f"{name} must be a number from {low} to {high}, not {value[:40]!r}")
    return int(value)
