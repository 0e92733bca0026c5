"""The questions of ``cypher.py`` to LadybugDB in this process, which needs nothing but that package.

    python benchmarks/cypher_ladybug.py FOLDER < questions.json

FOLDER has ``nodes.csv`` (id, group, number) and ``edges.csv`` (two ids), without headers. Questions are a list of
[name, text, parameters of every turn]; "UNWIND create" has a batch a turn. Prints a JSON object: milliseconds of the
processor a question by name, the first answers, and megabytes that the process holds resident.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import ladybug

TABLES = (
    "CREATE NODE TABLE Node(id INT64 PRIMARY KEY, grp INT64, x DOUBLE)",
    "CREATE NODE TABLE Bulk(id INT64 PRIMARY KEY, name STRING)",
    "CREATE REL TABLE LINK(FROM Node TO Node)",
)


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    database = ladybug.Database(str(folder / "ladybug.db"), max_num_threads=2)
    connection = ladybug.Connection(database, num_threads=2)

    def ask(text: str, parameters: dict[str, Any]) -> list[Any]:
        result, rows = connection.execute(text, parameters), []
        while result.has_next():
            rows.append(result.get_next())
        return rows

    for statement in TABLES:
        ask(statement, {})
    ask(f"COPY Node FROM '{folder}/nodes.csv' (header=false)", {})
    ask(f"COPY LINK FROM '{folder}/edges.csv' (header=false)", {})
    cpu_ms, answers = {}, {}
    for name, text, turns in json.load(sys.stdin):
        if name != "UNWIND create":
            answers[name] = ask(text, turns[0])  # also warms up
        began = time.process_time()
        for parameters in turns:
            ask(text, parameters)
        spent = 1000 * (time.process_time() - began)
        cpu_ms[name] = spent if name == "UNWIND create" else spent / len(turns)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory_mb = pages * os.sysconf("SC_PAGE_SIZE") >> 20
    json.dump({"cpu_ms": cpu_ms, "answers": answers, "memory_mb": memory_mb}, sys.stdout)


if __name__ == "__main__":
    main()
