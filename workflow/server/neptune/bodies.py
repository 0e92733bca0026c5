"""Request bodies and query strings as the data plane's clients write them.

JSON comes with or without a content type, forms on the same paths, booleans in any case; an empty value is absent.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from workflow.errors import BadRequest, InvalidParameter
from workflow.server.errors import json_error
from workflow.values.limits import too_many_values

MOST_BYTES: Final = 1 << 20
LARGE: Final = 64 << 10  # reading more takes long enough to keep other requests waiting
MOST_FIELDS: Final = 1000


async def read_body(request: Request, most_bytes: int = MOST_BYTES) -> bytes:
    """The whole body. Raises BadRequest once it is longer than any sensible request."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise BadRequest(f"The request body is longer than {most_bytes} bytes.")
    return bytes(body)


async def body_of(request: Request, most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """The members of the body, none where it is empty. Raises BadRequest."""
    body = await read_body(request, most_bytes)
    return members_of(body) if len(body) < LARGE else await run_in_threadpool(members_of, body)


def members_of(body: bytes) -> dict[str, Any]:
    """The members of a JSON object or of a form, told apart by how they begin. Raises BadRequest."""
    text = body.removeprefix(BOM_UTF8).strip()
    if not text:
        return {}
    try:
        if b"=" in text and text[:1] not in b'{["':
            return dict(parse_qsl(text.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS))
        trouble = too_many_values(text)
        if trouble is not None:
            raise BadRequest(f"The request body is too much JSON: {trouble}.")
        members = json.loads(text.decode(), parse_constant=_no_number)  # bytes would be guessed to be UTF-16
    except (ValueError, RecursionError) as error:
        raise BadRequest(json_error(text, error)) from error
    if not isinstance(members, dict):
        raise BadRequest(f"The request body must be a JSON object, not {type(members).__name__}.")
    if b"\\u" in text and not _is_text(members):
        raise BadRequest("The request body has half of a surrogate pair, which is no character.")
    return members


def _no_number(name: str) -> float:
    raise BadRequest(f"The request body is not valid JSON: it has {name}, which is no number of JSON.")


def _is_text(members: dict[str, Any]) -> bool:
    try:
        json.dumps(members, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


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
