"""Every lock says what it guards and every thread has a name, so that a reader knows what may be touched by whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("workflow", "training_scripts")
MADE = re.compile(r"threading\.(R?Lock|Condition|Semaphore|BoundedSemaphore)\(")
README = (ROOT / "workflow/README.md").read_text()


def test_every_lock_says_what_it_guards() -> None:
    silent = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            lines = path.read_text().splitlines()
            for number, line in enumerate(lines):
                said = "guards" in line or "guards" in lines[number - 1]
                if MADE.search(line) and ("=" in line.split("threading")[0]) and not said:
                    silent.append(f"{path.relative_to(ROOT)}:{number + 1}: {line.strip()}")
    assert silent == []


def threads() -> Iterator[tuple[str, str | None]]:
    """Every place that starts threads, with the name it gives them: its fixed beginning, ``""`` where it has none."""
    for path in sorted((ROOT / "workflow").rglob("*.py")):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if "Thread" in text else ():
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(("Thread", "ThreadPoolExecutor")):
                continue
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            name = named.get("name") or named.get("thread_name_prefix")
            at = f"{path.relative_to(ROOT)}:{node.lineno}"
            if isinstance(name, ast.JoinedStr):
                name = name.values[0]
            yield at, None if name is None else str(name.value) if isinstance(name, ast.Constant) else ""


def test_every_thread_has_a_name_that_the_readme_explains() -> None:
    found = dict(threads())
    assert len(found) > 15
    assert [at for at, name in found.items() if name is None] == []
    table = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    known = "".join(table)
    assert [(at, name) for at, name in found.items() if name and f"`{name}" not in known] == []
