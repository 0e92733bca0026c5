"""``despina query``: a query in, a table out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from workflow.cli import output
from workflow.cli.options import Json, Sign, Url
from workflow.cli.service import DEFAULT_URL, workflow
from workflow.client.checks.queries import may_change
from workflow.client.frames import answer_records
from workflow.predictions.reasons import reasons, words_in_vain
from workflow.queries.language import is_cypher

Language = Literal["gremlin", "opencypher"]


def query(
    text: Annotated[
        str,
        typer.Argument(metavar="QUERY", help='A traversal, such as "g.V().count()", or "MATCH (n) RETURN count(n)".'),
    ],
    url: Url = DEFAULT_URL,
    language: Annotated[
        Language | None, typer.Option(help="What the query is written in; told from its first word where left out.")
    ] = None,
    source: Annotated[str, typer.Option(help="Traversal source the text starts from, or graph of openCypher.")] = "g",
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Run a query: Gremlin over WebSocket, prediction steps included, or openCypher over HTTP."""
    connection = workflow(url, sign=sign).connection
    results: list[Any]
    language = language or ("opencypher" if is_cypher(text) else "gremlin")
    if language == "opencypher":
        results = connection.cypher(text, graph=source)
    else:
        results = connection.query(text, traversal_source=source)
    if json:
        output.as_json(answer_records(results))
    elif results:
        if language == "gremlin":
            for sentence in words_in_vain(text):
                output.warn(sentence)
        output.answer(f"{len(results)} result{'' if len(results) == 1 else 's'}", answer_records(results))
    elif language == "opencypher":
        output.say("0 results")
    else:
        output.say("0 results")
        # asked once more for its reasons, a query that writes would write again
        for reason in words_in_vain(text) if may_change(text) else reasons(connection.query, text):
            output.say(f"because {reason}")
