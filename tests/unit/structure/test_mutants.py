"""The mutation run changes what it says it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import ROOT, draw, mutants, nearest_tests, rooms


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("x = a == b\n", "x = a != b\n"),
        ("x = a < 3\n", "x = a <= 3\n"),
        ("x = a and b\n", "x = a or b\n"),
        ("x = a + b\n", "x = a - b\n"),
        ("x = not a\n", "x = bool(a)\n"),
        ("x = True\n", "x = False\n"),
        ("MOST = 5\n", "MOST = 6\n"),
        ("if a:\n    b = c\n", "if (not (a)):\n    b = c\n"),
        ("def f(a):\n    return a.b\n", "def f(a):\n    return None\n"),
        ('NAMES = ("rgcn", "transe", "rotate")\n', 'NAMES = ("rgcn", "rotate")\n'),
        ('KIND = {\n    "a": 1,\n    "b": 2,\n}\n', 'KIND = {\n    \n    "b": 2,\n}\n'),
        ("f(a, read_only=b)\n", "f(a)\n"),
        ("graph.lock()\n", "None\n"),
    ],
)
def test_a_kind_of_change_is_made(source: str, changed: str) -> None:
    assert changed in [mutant.applied(source) for mutant in mutants(source)]


def test_no_change_is_made_to_words_for_people() -> None:
    assert mutants('"""A module of 3 lines."""\n\n\ndef f():\n    """Nothing but 1."""\n') == []


def test_every_change_parses_and_changes_one_line() -> None:
    source = Path(__file__).read_text()
    for mutant in mutants(source):
        before, after = source.splitlines(), mutant.applied(source).splitlines()
        assert len([1 for old, new in zip(before, after, strict=True) if old != new]) == 1
        compile(mutant.applied(source), "mutant", "exec")


def test_a_draw_is_repeatable_and_takes_a_line_once(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "room/a.py").write_text("".join(f"x{n} = a == {n}\n" for n in range(30)))
    drawn = draw(tmp_path, "room", 25, seed=1)
    assert drawn == draw(tmp_path, "room", 25, seed=1)
    assert len({mutant.line for _, mutant in drawn}) == 25
    assert drawn != draw(tmp_path, "room", 25, seed=2)


def test_the_nearest_tests_are_those_that_import_the_module(tmp_path: Path) -> None:
    files = {
        "workflow/a.py": "",
        "workflow/b.py": "from workflow.a import x",
        "workflow/room/__init__.py": "from .c import x",
        "workflow/room/c.py": "",
        "workflow/room/d.py": "",
        "training_scripts/families.py": 'TABLE = {"e": ".models.e"}',
        "training_scripts/models/e.py": "",
        "tests/unit/test_a.py": "import workflow.a",
        "tests/unit/test_b.py": "from workflow import b",
        "tests/unit/test_c.py": "from workflow.room import x",
        "tests/unit/test_far.py": "from tests.unit import test_b",
        "tests/unit/test_families.py": "from training_scripts.families import TABLE",
        "tests/peers/test_a_peer.py": "import workflow.a",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def names(module: str) -> list[str]:
        return [Path(name).name for name in nearest_tests(tmp_path, Path(module))]

    assert names("workflow/a.py") == ["test_a.py", "test_b.py"]  # nearest first, and those one import further
    assert names("workflow/room/c.py") == ["test_c.py"]  # over the package that hands the name on
    assert names("workflow/room/d.py") == ["test_c.py"]  # nobody imports it: those of its room
    assert names("training_scripts/models/e.py") == ["test_families.py"]  # over the table that names it


def test_every_room_has_tests_near() -> None:
    modules = [min((ROOT / room).glob("*.py")).relative_to(ROOT) for room in rooms(ROOT)]
    assert [module for module in modules if not nearest_tests(ROOT, module)] == []
