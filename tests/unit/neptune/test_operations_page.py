"""The page of operations is the table of operations in words."""

from __future__ import annotations

from pathlib import Path

from workflow import neptune
from workflow.neptune import OPERATIONS, Operation, Refusal

TEXT = (Path(neptune.__file__).parent / "README.md").read_text()


def line(row: Operation) -> str:
    """A row as the page has it."""
    others = "".join(f", `{alias if ' ' in alias else f'{row.method} {alias}'}`" for alias in row.aliases)
    says = f"`UnsupportedOperationException`: {row.handler.why}" if isinstance(row.handler, Refusal) else row.says
    return f"| `{row.name}` | `{row.method} {row.path}`{others} | {says} |"


def test_the_page_has_every_row_of_the_table_in_its_order() -> None:
    told = [text for text in TEXT.splitlines() if text.startswith("| `")]
    assert told == [line(row) for row in OPERATIONS.values()], "\n" + "\n".join(map(line, OPERATIONS.values()))
