"""``despina emulator``: one line once it answers, and nothing of it left after SIGTERM or a kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_emulator import Lab, programmed
from tests.waiting import until


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_an_ended_emulator_leaves_no_job_running(tmp_path: Path, ending: int) -> None:
    command = [sys.executable, "-m", "workflow.cli", "emulator", "--port", "0", "--home", str(tmp_path / "cloud")]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_ENDPOINT_URL")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
    assert process.stdout is not None
    line = process.stdout.readline()
    said = re.fullmatch(r"The emulator listens on (http://127\.0\.0\.1:\d+)\n", line)
    assert said is not None, line
    lab = Lab(said[1])
    mark = tmp_path / "pid"  # outside the job's folder, which goes with the job
    program = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    lab.train("t-left", program, InputDataConfig=programmed("t-left"))
    until(lambda: mark.exists() and mark.read_text(), "the job to begin")
    pid = int(mark.read_text())
    assert lives(pid)
    lab.close()
    process.send_signal(ending)
    process.wait(60)
    process.stdout.close()
    until(lambda: not lives(pid), "the job to end with the emulator")
    assert process.returncode == (0 if ending == signal.SIGTERM else -ending)
