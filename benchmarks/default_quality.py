"""What somebody gets who changes nothing: data sets through the service with the API's defaults, beside the floors.

    python benchmarks/default_quality.py facebook-pages cora --seeds 0,1,2
    python benchmarks/default_quality.py cora --trials 1
    python benchmarks/default_quality.py fb15k-237 --budget 900
    python benchmarks/default_quality.py ldbc-snb-tiny --by-time

starts a service of its own, and takes each data set of ``datasets.py`` from its export through data processing, a
search of two trials and the deployment of an endpoint. Prints seconds from the start of processing until the endpoint
answers, CPU seconds, how busy the machine was, the figures of what was deployed, and every floor that has a better one.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from datasets import DATASETS, write_dataset

from workflow.client import Workflow, start_service
from workflow.storage import S3Uri

SHOWN = ("mrr", "hits@10", "auc", "acc", "F1", "roc_auc", "average_precision", "rmse", "mae")
MINIMISED = ("rmse", "mae")


def measure(
    name: str, seed: int, trials: int | None, by_time: bool = False, budget: int | None = None
) -> dict[str, Any]:
    """Deploy the default model of one data set.

    Returns:
        ``metrics`` of the model, ``seconds``, ``cpu_s`` and ``load``, the machine's mean load over a minute at the end.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(prefix="quality-") as folder:
        export = Path(folder) / "export"
        write_dataset(name, export, by_time)
        service = start_service(Path(folder) / "home", environ={"DESPINA_SEED": str(seed)})
        try:
            wf = Workflow(service.url)
            source = S3Uri.parse("s3://despina/input")
            for file in sorted(path for path in export.rglob("*") if path.is_file()):
                wf.storage.write(source / str(file.relative_to(export)), file.read_bytes())
            began = time.monotonic()
            processed = wf.wait(wf.dataprocessing(str(source)), timeout_s=3600)
            asked = {} if trials is None else {"maxHPONumberOfTrainingJobs": trials, "maxHPOParallelTrainingJobs": 1}
            if budget is not None:
                asked["maxHPOTimeInSeconds"] = budget
            answer = wf.connection.call(
                "start_ml_model_training_job",
                dataProcessingJobId=processed.id,
                trainModelS3Location=str(wf.bucket / "training"),
                **asked,
            )
            trained = wf.wait(wf.status("modeltraining", answer["id"]), timeout_s=3600)
            wf.wait(wf.endpoint(trained))
            seconds, metrics = time.monotonic() - began, wf.metrics(trained)
        finally:
            service.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = sum(getattr(after, of) - getattr(before, of) for of in ("ru_utime", "ru_stime"))
    return {
        "metrics": metrics,
        "seconds": seconds,
        "cpu_s": cpu_s,
        "load": os.getloadavg()[0],
        "warnings": list(trained.warnings),
    }


def losses(metrics: dict[str, Any], split: str) -> list[str]:
    """The floors that beat what was deployed on a split, and in which figures."""
    own, found = metrics["splits"].get(split, {}), []
    for floor, figures in metrics["floors"].get(split, {}).items():
        for name in SHOWN:
            if name in own and name in figures:
                gap = (own[name] - figures[name]) if name in MINIMISED else (figures[name] - own[name])
                if gap > 1e-9:
                    found.append(f"{floor} {name} {figures[name]:.4f}")
    return found


def line(figures: dict[str, float]) -> str:
    """The figures that people speak of, in one line."""
    return "  ".join(f"{name} {figures[name]:.4f}" for name in SHOWN if name in figures)


def main() -> None:
    """Measure the data sets that are named, every seed for itself, and the mean over seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME", help=", ".join(DATASETS))
    parser.add_argument("--seeds", default="0", help="comma-separated")
    parser.add_argument("--trials", type=int, help="how many, one after the other; the API's default where not given")
    parser.add_argument("--budget", type=int, help="seconds of all trials together, after which none trains on")
    parser.add_argument("--by-time", action="store_true", help="split by the times of a data set that has some")
    arguments = parser.parse_args()
    for name in arguments.names:
        tests: list[dict[str, float]] = []
        for seed in (int(text) for text in arguments.seeds.split(",")):
            found = measure(name, seed, arguments.trials, arguments.by_time, arguments.budget)
            metrics = found["metrics"]
            print(
                f"{name}, seed {seed}: {found['seconds']:.0f} s, {found['cpu_s']:.0f} CPU s, load {found['load']:.1f}",
                flush=True,
            )
            for split, figures in metrics["splits"].items():
                lost = losses(metrics, split)
                print(f"  {split}: {line(figures)}" + (f"; better: {', '.join(lost)}" if lost else ""))
            for floor, figures in metrics["floors"].get("test", {}).items():
                print(f"    {floor}: {line(figures)}")
            for text in found["warnings"]:
                print(f"  warning: {text}")
            tests.append(metrics["splits"].get("test", {}))
        if len(tests) > 1:
            shared = [key for key in SHOWN if all(key in figures for figures in tests)]
            print(f"{name}, mean: {line({key: sum(f[key] for f in tests) / len(tests) for key in shared})}", flush=True)


if __name__ == "__main__":
    main()
