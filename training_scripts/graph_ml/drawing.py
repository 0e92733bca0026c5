"""Charts as drawings, made in a process of their own.

A chart is a description in Vega-Lite, as plain data: the library that writes them takes longer to import than a small
job takes. The engine that draws is a browser's. Where memory is limited it does not raise but ends its process, which
must not be that of a job whose work is done.

Source: https://vega.github.io/vega-lite/docs/
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

Chart = dict[str, Any]
"""A description in Vega-Lite, without its data."""

log = logging.getLogger(__name__)

_DRAW = """
import json, sys, vl_convert
json.dump([vl_convert.vegalite_to_svg(chart) for chart in json.load(sys.stdin)], sys.stdout)
"""
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_TIMEOUT_S = 300.0
NOT_DRAWN = "<p>This could not be drawn; the log says more.</p>"


def chart(rows: Sequence[Mapping[str, Any]], description: Chart) -> Chart:
    """A whole chart of rows: what is drawn of each is in its description."""
    return {"$schema": _SCHEMA, "data": {"values": list(rows)}, **description}


def draw(charts: Sequence[Chart]) -> list[str]:
    """Charts as SVG that needs nothing else; a sentence in place of each where drawing fails."""
    if not charts:
        return []
    try:
        return drawn_apart(json.dumps(charts))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        log.warning("the drawings of the report are missing: %s", error)
        return [NOT_DRAWN] * len(charts)


def drawn_apart(charts: str) -> list[str]:
    """A JSON list of charts as SVG, from a process of its own; raises what its start, end and answer do."""
    drawn = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _DRAW],
        input=charts,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_TIMEOUT_S,
        check=True,
    )
    return [str(svg) for svg in json.loads(drawn.stdout)]
