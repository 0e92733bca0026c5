"""The main job, as a user types it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest


def despina(*arguments: str, timeout_s: float = 400) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workflow.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    home = tmp_path_factory.mktemp("demo")
    return home, despina("demo", "--home", str(home))


def test_the_demo_names_eight_candidates_for_henry(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = demo
    assert done.returncode == 0, done.stderr
    people = set(re.findall(r"^u\d\d,User,(\w+),", Path("workflow/datasets/social/nodes.csv").read_text(), re.M))
    candidates = re.findall(r"│\s*(\d)\s*│\s*(\w+)\s*│\s*(0?\.\d+|1|0)\s*│", done.stdout)
    assert [int(rank) for rank, _, _ in candidates] == list(range(1, 9))
    assert {name for _, name, _ in candidates} <= people - {"Henry"}
    scores = [float(score) for _, _, score in candidates]
    assert scores == sorted(scores, reverse=True)


def test_the_demo_proposes_nobody_who_is_a_friend_already(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    # edges f16, f20, f21, f23 and f25 link Henry with Alistair, Charlie, Mary, Gary and Arnold
    _, done = demo
    table = done.stdout.split("Top 8")[1].split("└")[0]
    assert not {"Alistair", "Charlie", "Mary", "Gary", "Arnold"} & set(re.findall(r"\w+", table))


def test_the_demo_shows_the_floors_beside_the_model(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = demo
    assert re.search(r"\w+ won with validation mrr", done.stdout)
    for name in ("the model", "adamic_adar", "l3", "ease"):
        assert re.search(rf"│ {name}\s+│\s*[\d.]+", done.stdout), name


def test_the_demo_leaves_a_report_and_nothing_running(demo: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    home, done = demo
    joined = done.stdout.replace("\n", "")
    match = re.search(r"The report:\s*(\S+report\.html)", joined)
    assert match is not None, done.stdout
    page = Path(match.group(1)).read_text()
    assert "<html" in page
    left = [p.info for p in psutil.process_iter(["cmdline"]) if str(home) in " ".join(p.info["cmdline"] or [])]
    assert left == []


def test_the_demo_refuses_a_graph_it_does_not_have(tmp_path: Path) -> None:
    done = despina("demo", "--graph", "facebook", "--home", str(tmp_path))
    assert done.returncode == 1
    assert "no bundled graph 'facebook'; take one of: social, lastfm" in " ".join(done.stderr.split())
