"""The answer of Neptune's ``explain`` for openCypher: a table of the plan's steps, with rows and time where it ran."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Final, Literal

from workflow.cypher.planning.plan import PlanStep
from workflow.cypher.running.outcome import StepCost

if TYPE_CHECKING:
    from workflow.cypher.engine import CypherResult

ExplainMode = Literal["static", "dynamic", "details"]

_HEADINGS: Final = (
    "ID",
    "Out #1",
    "Out #2",
    "Name",
    "Arguments",
    "Mode",
    "Units In",
    "Units Out",
    "Ratio",
    "Time (ms)",
)
Line = tuple[str, ...]


def lines_of(result: CypherResult, mode: ExplainMode) -> list[Line]:
    """The table row by row: each step hands its rows to the next one; those inside another have its number before."""
    return list(_lines(result.plan.steps, result.outcome.costs or {}, mode, ""))


def _lines(steps: tuple[PlanStep, ...], costs: dict[int, StepCost], mode: ExplainMode, prefix: str) -> Iterator[Line]:
    into = 1
    for at, step in enumerate(steps):
        cost = costs.get(step.number, StepCost())
        arguments = "\n".join([step.text, *(f"  {way}" for way in step.ways)]) if mode != "static" else step.text
        ran = mode != "static"
        yield (
            f"{prefix}{at}",
            f"{prefix}{at + 1}" if at + 1 < len(steps) else "-",
            "-",
            step.name,
            arguments,
            "-",
            str(into) if ran else "-",
            str(cost.rows) if ran else "-",
            f"{cost.rows / into:.2f}" if ran and into else "-",
            f"{1000 * cost.seconds:.2f}" if ran else "-",
        )
        into = cost.rows
        yield from _lines(step.children, costs, mode, f"{prefix}{at}.")


def explain_text(query: str, result: CypherResult, mode: ExplainMode) -> str:
    """For terminals and programs."""
    table = [_HEADINGS, *lines_of(result, mode)]
    cells = [[cell.split("\n") for cell in line] for line in table]
    widths = [max(len(part) for line in cells for part in line[at]) for at in range(len(_HEADINGS))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    out = [f"Query: {' '.join(query.split())}", rule]
    for line in cells:
        for height in range(max(map(len, line))):
            parts = [cell[height] if height < len(cell) else "" for cell in line]
            out.append("| " + " | ".join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True)) + " |")
        out.append(rule)
    return "\n".join(out) + "\n"


def explain_html(query: str, result: CypherResult, mode: ExplainMode) -> str:
    """For notebooks, which ask for HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in _HEADINGS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell).replace(chr(10), '<br>')}</td>" for cell in line) + "</tr>"
        for line in lines_of(result, mode)
    )
    return (
        f"<p>Query: <code>{escape(' '.join(query.split()))}</code></p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
