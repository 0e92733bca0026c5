"""How much memory of its own training takes in a graph that is larger than what it may have.

    python benchmarks/training_memory.py WORKDIR [--vertices 1000000] [--edges 10000000] [--limit MB] [--links]

Writes the export of ``processing.py``, processes it once, and trains in a process of its own: a class of the vertices,
or with ``--links`` the links themselves, for a few steps (``--NAME VALUE`` are hyperparameters). With ``--transform``
the model is carried over to the same graph. Prints seconds of the processor and of the clock, and memory at the peak,
of all and of what is mapped from no file, phase by phase. With ``--limit`` a process that has more of its own is ended,
and the exit status is 1.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from processing import MB, SCRIPTS, Cost, processed, write_export

#: a short training: what is learned does not matter here
SHORT = {"num-epochs": "1", "max-seconds": "20"}
MODELS = {False: "graphsage", True: "pair-ranker"}


def watched(command: Sequence[str], base: Path, most: int | None) -> Cost:
    """Run a command to its end, and print each phase with the memory of its own that it had at most.

    Raises:
        SystemExit: it failed, or had more memory of its own than it may have.
    """
    environ = {**os.environ, "SAGEMAKER_BASE_DIR": str(base), "SM_CHANNEL_TRAIN": str(base / "processing" / "output")}
    began, own = time.monotonic(), 0
    shown = base / "output" / "progress.json"
    phase, in_phase = "", 0
    child = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    memory = Path(f"/proc/{child.pid}/status")
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        found = re.search(r"RssAnon:\s*([0-9]+)", memory.read_text())
        now = int(found[1]) * 1024 if found else 0
        told = re.search(r'"phase": *"([^"]*)"', shown.read_text()) if shown.exists() else None
        if told is not None and told[1] != phase:
            if phase:
                print(f"    {phase}: {in_phase / MB:.0f} MB", flush=True)
            phase, in_phase = told[1], 0
        own, in_phase = max(own, now), max(in_phase, now)
        if most is not None and own > most:
            child.kill()
        time.sleep(0.02)
    print(f"    {phase}: {in_phase / MB:.0f} MB", flush=True)
    if status:
        raise SystemExit(
            f"{command[1]} ended with status {os.waitstatus_to_exitcode(status)}, {own / MB:.0f} MB its own"
        )
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss * 1024, own)


def main() -> None:
    """Make the graph where it is missing, train, transform, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--vertices", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--links", action="store_true")
    parser.add_argument("--model", help="a family; graphsage, or with --links pair-ranker, where it is not given")
    parser.add_argument("--transform", action="store_true")
    parser.add_argument("--limit", type=int, metavar="MB")
    given, more = parser.parse_known_args()
    kind = "links" if given.links else "class"
    export = given.workdir / f"{given.vertices}-{given.edges}-{kind}"
    base = given.workdir / f"trained-{export.name}"
    if not (base / "processing" / "output" / "manifest.json").exists():
        if not export.exists():
            unfinished = export.with_suffix(".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            write_export(unfinished, given.vertices, given.edges, given.links)
            unfinished.rename(export)
        processed(base, export, given.limit)
    model, most = given.model or MODELS[given.links], None if given.limit is None else given.limit * MB
    for folder in ("model", "output", "checkpoints"):
        shutil.rmtree(base / folder, ignore_errors=True)
    print(f"{given.vertices:,} vertices, {given.edges:,} edges, load {os.getloadavg()[0]:.1f}", flush=True)
    short = [part for name, value in SHORT.items() if f"--{name}" not in more for part in (f"--{name}", value)]
    trained = watched([sys.executable, str(SCRIPTS / "train.py"), "--model", model, *short, *more], base, most)
    print(f"train.py, {model}  {trained}", flush=True)
    if given.transform:
        again = given.workdir / f"transformed-{export.name}"
        shutil.rmtree(again, ignore_errors=True)
        (again / "processing").mkdir(parents=True)
        (again / "processing" / "model").symlink_to((base / "model").resolve())
        (again / "processing" / "input").symlink_to((base / "processing" / "output").resolve())
        print(f"transform.py  {watched([sys.executable, str(SCRIPTS / 'transform.py')], again, most)}")


if __name__ == "__main__":
    main()
