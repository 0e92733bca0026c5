"""What running a job means: plan, look for an equal finished one, run, and say what came out."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training_scripts.graph_ml.schemas import files
from workflow.errors import BadRequest, InvalidParameter
from workflow.jobs import lookup, reuse
from workflow.jobs.model import JobRecord
from workflow.jobs.store import JobStore
from workflow.jobs.work import Outcome
from workflow.neptune.requests import CustomTransform, StartDataProcessing, StartModelTraining, StartModelTransform
from workflow.runners.base import Control, Ended, Runner, Task
from workflow.stages import custom, dataprocessing, estimates, modeltraining, modeltransform
from workflow.stages.base import Finished
from workflow.storage import ObjectNotFound, S3Uri, Storage
from workflow.tuning.results import Tuned
from workflow.tuning.space import AUTO

_log = logging.getLogger(__name__)

ARCHIVE = "model.tar.gz"


@dataclass(frozen=True)
class Execution:
    """Runs processing, training and transform jobs, for the supervisor.

    Attributes:
        seed: of every job.
        scripts: hashed, because other code gives other results.
        reuse: take the result of a finished equal job.
        custom_code: below which addresses the scripts of custom models may be run.
    """

    store: JobStore
    storage: Storage
    runner: Runner
    scripts: Path
    seed: int = 0
    reuse: bool = True
    custom_code: tuple[S3Uri, ...] = ()

    def run(self, job: JobRecord, control: Control) -> Outcome:
        """Raises JobFailed, JobCancelled, or what refuses the plan."""
        match job.kind:
            case "dataprocessing":
                outcome = self._process(job, control)
            case "modeltraining":
                outcome = self._train(job, control)
            case "modeltransform":
                outcome = self._transform(job, control)
            case _:
                raise ValueError(f"{job.kind} is not run to an end")
        written = sum(info.size for info in self.storage.list(own_place(job)))
        return dataclasses.replace(outcome, result={**outcome.result, "size_bytes": written})

    def is_ready(self, job: JobRecord) -> bool:
        """Jobs wait for nothing but their turn: what they build on was finished when they were accepted."""
        return True

    def clear(self, job: JobRecord) -> None:
        """Forget the working files."""
        self.runner.discard(working_folder(job))

    def clean(self, job: JobRecord) -> None:
        """Delete the folder of a job's name below the output location of its request, and nothing beside it."""
        place = own_place(job)
        count = self.storage.delete(place)
        _log.info("%s %s: removed %d objects below %s", job.kind, job.id, count, place)

    def _process(self, job: JobRecord, control: Control) -> Outcome:
        request = StartDataProcessing.model_validate(job.request)
        previous = lookup.finished(self.store, "dataprocessing", request.previous_id) if request.previous_id else None
        task = dataprocessing.plan(request, job.names, previous, self.seed)
        size = sum(info.size for info in self.storage.list(S3Uri.parse(request.input_location)))
        outcome = self._run_task(job, task, control, estimates.processing_needs(size))
        return dataclasses.replace(
            outcome, result={**outcome.result, "warnings": self._warnings(S3Uri.parse(job.names["output"]))}
        )

    def _transform(self, job: JobRecord, control: Control) -> Outcome:
        request = StartModelTransform.model_validate(job.request)
        processing, archive, model = transform_inputs(self.store, request)
        own = custom_transform(self.store, request, self.custom_code)
        task = modeltransform.plan(request, job.names, processing, archive, own)
        outcome = self._run_task(job, task, control, training_needs(self.storage, processing))
        return dataclasses.replace(outcome, result={**outcome.result, "models": [model]})

    def _run_task(self, job: JobRecord, task: Task, control: Control, needs: estimates.Needs) -> Outcome:
        contents = {
            place: reuse.fingerprint(self.storage, uri) for place, uri in {**task.inputs, **task.archives}.items()
        }
        digest = reuse.inputs_hash(job.kind, {"arguments": dict(task.arguments)}, {**contents, "code": self._code()})
        equal = self._equal(job, digest)
        if equal is not None:
            return equal
        ended = self.runner.run(task, control)
        return Outcome(_measured(ended, needs), digest)

    def _train(self, job: JobRecord, control: Control) -> Outcome:
        request = StartModelTraining.model_validate(job.request)
        processing = lookup.finished(self.store, "dataprocessing", request.processing_id)
        previous = lookup.finished(self.store, "modeltraining", request.previous_id) if request.previous_id else None
        search = training_configuration(self.storage, processing, request, self.custom_code)
        needs = training_needs(self.storage, processing)
        nodes, edges = self._graph_size(processing)
        capacity, wanted = self.runner.capacity(), min(request.max_parallel, request.max_trials)
        parallel = estimates.trials_at_once(wanted, needs, capacity.memory_bytes, capacity.processors)
        tuning = modeltraining.plan(
            request,
            job.names,
            processing,
            search.model,
            previous,
            self.seed,
            nodes=nodes,
            edges=edges,
            parallel=parallel,
        )
        facts = {
            "arguments": dict(tuning.arguments),
            "trials": tuning.trials,
            "parallel": tuning.parallel,
            "model": request.model_name,
            "previous": [trial.to_json() for trial in tuning.previous],
        }
        contents = {"train": reuse.fingerprint(self.storage, tuning.channel), "code": self._code()}
        if tuning.code is not None:
            contents["custom"] = reuse.fingerprint(self.storage, tuning.code)
        digest = reuse.inputs_hash(job.kind, facts, contents)
        equal = self._equal(job, digest)
        if equal is not None:
            return equal
        tuned = self.runner.tune(tuning, control)
        fewer = [f"{parallel} and not {wanted} trials run at once: the machine has no room for more"]
        result = trained_result(tuned, tuning.metric, [*search.warnings, *(fewer if parallel < wanted else ())])
        return Outcome({**result, "estimate": needs.to_json()}, digest)

    def _equal(self, job: JobRecord, digest: str) -> Outcome | None:
        """The outcome of a finished equal job whose output is still there, copied to where this job's belongs."""
        if not self.reuse:
            return None
        for other in self.store.completed_with_hash(job.kind, digest):
            source, target = S3Uri.parse(other.names["output"]), S3Uri.parse(job.names["output"])
            if other.id != job.id and reuse.copy_prefix(self.storage, source, target):
                _log.info("%s %s takes the result of the equal job %s", job.kind, job.id, other.id)
                return Outcome(other.result, digest, other.reused_from or other.id)
        return None

    def _warnings(self, output: S3Uri) -> list[str]:
        """What data processing found worth knowing before anything is trained on its graph."""
        try:
            return [str(text) for text in json.loads(self.storage.read(output / files.MANIFEST)).get("warnings", [])]
        except (ObjectNotFound, ValueError):
            return []

    def _graph_size(self, processing: Finished) -> tuple[int, int]:
        try:
            return modeltraining.graph_size(self.storage.read(processing.output / files.MANIFEST))
        except ObjectNotFound:
            return 0, 0

    def _code(self) -> str:
        return reuse.code_fingerprint(self.scripts)


def own_place(job: JobRecord) -> S3Uri:
    """The folder of a job's name below the output location of its request, where all that it writes lies."""
    output = S3Uri.parse(job.names["output"])
    return output if job.kind == "export" else S3Uri(output.bucket, output.key.rpartition("/")[0])


def working_folder(job: JobRecord) -> str:
    """The name under which the runner keeps a job's working files."""
    return job.names.get("work") or job.names["name"]


def training_needs(storage: Storage, processing: Finished) -> estimates.Needs:
    """What a trial over a processing output will want, by the output's own estimate where it has one."""
    size = sum(info.size for info in storage.list(processing.output))
    try:
        return estimates.training_needs(size, storage.read(processing.output / files.RECOMMENDATION))
    except ObjectNotFound:
        return estimates.training_needs(size)


def training_configuration(
    storage: Storage, processing: Finished, request: StartModelTraining, custom_code: Sequence[S3Uri]
) -> modeltraining.SearchFile:
    """The search space of a request: that of its data, or a custom model's own.

    Raises what ``read_configuration`` raises; UnsupportedOperation for scripts that must not be run, BadRequest where
    the folder of a custom model lacks a file.
    """
    custom.check_request(request)
    if request.custom is None:
        return read_configuration(storage, processing, request.model_name)
    source = custom.source_of(request.custom, custom_code)
    custom.check_folder(source, custom.training_files(request.custom), storage.exists)
    place = source / custom.CONFIGURATION
    return modeltraining.SearchFile(modeltraining.read_configuration(storage.read(place), place))


def custom_transform(
    store: JobStore, request: StartModelTransform, custom_code: Sequence[S3Uri]
) -> CustomTransform | None:
    """Whose transform script is run: the request's, else that of the training job; None for the service's own.

    Raises UnsupportedOperation for scripts that must not be run, InvalidParameter for scripts of no custom model.
    """
    if request.training_job_name:
        training, _ = lookup.trial_archive(store, request.training_job_name)
    else:
        training = lookup.finished(store, "modeltraining", request.training_id or "")
    trained = StartModelTraining.model_validate(training.request).custom
    own = request.custom
    if trained is None:
        if own is not None:
            raise InvalidParameter(
                f"The model of {training.id!r} is no custom one; leave customModelTransformParameters out."
            )
        return None
    if own is None:
        own = CustomTransform(source=trained.source, transform_script=trained.transform_script)
    custom.source_of(own, custom_code)
    return own


def read_configuration(
    storage: Storage, processing: Finished, model_name: str | None = None
) -> modeltraining.SearchFile:
    """The search space of a processing output as it is now: users edit it there.

    Args:
        model_name: of the request. While the file is as data processing wrote it, the name picks the template of that
            model; an edited file wins over the name, as the user guide has it.

    Raises BadRequest for a file that is missing or broken, InvalidParameter for a model that does not fit the data.
    """
    place, data = _configuration_file(storage, processing)
    search = modeltraining.examined(data, place)
    folder = processing.output / modeltraining.TEMPLATES
    templates = {info.uri.name.removesuffix(".json"): info.uri for info in storage.list(folder)} if model_name else {}
    there = modeltraining.families(search.model)
    if model_name is None:
        return search
    if not any(storage.read(uri) == data for uri in templates.values()):
        if model_name in (*there, AUTO):
            return search
        said = f"modelName {model_name!r} had no effect: {place.name} was edited, and names {', '.join(there)}"
        return modeltraining.SearchFile(search.model, (*search.warnings, said))
    if model_name in templates:
        uri = templates[model_name]
        return modeltraining.examined(storage.read(uri), uri)
    if model_name in there:
        return search
    fitting = ", ".join(sorted({*templates, *there}))
    raise InvalidParameter(f"modelName {model_name!r} does not fit this data; these do: {fitting}.")


def _configuration_file(storage: Storage, processing: Finished) -> tuple[S3Uri, bytes]:
    for name in modeltraining.CONFIGURATION_NAMES:
        try:
            return processing.output / name, storage.read(processing.output / name)
        except ObjectNotFound:
            continue
    expected = processing.output / modeltraining.CONFIGURATION_NAMES[0]
    raise BadRequest(f"{expected} is missing; run data processing again, or put the file back")


def transform_inputs(store: JobStore, request: StartModelTransform) -> tuple[Finished, S3Uri, str]:
    """The data, the model archive and the model's name of a transform. Raises UnusableJob, NotCompleted, BadRequest."""
    trained = store.find("modeltraining", request.training_id) if request.training_id else None
    if trained is not None and "pipeline" in trained.request:
        name = trained.request["pipeline"]["model"]
        raise BadRequest(
            f"{request.training_id!r} is a trained pipeline: its model {name!r} meets newer data when it is deployed "
            "over a graph that is projected then (despina.ml.deploy)"
        )
    if request.training_job_name:
        training, archive = lookup.trial_archive(store, request.training_job_name)
        name = request.training_job_name
    else:
        assert request.training_id is not None
        training = lookup.finished(store, "modeltraining", request.training_id)
        archive, name = training.output / ARCHIVE, str(training.result.get("best", training.id))
    processing_id = request.processing_id or str(training.request["dataProcessingJobId"])
    return lookup.finished(store, "dataprocessing", processing_id), archive, name


def _measured(ended: Ended, needs: estimates.Needs) -> dict[str, Any]:
    return {
        "wall_s": round(ended.wall_s, 3),
        "peak_memory_bytes": ended.peak_memory_bytes,
        "estimate": needs.to_json(),
        "message": ended.message,
    }


def trained_result(tuned: Tuned, metric: str, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """What is kept of a search that found a model."""
    return {
        "trials": [trial.to_json() for trial in tuned.trials],
        "best": tuned.best.name,
        "metric": {"name": f"{tuned.best.judged_on}_{metric}", "value": tuned.best.value},
        "metrics": dict(tuned.best.metrics),
        "verdict": tuned.verdict,
        "warnings": [*warnings, *tuned.best.warnings],
        "models_compared": list(dict.fromkeys(trial.family for trial in tuned.trials)),
        "wall_s": round(tuned.wall_s, 3),
        "peak_memory_bytes": tuned.peak_memory_bytes,
    }
