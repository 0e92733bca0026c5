"""``despina query``: Gremlin text in, a table out."""

from __future__ import annotations

from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import DEFAULT_URL, Json, Sign, Url, workflow
from workflow.client.frames import answer_records


def query(
    gremlin: Annotated[str, typer.Argument(help='A traversal, such as "g.V().count()".')],
    url: Url = DEFAULT_URL,
    source: Annotated[str, typer.Option(help="Traversal source the text starts from.")] = "g",
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Run a Gremlin query over WebSocket; prediction steps included."""
    results = workflow(url, sign=sign).connection.query(gremlin, traversal_source=source)
    if json:
        output.as_json(answer_records(results))
    elif results:
        output.answer(f"{len(results)} result{'' if len(results) == 1 else 's'}", answer_records(results))
    else:
        output.say("0 results")
