"""The container contract: where things lie, what arrives as hyperparameters, how a job fails and tells its progress."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training_scripts.graph_ml.container import Container, JobError, ProgressWriter, run


def container(base: Path, **environ: str) -> Container:
    return Container.from_environment({"SAGEMAKER_BASE_DIR": str(base), **environ})


def test_folders_are_below_opt_ml_unless_they_are_moved(tmp_path: Path) -> None:
    plain = Container.from_environment({})
    assert plain.channel("train") == Path("/opt/ml/input/data/train")
    assert plain.processing("input") == Path("/opt/ml/processing/input")
    moved = container(tmp_path, SM_CHANNEL_TRAIN="/data", SM_MODEL_DIR="/m", SM_OUTPUT_DIR="/o")
    assert (moved.channel("train"), moved.model, moved.output) == (Path("/data"), Path("/m"), Path("/o"))
    assert moved.checkpoints == tmp_path / "checkpoints"


def test_arguments_win_over_the_file_and_instructions_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "input/config/hyperparameters.json"
    path.parent.mkdir(parents=True)
    document = {
        "lr": "0.1",
        "model": '"rgcn"',
        "sagemaker_program": "train.py",
        "_tuning_objective_metric": "x",
        "n": 3,
    }
    path.write_text(json.dumps(document))
    given = container(tmp_path).hyperparameters(["--num-hidden", "64", "--lr=-0.5", "--flag", "--low", "-1"])
    assert given == {"lr": "-0.5", "model": "rgcn", "n": "3", "num-hidden": "64", "flag": "true", "low": "-1"}


def test_a_stray_argument_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="'64' does not begin with --"):
        container(tmp_path).hyperparameters(["64"])


def test_a_job_that_ends_well_leaves_no_failure(tmp_path: Path) -> None:
    assert run(lambda job: None, {"SAGEMAKER_BASE_DIR": str(tmp_path)}) == 0
    assert not (tmp_path / "output").exists()


def test_a_mistake_of_the_user_is_told_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(job: Container) -> None:
        raise JobError("do this instead")

    assert run(fail, {"SAGEMAKER_BASE_DIR": str(tmp_path)}) == 1
    assert (tmp_path / "output/failure").read_text() == "do this instead"
    assert (tmp_path / "output/message").read_text() == "do this instead"
    assert capsys.readouterr().err == "do this instead\n"


def test_a_mistake_of_ours_is_told_with_its_type_and_cut_to_1024_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(job: Container) -> None:
        raise KeyError("x" * 2000)

    assert run(fail, {"SAGEMAKER_BASE_DIR": str(tmp_path)}) == 1
    reason = (tmp_path / "output/failure").read_text()
    assert reason.startswith("KeyError: 'xxx")
    assert len(reason) == 1024
    assert "Traceback" in capsys.readouterr().err


def test_progress_is_whole_json_with_all_fields_and_keeps_the_metric(tmp_path: Path) -> None:
    write = ProgressWriter(tmp_path / "output/progress.json", interval_s=0)
    write("training", 1, 4, ("mrr", 0.25))
    write("training", 2, 4)
    found = json.loads((tmp_path / "output/progress.json").read_text())
    assert set(found) == {"phase", "step", "total", "metric", "eta_s", "updated_ms"}
    assert (found["phase"], found["step"], found["total"]) == ("training", 2, 4)
    assert found["metric"] == {"name": "mrr", "value": 0.25}
    assert found["eta_s"] >= 0
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["progress.json"]


def test_progress_is_not_written_at_every_step(tmp_path: Path) -> None:
    write = ProgressWriter(tmp_path / "progress.json", interval_s=3600)
    for step in range(5):
        write("reading", step, 9)
    assert json.loads((tmp_path / "progress.json").read_text())["step"] == 0
    write("reading", 9, 9)
    assert json.loads((tmp_path / "progress.json").read_text())["step"] == 9


def test_a_metric_line_is_name_equals_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    container(tmp_path).metric("validation mrr", 0.125)
    assert capsys.readouterr().out == "validation mrr=0.125\n"
