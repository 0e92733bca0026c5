"""More than memory: small batches write what one batch writes, and a job that is killed leaves nothing finished."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.graph_ml_data.conftest import ExportFolder, Processed, features
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.graph import EdgeType, GraphData
from training_scripts.graph_ml.processing import encoded, files, job, labels, reading, workspace
from training_scripts.graph_ml.processing import steps as steps_module
from training_scripts.graph_ml.processing.workspace import MB, Workspace

Run = Callable[..., Processed]
LIKES = EdgeType("User", "LIKES", "User")
SCRIPTS = Path(__file__).parents[3] / "training_scripts"


def user(i: int) -> str:
    return (
        f"u{i},{i * i % 37 if i % 7 else ''},t{i % 3},a{i % 4};b{i % 2},20{10 + i % 9}-0{1 + i % 9}-11,n {i},c{i % 2}\n"
    )


def whole_export(export: ExportFolder) -> None:
    """Two files of nodes of which some stand twice, edges of two files, several relations in one, many encodings."""
    columns = "~id,age,town,tags,born,note,kind\n"
    asked = features(
        ("age", "numerical", {"imputer": "mean"}),
        ("town", "category", {}),
        ("tags", "category", {"separator": ";"}),
        ("born", "datetime", {}),
        ("note", "none", {}),
    )
    label = [{"label": ["kind", "classification"], "split_rate": [0.6, 0.2, 0.2]}]
    export.node(columns + "".join(map(user, range(40))), features=asked, labels=label)
    export.node(columns + "".join(map(user, range(30, 50))), name="more.csv", features=asked, labels=label)
    link = [{"label": ["", "link_prediction"], "split_rate": [0.6, 0.2, 0.2]}]
    edges = features(("how", "category", {}), ("weight", "numerical", {}), ("why", "none", {}))
    for name, begin, end in (("likes.csv", 0, 60), ("again.csv", 60, 80)):
        rows = "".join(
            f"e{i},u{i % 50},u{(i * 7 + 1) % 50},h{i % 3},{i / 4},w {i},{i * 3 % 80}\n" for i in range(begin, end)
        )
        export.edge("~id,~from,~to,how,weight,why,at\n" + rows, LIKES, name, features=edges, labels=link)
    rows = "".join(f"{'xyz'[i % 3]},u{i % 50},u{i * 3 % 50},{i}\n" for i in range(40))
    export.edge(
        "relation,~from,~to,score\n" + rows,
        name="several.csv",
        relation=["relation", "is"],
        features=features(("score", "bucket_numerical", {"range": [0, 40], "bucket_cnt": 4})),
    )


def tree(folder: Path) -> dict[str, bytes]:
    """What was written, but for times and measured memory."""
    told = {".npy", ".arrow", ".json"}
    files = sorted(path for path in folder.rglob("*") if path.suffix in told)
    return {str(f.relative_to(folder)): f.read_bytes() for f in files if f.name != "train_instance_recommendation.json"}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes jobs look at so many rows at once, and put every array into a file."""

    def go(rows: int) -> None:
        for name, value in (("MOST_ROWS", rows), ("FEWEST_ROWS", rows), ("PARKED_BYTES", 1)):
            monkeypatch.setattr(workspace, name, value)

    return go


@pytest.mark.parametrize("rows", [7, 41])
def test_small_batches_write_the_same_bytes(
    export: ExportFolder, run: Run, tiny: Callable[[int], None], rows: int
) -> None:
    whole_export(export)
    at_once = run("whole")
    tiny(rows)
    assert tree(run("batches").output) == tree(at_once.output)
    assert len(at_once.graph.features["User"]) == 4
    assert len(at_once.graph.edge_types) == 4


def test_an_increment_in_small_batches_writes_the_same_bytes(
    export: ExportFolder, run: Run, tiny: Callable[[int], None]
) -> None:
    whole_export(export)
    before = run("before").output
    lines = (export.folder / "more.csv").read_text().splitlines(keepends=True)
    (export.folder / "more.csv").write_text("".join(lines[:-4]) + user(77))  # some are gone, one is new
    for name in ("likes.csv", "again.csv", "several.csv"):
        rows = (export.folder / name).read_text().splitlines(keepends=True)
        (export.folder / name).write_text(
            "".join(r for r in rows if not {"u46", "u47", "u48", "u49"} & {*r.split(",")})
        )
    at_once = run("whole", previous=before)
    tiny(7)
    assert tree(run("batches", previous=before).output) == tree(at_once.output)
    assert at_once.graph.gone["User"].tolist() == [46, 47, 48, 49]


@pytest.mark.parametrize(
    ("name", "row", "cell", "said"),
    [
        ("likes.csv", "e50,u0", "e50,nobody", "likes.csv, line 52: column '~from' names the node 'nobody'"),
        ("likes.csv", "e50,u0", "e50,", "likes.csv, line 52: column '~from' is empty"),
        ("again.csv", "e70,u20,u41,h1,17.5", "e70,u20,u41,h1,much", "again.csv, line 12: column 'weight' holds 'much'"),
        ("more.csv", "u45,27", "u45,old", "more.csv, line 17: column 'age' holds 'old', which is not a number"),
        ("several.csv", "x,u30", ",u30", "several.csv, line 32: column 'relation' names no relation"),
    ],
)
def test_a_mistake_in_a_late_batch_is_named_with_its_line(
    export: ExportFolder, run: Run, tiny: Callable[[int], None], name: str, row: str, cell: str, said: str
) -> None:
    whole_export(export)
    text = (export.folder / name).read_text()
    assert text.count(f"\n{row}") == 1
    (export.folder / name).write_text(text.replace(f"\n{row}", f"\n{cell}"))
    with pytest.raises(JobError) as at_once:
        run("whole")
    tiny(7)
    with pytest.raises(JobError) as batches:
        run("batches")
    assert said in str(batches.value)
    assert str(batches.value) == str(at_once.value)


def test_large_features_of_one_type_each_keep_their_own_numbers(
    export: ExportFolder, run: Run, tiny: Callable[[int], None]
) -> None:
    tiny(3)  # all are large
    rows = "".join(f"u{i},{i},{10 - i}\n" for i in range(11))
    export.node("~id,up,down\n" + rows, features=features(("up", "numerical", {}), ("down", "numerical", {})))
    export.edge("~from,~to\nu0,u1\n")
    made = run().graph.features["User"]
    assert np.allclose(made["up"].ravel(), np.arange(11) / 10)
    assert np.allclose(made["down"].ravel(), np.arange(10, -1, -1) / 10)


def test_less_memory_makes_smaller_batches(tmp_path: Path) -> None:
    rows = [Workspace.within(tmp_path, memory).rows for memory in (None, 4096 * MB, 600 * MB, 400 * MB, 1)]
    assert rows[0] == rows[1] == 1 << 20
    assert rows[1] > rows[2] > rows[3] >= rows[4] == 1 << 14


def test_a_large_array_lies_in_a_file_and_a_small_one_does_not(tmp_path: Path) -> None:
    room = Workspace(tmp_path, parked_bytes=64)
    assert not isinstance(room.array(7, np.int64), np.memmap)
    mapped = room.parked(np.arange(8))
    assert isinstance(mapped, np.memmap)
    assert room.parked(mapped) is mapped
    assert np.load(str(mapped.filename)).tolist() == list(range(8))


# One process imports everything once, and a child of it does each job: killed before its n-th step, of the files that
# are written and the phases that are told.
KILLED = """
    import os, signal, sys
    from pathlib import Path
    import jinja2, scipy.stats, sklearn.tree
    from graph_ml.graph import dgl_file, folder
    from graph_ml.processing import files, labels, reading, report, workspace
    from graph_ml.processing.job import ProcessingJob, process
    from graph_ml.schemas.base import Artefact

    dgl_file.available, report.draw = lambda: False, lambda charts: [""] * len(charts)
    workspace.MOST_ROWS, workspace.FEWEST_ROWS, workspace.PARKED_BYTES = 7, 7, 1
    source, output = map(Path, sys.argv[1:3])

    def steps(last):
        left = [last]

        def step(*_, **__):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        return step

    def child(last):
        pid = os.fork()
        if pid:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        step = steps(last)
        place, save = folder.FolderWriter._place, Artefact.save
        folder.FolderWriter._place = lambda self, name: (step(), place(self, name))[1]
        Artefact.save = lambda self, path: (step(), save(self, path))[1]
        made = []
        copied, ends, split = files._copied, reading._ends, labels._Reader.read
        files._copied = lambda *given: (made.append("file"), copied(*given))[1]
        reading._ends = lambda *given: (made.append("ends"), ends(*given))[1]
        labels._Reader.read = lambda *given: (made.append("target"), split(*given))[1]
        process(ProcessingJob(input=source, output=output), step, lambda line: None)
        print("made", *made, flush=True)
        os._exit(0)

    for last in map(int, sys.argv[3:]):
        status = child(last)
        finished = (output / "model-hpo-configuration.json").exists()
        graph = (output / "manifest.json").exists()
        print(last, status, finished, graph, flush=True)
"""


def test_a_killed_job_leaves_nothing_finished_and_the_next_goes_on(
    export: ExportFolder, run: Run, tmp_path: Path
) -> None:
    whole_export(export)
    whole = run("whole").output
    output = tmp_path / "killed"
    lasts = [0, 14, 33, 60, 80, 0]  # the first and the last are not killed
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(export.folder), str(output), *map(str, lasts)],
        cwd=SCRIPTS,
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    told, made = [line for line in lines if line[0] != "made"], [line[1:] for line in lines if line[0] == "made"]
    assert [int(row[0]) for row in told] == lasts
    killed = [row for row in told[1:-1] if row[1] == "-9"]
    assert len(killed) == 4
    assert all(row[2] == "False" for row in killed)
    assert told[-1][1:] == ["0", "True", "True"]
    assert tree(output) == tree(whole)
    assert not list(output.glob(".staging*"))
    # the first run made everything, the last nothing of what had been finished before it
    assert sorted(made[0]) == ["ends"] * 3 + ["file"] * 5 + ["target"] * 2
    assert made[1] == []
    assert GraphData.read(output).num_nodes["User"] == 50


def test_the_file_for_custom_models_is_left_out_where_memory_is_bounded(export: ExportFolder, run: Run) -> None:
    whole_export(export)
    done = run(memory=400 * MB)
    assert not (done.output / "graph.bin").exists()
    assert any(line.startswith("warning: graph.bin is not written") for line in done.log)
    assert not any("graph.bin" in line for line in run("free").log)


def test_a_bound_that_will_not_be_kept_is_told(export: ExportFolder, run: Run) -> None:
    whole_export(export)
    # libraries alone take 360 MB
    told = "warning: that is more than the 100 MB that the job may use"
    assert any(line.startswith(told) for line in run("little", memory=100 * MB).log)
    assert not any(line.startswith("warning: that is more") for line in run("enough", memory=400 * MB).log)


class Interrupted(BaseException):
    """The end of a process, as far as a test in one process can have it."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the steps that are made, not taken from an earlier run."""
    made: list[str] = []
    original = steps_module.kept

    def counted(room: Workspace, name: str, make: Callable[[], steps_module.Made]) -> steps_module.Made:
        def making() -> steps_module.Made:
            made.append(name.partition("-")[0])
            return make()

        return original(room, name, making)

    for module in (files, reading, encoded, labels, job):
        monkeypatch.setattr(module, "kept", counted)
    return made


def interrupt(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """Run a job that ends before its edges are arranged."""

    def end(*_: object) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(job, "_arranged", end)
        with pytest.raises(Interrupted):
            run("again")


def test_a_second_run_makes_only_what_the_first_has_not_finished(
    export: ExportFolder, run: Run, tiny: Callable[[int], None], steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_export(export)
    whole = tree(run("whole").output)
    tiny(7)
    steps.clear()
    interrupt(monkeypatch, run)
    assert Counter(steps) == {"file": 5, "ends": 3, "feature": 11, "target": 2}
    steps.clear()
    again = run("again")
    # what makes no numbers is not worth keeping: the text of two features
    assert Counter(steps) == {"feature": 2, "adjacency": 4}
    assert "goes on after 19 finished steps of a run that was interrupted" in again.log
    assert tree(again.output) == whole
    assert not list(again.output.glob(".staging*"))


@pytest.mark.parametrize("change", ["row", "configuration", "seed", "damage"])
def test_a_second_run_of_another_job_begins_anew(
    export: ExportFolder,
    run: Run,
    tiny: Callable[[int], None],
    steps: list[str],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
) -> None:
    whole_export(export)
    tiny(41)
    interrupt(monkeypatch, run)
    steps.clear()
    given: dict[str, Any] = {}
    if change == "row":
        text = (export.folder / "again.csv").read_text()
        (export.folder / "again.csv").write_text(text.replace("e70,u20,u41,h1,17.5", "e70,u20,u41,h1,71.5"))
    elif change == "configuration":
        for node in export.nodes:
            node["labels"] = [{"label": ["kind", "classification"], "split_rate": [0.5, 0.3, 0.2]}]
    elif change == "seed":
        given["seed"] = 5
    else:  # the copy of one file is shorter than it was: this step alone is made again
        copies = [step.parent for step in export.folder.parent.rglob("file-*/step.json") if "score" in step.read_text()]
        (copies[0] / "rows.parquet").write_bytes((copies[0] / "rows.parquet").read_bytes()[:-1])
    again = run("again", **given)
    if change == "damage":
        assert Counter(steps) == {"file": 1, "feature": 2, "adjacency": 4}
    else:
        assert Counter(steps)["file"] == 5
        assert not any("goes on" in line for line in again.log)
    assert tree(again.output) == tree(run("whole", **given).output)


def test_a_job_that_refuses_its_export_keeps_nothing_of_it(
    export: ExportFolder, run: Run, tiny: Callable[[int], None]
) -> None:
    whole_export(export)
    text = (export.folder / "again.csv").read_text()
    (export.folder / "again.csv").write_text(text.replace("e70,u20,u41", "e70,nobody,u41"))
    tiny(7)
    with pytest.raises(JobError):
        run("refused")
    assert not list(export.folder.parent.rglob(".staging*"))
