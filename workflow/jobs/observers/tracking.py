"""Training jobs as runs of MLflow: parameters, metrics and artefacts, with a run below each for every trial.

Source of the tags: MLflow's documentation of the tracking API.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workflow.jobs.model import LIVES, JobRecord
from workflow.storage import S3Uri, Storage

EXPERIMENT = "despina"
ARTEFACTS = (".html", ".json")  # reports and figures; models stay where they are
MOST_BYTES = 16 * 1024 * 1024
AT_ONCE = 100  # parameters in one call


class MlflowRuns:
    """Writes ended training jobs to a tracking server, or a folder.

    Args:
        uri: of the tracking server.
        storage: where artefacts of jobs lie.

    Raises ImportError without mlflow.
    """

    def __init__(self, uri: str, storage: Storage) -> None:
        from mlflow.tracking import MlflowClient

        self._client, self._storage = MlflowClient(tracking_uri=uri), storage

    def began(self, job: JobRecord) -> None:
        """Nothing: a run is written when its job has ended, so that a restart makes no second one."""

    def ended(self, job: JobRecord) -> None:
        """Write a training job, its trials and its reports."""
        if job.kind != "modeltraining":
            return
        found = self._client.get_experiment_by_name(EXPERIMENT)
        experiment = self._client.create_experiment(EXPERIMENT) if found is None else found.experiment_id
        trials = [trial for trial in job.result.get("trials", ()) if isinstance(trial, Mapping)]
        best = next((trial for trial in trials if trial.get("name") == job.result.get("best")), None)
        ended_ms = job.ended_ms or int(time.time() * 1000)
        run = self._run(experiment, job.id, job.started_ms or job.created_ms, {"despina.output": job.names["output"]})
        request = {name: value for name, value in job.request.items() if not isinstance(value, dict | list)}
        self._log(
            run, {**request, **(best or {}).get("hyperparameters", {})}, (best or {}).get("metrics", {}), ended_ms
        )
        for trial in trials:
            child = self._run(
                experiment, str(trial["name"]), job.started_ms or job.created_ms, {"mlflow.parentRunId": run}
            )
            value = {} if trial.get("value") is None else {"objective": trial["value"]}
            self._log(child, trial.get("hyperparameters", {}), {**trial.get("metrics", {}), **value}, ended_ms)
            self._client.set_terminated(child, _status(str(trial.get("state"))), ended_ms)
        with tempfile.TemporaryDirectory() as folder:
            if list(self._fetched(job, Path(folder))):
                self._client.log_artifacts(run, folder)
        done = job.state == LIVES[job.kind].done
        self._client.set_terminated(run, "FINISHED" if done else _status(job.state), ended_ms)

    def _run(self, experiment: str, name: str, start_ms: int, tags: Mapping[str, str]) -> str:
        run = self._client.create_run(experiment, start_time=start_ms, run_name=name, tags=dict(tags))
        return str(run.info.run_id)

    def _log(self, run: str, parameters: Mapping[str, Any], metrics: Mapping[str, Any], moment_ms: int) -> None:
        from mlflow.entities import Metric, Param

        told = [Param(name, str(value)[:500]) for name, value in parameters.items()]
        numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
        figures = [Metric(name, float(value), moment_ms, 0) for name, value in numbers.items()]
        for start in range(0, len(told), AT_ONCE):
            self._client.log_batch(run, params=told[start : start + AT_ONCE])
        self._client.log_batch(run, metrics=figures)

    def _fetched(self, job: JobRecord, folder: Path) -> Iterator[Path]:
        """The reports and figures of a job, in a folder."""
        output = S3Uri.parse(job.names["output"])
        for info in self._storage.list(output):
            beside = "/" not in info.uri.key.removeprefix(output.key).strip("/")
            if beside and info.uri.name.endswith(ARTEFACTS) and info.size <= MOST_BYTES:
                (folder / info.uri.name).write_bytes(self._storage.read(info.uri))
                yield folder / info.uri.name


def _status(state: str) -> str:
    return {"Completed": "FINISHED", "Stopped": "KILLED"}.get(state, "FAILED")
