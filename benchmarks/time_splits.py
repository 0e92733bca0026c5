"""What a split by time says beside a random one: the same data set, the same default model, both splits.

    python benchmarks/time_splits.py ldbc-snb-tiny movielens-latest-small

starts a service of its own for each split, takes the data set from its export through data processing, one trial and
the deployment of an endpoint, and prints the figures of the model and of the best floor side by side, with what the
report says of the difference. Data sets are those of ``datasets.py`` that have times.
"""

from __future__ import annotations

import argparse
from typing import Any

from default_quality import MINIMISED, SHOWN, measure

DEFAULTS = ("ldbc-snb-tiny", "movielens-latest-small")
SPLITS = {"random": False, "by time": True}
TOLD = "of the links that are judged"


def best_floor(metrics: dict[str, Any], split: str, name: str) -> str:
    """The best floor of a figure, with it; nothing where none has it."""
    found = {floor: figures[name] for floor, figures in metrics["floors"].get(split, {}).items() if name in figures}
    if not found:
        return ""
    best = (min if name in MINIMISED else max)(found, key=lambda floor: found[floor])
    return f"{found[best]:.4f} ({best})"


def main() -> None:
    """Measure the data sets that are named, and print both splits beside each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=DEFAULTS, metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.names:
        found = {words: measure(name, arguments.seed, 1, by_time) for words, by_time in SPLITS.items()}
        print(f"{name}, seed {arguments.seed}")
        for words, one in found.items():
            print(f"  {words}: {one['seconds']:.0f} s, {one['cpu_s']:.0f} CPU s, load {one['load']:.1f}")
        print(f"  {'':8}{'figure':10}" + "".join(f"{words:>10}  {'best floor':24}" for words in SPLITS))
        for split in ("valid", "test"):
            shared = [f for f in SHOWN if all(f in one["metrics"]["splits"].get(split, {}) for one in found.values())]
            for figure in shared:
                cells = (
                    f"{one['metrics']['splits'][split][figure]:>10.4f}  {best_floor(one['metrics'], split, figure):24}"
                    for one in found.values()
                )
                print(f"  {split:8}{figure:10}" + "".join(cells))
        for note in found["by time"]["metrics"]["notes"]:
            if note.startswith(TOLD):
                print(f"  {note}")
        print(flush=True)


if __name__ == "__main__":
    main()
