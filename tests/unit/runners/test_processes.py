"""A guarded child is accounted for, stops when asked, and never outlives the one who started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.waiting import until
from workflow.runners.failures import explain, last_lines, size
from workflow.runners.process import Ending, run_guarded


def run(tmp_path: Path, code: str, timeout_s: float = 60, cancelled: threading.Event | None = None) -> Ending:
    return run_guarded(
        [sys.executable, "-c", code],
        {"PATH": os.environ["PATH"], "GIVEN": "1"},
        tmp_path,
        tmp_path / "logs" / "job.log",
        timeout_s=timeout_s,
        cancelled=cancelled or threading.Event(),
        grace_s=0.3,
    )


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_clean_end_is_told_with_its_peak_memory(tmp_path: Path) -> None:
    ending = run(tmp_path, "held = bytearray(64_000_000); print('hello')")
    assert ending.succeeded
    assert ending.peak_memory_bytes > 64_000_000
    assert (tmp_path / "logs" / "job.log").read_text() == "hello\n"


def test_an_exit_code_and_a_signal_are_told_apart(tmp_path: Path) -> None:
    assert run(tmp_path, "raise SystemExit(3)").exit_code == 3
    killed = run(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert (killed.exit_code, killed.signal) == (None, signal.SIGKILL)


def test_a_child_sees_only_the_environment_it_was_given(tmp_path: Path) -> None:
    assert run(
        tmp_path, "import os; raise SystemExit(sorted(set(os.environ) - {'LC_CTYPE'}) != ['GIVEN', 'PATH'])"
    ).succeeded


def test_a_program_that_does_not_exist_is_an_exit_code_and_a_log_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    ending = run_guarded(["/no/such/program"], {}, tmp_path, log, timeout_s=9, cancelled=threading.Event())
    assert ending.exit_code == 127
    assert "cannot start /no/such/program" in log.read_text()


def test_a_child_that_ignores_sigterm_is_killed_at_its_time_limit(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    ending = run(tmp_path, code, timeout_s=0.5)
    assert (ending.outcome, ending.signal) == ("timeout", signal.SIGKILL)


def test_a_cancelled_child_may_end_in_its_own_way(tmp_path: Path) -> None:
    cancelled = threading.Event()
    threading.Timer(0.4, cancelled.set).start()
    code = (
        "import signal, sys, time, pathlib;"
        f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(tmp_path)!r}, 'bye').touch(), sys.exit(0)));"
        "time.sleep(600)"
    )
    ending = run(tmp_path, code, cancelled=cancelled)
    assert ending.outcome == "cancelled"
    assert not ending.succeeded
    assert (tmp_path / "bye").exists()


def test_grandchildren_do_not_outlive_the_job(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, pathlib;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        f"pathlib.Path({str(tmp_path)!r}, 'pid').write_text(str(child.pid))"
    )
    assert run(tmp_path, code).succeeded
    pid = int((tmp_path / "pid").read_text())
    until(lambda: is_gone(pid))


@pytest.mark.parametrize("victim", ["service", "guard"])
def test_kill_9_of_whoever_stands_above_ends_the_job(tmp_path: Path, victim: str) -> None:
    job = (
        f"import os, pathlib, time;pathlib.Path({str(tmp_path)!r}, 'pid').write_text(str(os.getpid())); time.sleep(600)"
    )
    service_code = (
        "import pathlib, sys, threading; from workflow.runners.process import run_guarded;"
        f"run_guarded([sys.executable, '-c', {job!r}], {{}}, pathlib.Path({str(tmp_path)!r}), "
        f"pathlib.Path({str(tmp_path)!r}, 'log'), timeout_s=600, cancelled=threading.Event())"
    )
    service = subprocess.Popen([sys.executable, "-c", service_code], cwd=Path(__file__).parents[3])
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    guard = psutil.Process(pid).ppid()
    os.kill(service.pid if victim == "service" else guard, signal.SIGKILL)
    until(lambda: is_gone(pid) and is_gone(guard))
    service.wait(20)


def ending(**changes: object) -> Ending:
    fields = {"outcome": "exited", "exit_code": 1, "signal": None, "peak_memory_bytes": 1_500_000_000, "wall_s": 12.3}
    return Ending(**{**fields, **changes})  # type: ignore[arg-type]


def reason(tmp_path: Path, **changes: object) -> str:
    return explain(
        "train.py",
        ending(**changes),
        tmp_path / "failure",
        tmp_path / "log",
        60,
        "trainingTimeOutInSeconds",
        memory_bytes=2_000_000_000,
    )


def test_a_programs_own_reason_comes_first(tmp_path: Path) -> None:
    (tmp_path / "failure").write_text("Column age is missing; export it")
    assert reason(tmp_path).startswith("Column age is missing; export it (exit code 1, peak memory 1.5 GB")


def test_sigkill_is_read_as_lack_of_memory_with_what_to_change(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("epoch 1\n\nepoch 2\n")
    for changes in ({"exit_code": None, "signal": 9}, {"exit_code": 137}):
        text = reason(tmp_path, **changes)
        assert "SIGKILL (Killed)" in text
        assert "out of memory" in text
        assert "maxHPOParallelTrainingJobs" in text
        assert text.endswith("epoch 1 | epoch 2")


def test_sigkill_of_a_small_program_on_a_large_machine_is_not_laid_to_its_memory(tmp_path: Path) -> None:
    text = reason(tmp_path, exit_code=None, signal=9, peak_memory_bytes=400_000_000)
    assert "out of memory" not in text
    assert "its own memory was little of the 2.0 GB that the machine has" in text
    assert "peak memory 400 MB" in text
    assert "out of memory" in reason(tmp_path, exit_code=None, signal=9, peak_memory_bytes=0)  # nobody measured


def test_a_time_limit_names_the_member_to_raise(tmp_path: Path) -> None:
    assert "raise trainingTimeOutInSeconds" in reason(tmp_path, outcome="timeout", exit_code=None, signal=15)


def test_the_last_lines_of_a_huge_log_are_read_without_reading_it_all(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 3_000_000 + "\n" + "\n".join(f"line {n}" for n in range(20)))
    assert last_lines(tmp_path / "log") == "line 14 | line 15 | line 16 | line 17 | line 18 | line 19"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1_234_567, "1 MB"), (2.5e9, "2.5 GB"), (3e12, "3000.0 GB")]
)
def test_sizes_are_for_people(count: float, text: str) -> None:
    assert size(count) == text
