"""Putting a trained model where a stage's output belongs: the archive, and beside it the files that clients read."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

from training_scripts.graph_ml.schemas import files
from workflow.runners.bundle import pack
from workflow.storage import S3Uri, Storage

ARCHIVE = "model.tar.gz"
#: where SageMaker puts the event files of a training job, below its name
TENSORBOARD = "tensorboard-output"
METRICS = files.METRICS
EVAL_METRICS = "eval_metrics_info.json"  # Neptune's name for the validation figures
TEST_METRICS = "test_metrics_info.json"
#: a comment in the report of a model, and what stands there once the report of its trials lies beside it
TRIALS_MARK, TRIALS_LINK = "<!-- trials -->", f'<p><a href="{files.REPORT}">All trials of this search</a></p>'
_CODE = ("inference.py", "serve.py", "graph_ml", "requirements.txt")  # the last where an image needs it


def pack_model(model: Path, scripts: Path, archive: Path) -> None:
    """``model.tar.gz`` of a model folder, with the code that serves it where the model did not bring its own."""
    code = model / "code"
    if not code.exists():
        code.mkdir()
        for name in _CODE:
            source = scripts / name
            if source.is_dir():
                shutil.copytree(source, code / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif source.is_file():
                shutil.copyfile(source, code / name)
    pack(model, archive)


def publish_model(
    model: Path, scripts: Path, storage: Storage, output: S3Uri, extras: Mapping[str, str | Path] | None = None
) -> None:
    """Write archive and artefacts of a model below an address.

    Args:
        model: the model folder as training or transform left it.
        extras: relative name to a text or a file, written beside (a ``report.html`` takes the place of the model's own,
            which is then found as ``model-report.html`` and leads to it).
    """
    with tempfile.TemporaryDirectory(dir=model.parent) as temporary:
        staged = Path(temporary) / "output"
        shutil.copytree(model, staged, ignore=_not_published)
        pack_model(model, scripts, staged / ARCHIVE)
        for name, splits in ((EVAL_METRICS, ("valid", "validation")), (TEST_METRICS, ("test",))):
            figures = _figures(model / METRICS, splits)
            if figures and not (staged / name).exists():
                (staged / name).write_text(json.dumps(figures, indent=2), encoding="utf-8")
        for name, content in (extras or {}).items():
            target = staged / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if name == files.REPORT and target.exists():
                own = target.read_text(encoding="utf-8").replace(TRIALS_MARK, TRIALS_LINK)
                (staged / "model-report.html").write_text(own, encoding="utf-8")
            if isinstance(content, Path):
                shutil.copyfile(content, target)
            else:
                target.write_text(content, encoding="utf-8")
        # whoever sees the archive sees everything else too
        storage.upload(staged, output)


def _not_published(folder: str, names: list[str]) -> list[str]:
    """The code, which the archive has, and what is neither file nor folder: links, pipes, sockets."""
    kinds = {name: Path(folder, name) for name in names}
    return [
        name
        for name, path in kinds.items()
        if name in ("code", "__pycache__") or path.is_symlink() or not (path.is_file() or path.is_dir())
    ]


def read_metrics(model: Path) -> dict[str, Any]:
    """``metrics.json`` of a model folder, ``{}`` where it has none that can be read."""
    try:
        document = json.loads((model / METRICS).read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number, as an objective must be."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def standard_error(document: Mapping[str, Any]) -> float:
    """The standard error of the value of a metrics document; 0 where it says none."""
    error = document.get("value_error")
    return float(error) if is_number(error) else 0.0


def flat_metrics(document: Mapping[str, Any]) -> dict[str, float]:
    """Every number of a metrics document under a dotted name, split first: ``valid.mrr``."""
    flat: dict[str, float] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else str(name), inner)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[prefix] = float(value)

    walk("", document.get("splits", {}) if "splits" in document else document)
    return flat


def _figures(path: Path, splits: tuple[str, ...]) -> dict[str, Any]:
    document = read_metrics(path.parent)
    by_split = document.get("splits", {})
    return next((dict(by_split[split]) for split in splits if split in by_split), {})
