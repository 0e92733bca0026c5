"""Run by a Python that has graph-notebook: its published helper reads what was exported into a folder.

Arguments: the folder, and the name of a training job. Storage and HTTP are stood in for, since the helper insists on S3
and TLS; everything that it reads and computes is its own. Prints one JSON object.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import types
from pathlib import Path

import graph_notebook

FOLDER, JOB = Path(sys.argv[1]), sys.argv[2]


class S3Downloader:
    """SageMaker's, for a folder."""

    @staticmethod
    def download(uri: str, to: str) -> None:
        source = Path(uri)
        target = Path(to)
        target.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


sagemaker, s3 = types.ModuleType("sagemaker"), types.ModuleType("sagemaker.s3")
s3.S3Downloader = S3Downloader  # type: ignore[attr-defined]
sys.modules |= {"sagemaker": sagemaker, "sagemaker.s3": s3}

published = Path(graph_notebook.__file__).parent / "notebooks/03-Neptune-ML/neptune_ml_utils.py"
spec = importlib.util.spec_from_file_location("neptune_ml_utils", published)
assert spec is not None
assert spec.loader is not None
helper = importlib.util.module_from_spec(spec)
spec.loader.exec_module(helper)
helper.get_neptune_ml_job_output_location = lambda job_name, job_type: str(FOLDER)

told = {
    "embeddings": helper.get_embeddings(JOB, "downloaded").tolist(),
    "predictions": helper.get_predictions(JOB, "downloaded").tolist(),
    "classes": helper.get_predictions(JOB, "downloaded", class_preds=True).tolist(),
    "metrics": helper.get_performance_metrics(JOB, "downloaded"),
}
sys.stdout.write(json.dumps(told))
