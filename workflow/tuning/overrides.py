"""What a person wants of the search, such as ``num-hidden=64..256``, written into ``model-hpo-configuration.json``.

Works on the document and not on its schema, so that whatever else stands in it stays.
"""

from __future__ import annotations

import copy
import difflib
import json
import math
from collections.abc import Mapping
from typing import Any, Final

from workflow.errors import InvalidParameter

TIERS: Final = ("1-tier-param", "2-tier-param", "3-tier-param")
FIXED: Final = "fixed-param"
_SEARCH: Final = ("range", "options", "inc_strategy", "inc_val", "node_strategy", "edge_strategy")


class BadOverride(InvalidParameter):
    """A wish that cannot be written down."""

    def __init__(self, name: str, value: str, why: str) -> None:
        super().__init__(
            f"{name}={value} cannot be set: {why}. "
            "A range is written as 64..256, a choice as 16,32,64, one value as 64."
        )
        self.name, self.value = name, value


def with_overrides(document: Mapping[str, Any], wishes: Mapping[str, str]) -> dict[str, Any]:
    """The configuration with other ranges, choices and values.

    Args:
        document: a whole ``model-hpo-configuration.json``.
        wishes: by parameter: ``low..high`` and ``a,b,c`` are searched from the first tier, so in any number of trials;
            one value is fixed.

    Raises InvalidParameter for a parameter that the configuration does not have, and for values of another type.
    """
    changed = copy.deepcopy(dict(document))
    model = changed["models"][0]
    for name, value in wishes.items():
        entries = [entry for tier in (*TIERS, FIXED) for entry in model.get(tier) or () if entry["param"] == name]
        if not entries:
            raise _unknown(name, value, model)
        for tier in (*TIERS, FIXED):
            model[tier] = [entry for entry in model.get(tier) or () if entry["param"] != name]
        for entry in entries:
            searched, wanted = _wanted(entry, value)
            rest = {key: kept for key, kept in entry.items() if key not in _SEARCH and key != "default"}
            model[TIERS[0] if searched else FIXED].append(rest | wanted)
    return changed


def as_wish(value: object) -> str:
    """A value of Python or YAML as wishes are written: ``[0.01, 0.03]`` is ``0.01,0.03``."""
    if isinstance(value, list | tuple):
        return ",".join(map(as_wish, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unknown(name: str, value: str, model: Mapping[str, Any]) -> BadOverride:
    known = sorted({entry["param"] for tier in (*TIERS, FIXED) for entry in model.get(tier) or ()})
    close = difflib.get_close_matches(name, known, 1)
    meant = f", did you mean {close[0]}?" if close else ""
    return BadOverride(name, value, f"the search has no {name!r}{meant}; it has {', '.join(known)}")


def _wanted(entry: Mapping[str, Any], value: str) -> tuple[bool, dict[str, Any]]:
    """Whether it is searched, and what is written for it."""
    name, kind = entry["param"], entry["type"]
    low, dots, high = value.partition("..")
    if dots:
        if kind not in ("int", "float"):
            raise BadOverride(name, value, f"a range is for numbers, and {name} is of type {kind}")
        ends = [_read(name, value, kind, low), _read(name, value, kind, high)]
        if ends[0] > ends[1]:
            raise BadOverride(name, value, "the range ends before it begins")
        strategy = entry.get("inc_strategy") or "linear"
        if strategy == "log" and ends[0] <= 0:
            strategy = "linear"
        return True, {"range": ends, "inc_strategy": strategy} | _default_within(entry, ends)
    if value.startswith("["):
        return False, {"default": _listed(name, value)}
    options = [_read(name, value, kind, one) for one in value.split(",")]
    if len(options) > 1:
        default = entry.get("default")
        return True, {"options": options} | ({"default": default} if default in options else {})
    return False, {"default": options[0]}


def _default_within(entry: Mapping[str, Any], ends: list[Any]) -> dict[str, Any]:
    default = entry.get("default")
    inside = isinstance(default, int | float) and ends[0] <= default <= ends[1]
    return {"default": default} if inside else {}


def _listed(name: str, value: str) -> list[Any]:
    try:
        found = json.loads(value)
    except ValueError as error:
        raise BadOverride(name, value, "it begins like a list and is none") from error
    if not isinstance(found, list):
        raise BadOverride(name, value, "it begins like a list and is none")
    return found


def _read(name: str, value: str, kind: str, text: str) -> Any:
    text = text.strip()
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            number = float(text)
            if math.isfinite(number):
                return number
            raise ValueError(text)
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError):
        raise BadOverride(name, value, f"{text!r} is not of type {kind}") from None
    if not text:
        raise BadOverride(name, value, "a value is missing")
    return text
