"""Every lock says what it guards, so that a reader knows what may be touched without it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("jobs", "server", "endpoints", "queries", "predictions", "storage")
MADE = re.compile(r"threading\.(R?Lock|Condition|Semaphore|BoundedSemaphore)\(")


def test_every_lock_says_what_it_guards() -> None:
    silent = []
    for room in ROOMS:
        for path in sorted((ROOT / "workflow" / room).rglob("*.py")):
            lines = path.read_text().splitlines()
            for number, line in enumerate(lines):
                said = "guards" in line or "guards" in lines[number - 1]
                if MADE.search(line) and ("=" in line.split("threading")[0]) and not said:
                    silent.append(f"{path.relative_to(ROOT)}:{number + 1}: {line.strip()}")
    assert silent == []


def test_the_threads_of_the_readme_are_those_that_are_started() -> None:
    text = (ROOT / "workflow/README.md").read_text()
    names = set()
    for path in (ROOT / "workflow").rglob("*.py"):
        names |= set(re.findall(r"""(?:thread_name_prefix=|Thread\(.*name=)["']([a-z-]+)["']""", path.read_text()))
    assert len(names) > 5
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []
