"""What the README tells people to type works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from workflow.cli.main import COMMANDS
from workflow.client.service import local_service
from workflow.client.workflow import Workflow

README = (Path(__file__).parents[2] / "README.md").read_text()
HAND = re.search(r"## Five minutes by hand\n(.*?)\n## ", README, re.S)


def test_five_minutes_by_hand_end_with_eight_names(home: Path) -> None:
    assert HAND is not None
    program = "\n".join(re.findall(r"```python\n(.*?)```", HAND.group(1), re.S))
    assert "gremlin_python" in program
    with local_service(home) as url:
        command = [sys.executable, "-m", "workflow.cli", "load", "social", "--url", url]
        subprocess.run(command, check=True, env={"DESPINA_HOME": str(home), "PATH": ""}, timeout=60)
        assert Workflow(url).query("g.V().count()").iloc[0, 0] == 20
        here = program.replace("127.0.0.1:8182", url.removeprefix("http://"))
        done = subprocess.run([sys.executable, "-c", here], capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    names = re.findall(r"'(\w+)'", done.stdout)
    assert len(names) == 8
    assert "Henry" not in names


def test_every_command_is_in_the_readme() -> None:
    assert len(COMMANDS) >= 14
    missing = [name for name in COMMANDS if f"despina {name}" not in README]
    assert missing == []
