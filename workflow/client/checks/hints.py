"""What was likely meant by a query that was refused."""

from __future__ import annotations

import re
from difflib import get_close_matches

# clauses that openCypher queries are made of
CLAUSES = (
    *("MATCH", "OPTIONAL", "RETURN", "WHERE", "WITH", "CREATE", "MERGE", "DELETE", "DETACH", "REMOVE", "UNWIND"),
    *("UNION", "ORDER", "SKIP", "LIMIT", "DISTINCT", "CALL", "YIELD", "FOREACH"),
)  # fmt: skip


SQL = ("SELECT", "INSERT", "UPDATE")


def with_nearest_step(message: str, text: str = "") -> str:
    """A refusal of Gremlin with the step that was likely meant, or the language, where that can be told.

    Args:
        message: of the service.
        text: the query.
    """
    found = re.search(r"Could not locate method: (?:GraphTraversalSource\.)?(\w+)\(", message)
    if found is not None:
        from workflow.gremlin.steps.facts import FACTS

        close = [] if found[1] in FACTS else get_close_matches(found[1], FACTS, 1)
        return f"{message}; did you mean {close[0]}()?" if close else message
    if unquoted := re.search(r"No such variable: (\w+)", message):
        return f"{message}; a text stands in quotes: '{unquoted[1]}'"
    if "parsing failed" in message and _first_word(text) in SQL:
        return f"{message}; that looks like SQL: ask in Gremlin (g.V()…), or in openCypher (MATCH (n) RETURN n)"
    if "parsing failed" in message and re.match(r"\s*(V|E|addV|addE|inject|with)\(", text):
        return f"{message}; a traversal begins with g, as in g.{text.strip()[:40]}"
    if "parsing failed" in message and _first_word(text) in CLAUSES:
        return (
            f"{message}; that looks like openCypher, which `wf.cypher` and `despina query --language opencypher` take"
        )
    return message


def with_nearest_clause(message: str, text: str) -> str:
    """A refusal of openCypher with the clause that was likely meant, or the language."""
    if "SyntaxError" not in message:
        return message
    if re.match(r"\s*g\s*\.", text):
        return f"{message}; that looks like Gremlin, which `wf.query` and `despina query --language gremlin` take"
    words = re.findall(r"\b[A-Za-z]{4,}\b", re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", "", text))
    for word in words:
        close = [] if word.upper() in CLAUSES else get_close_matches(word.upper(), CLAUSES, 1, 0.8)
        if close and (word.isupper() or f"'{word}" in message):
            return f"{message}; did you mean {close[0]} instead of {word}?"
    return message


def _first_word(text: str) -> str:
    return text.split(None, 1)[0].upper() if text.strip() else ""
