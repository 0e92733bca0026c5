"""``despina query``: Gremlin text in, a table out."""

from __future__ import annotations

from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import DEFAULT_URL, Json, Sign, Url, workflow
from workflow.client.frames import answer_frame


def query(
    gremlin: Annotated[str, typer.Argument(help='A traversal, such as "g.V().count()".')],
    url: Url = DEFAULT_URL,
    source: Annotated[str, typer.Option(help="Traversal source the text starts from.")] = "g",
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Run a Gremlin query over WebSocket; prediction steps included."""
    results = workflow(url, sign=sign).connection.query(gremlin, traversal_source=source)
    frame = answer_frame(results)
    if json:
        output.as_json(frame.to_dict(orient="records") if len(frame.columns) != 1 else frame.iloc[:, 0].tolist())
        return
    if frame.empty:
        output.say("0 results")
        return
    output.table(f"{len(frame)} result{'' if len(frame) == 1 else 's'}", list(frame.columns), frame.values.tolist())
