"""What the tiny stand-ins for the training scripts do when a test asks for trouble.

``behaviour.json`` beside the data says it: ``{"train": {"sleep_s": 1, "fail": "why", "kill": 9, "exit": 3, …}}``, with
``"models"`` restricting it to trials of some families.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def arguments() -> dict[str, str]:
    rest = sys.argv[1:]
    return {rest[i].removeprefix("--"): rest[i + 1] for i in range(0, len(rest), 2)}


def progress(phase: str, step: int, total: int) -> None:
    path = BASE / "output" / "progress.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    document = {"phase": phase, "step": step, "total": total, "metric": None, "eta_s": None, "updated_ms": 1}
    partial.write_text(json.dumps(document))
    partial.replace(path)


def misbehave(stage: str, folder: Path, model: str = "") -> None:
    path = folder / "behaviour.json"
    asked = json.loads(path.read_text()).get(stage, {}) if path.exists() else {}
    if asked.get("models") and model not in asked["models"]:
        return
    print(f"{stage} begins", flush=True)  # noqa: T201
    if asked.get("ignore_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if asked.get("spawn"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (BASE / "grandchild").write_text(str(child.pid))
    if asked.get("memory_mb"):
        globals()["_held"] = bytearray(os.urandom(1024)) * (1024 * asked["memory_mb"])
    deadline = time.time() + asked.get("sleep_s", 0)
    while time.time() < deadline:
        progress(stage, 1, 2)
        time.sleep(0.02)
    if asked.get("fail"):
        (BASE / "output").mkdir(parents=True, exist_ok=True)
        (BASE / "output" / "failure").write_text(asked["fail"])
        sys.exit(1)
    if asked.get("print"):
        print(asked["print"], flush=True)  # noqa: T201
    if asked.get("checkpoints"):
        # it gets one further each time, until there are enough
        kept = BASE / "checkpoints" / "so-far"
        kept.parent.mkdir(parents=True, exist_ok=True)
        so_far = 1 + int(kept.read_text() if kept.exists() else 0)
        if so_far < asked["checkpoints"]:
            kept.write_text(str(so_far))
            os.kill(os.getpid(), signal.SIGKILL)
    if asked.get("kill"):
        os.kill(os.getpid(), asked["kill"])
    if "exit" in asked:
        sys.exit(asked["exit"])
