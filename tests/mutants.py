"""Change one line of product logic at a time and see whether the nearest tests notice: ``make mutants``.

A seeded draw of lines from every room; each change is made in a temporary copy of the checkout, never in the checkout.
What survives is a sentence about the product that no test says. A survivor may be equal in meaning to what it replaced;
whoever reads the report decides.

    python -m tests.mutants                      all rooms, 25 lines each
    python -m tests.mutants workflow/jobs -n 5   one room, five lines
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("workflow", "training_scripts")
TIMEOUT_S = 300
MOST_TEST_FILES = 8
FARTHER = 2  # imports between a module and a test of it, beyond those of the nearest

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*"}


_IMPORT = re.compile(r"^[ \t]*import ([^\n#]+)", re.MULTILINE)
_FROM = re.compile(r"^[ \t]*from (\.*)([\w.]*) import (\([^)]*\)|[^\n(]+)", re.MULTILINE)
_NAMED = re.compile(r"""["']((?:\.\w+|\w+\.)[\w.]*)(?::\w+)?["']""")  # as tables name modules


@dataclass(frozen=True)
class Mutant:
    """One change: between two places of a line (columns in bytes, as ``ast`` has them), another text."""

    line: int
    start: int
    end: int
    text: str
    what: str

    def applied(self, source: str) -> str:
        lines = source.splitlines(keepends=True)
        old = lines[self.line - 1].encode()
        lines[self.line - 1] = (old[: self.start] + self.text.encode() + old[self.end :]).decode()
        return "".join(lines)


def mutants(source: str) -> list[Mutant]:
    """Every change that is tried on a source, in its order; each parses, and differs from the source."""
    return [mutant for mutant in _written(source) if _parses(mutant.applied(source))]


def _written(source: str) -> list[Mutant]:
    """Those changes, and some that do not parse."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
    }
    found = [mutant for node in ast.walk(tree) if id(node) not in docstrings for mutant in _of(node, source)]
    return sorted(set(found), key=lambda mutant: (mutant.line, mutant.start, mutant.what))


def _of(node: ast.AST, source: str) -> Iterator[Mutant]:
    lines = source.splitlines()

    def between(left: ast.expr, right: ast.expr, text: str, what: str) -> Iterator[Mutant]:
        if left.end_lineno == right.lineno and left.end_col_offset is not None:
            gap = lines[right.lineno - 1].encode()[left.end_col_offset : right.col_offset].decode()
            if gap.strip(" ") and "(" not in gap and ")" not in gap:
                yield Mutant(right.lineno, left.end_col_offset, right.col_offset, f" {text} ", what)

    def instead(old: ast.expr, text: str, what: str) -> Iterator[Mutant]:
        if old.lineno == old.end_lineno and old.end_col_offset is not None:
            yield Mutant(old.lineno, old.col_offset, old.end_col_offset, text, what)

    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            yield from between(left, right, _COMPARISONS[type(op)], "another comparison")
        case ast.BoolOp(op=op, values=[left, right]):
            yield from between(left, right, "or" if isinstance(op, ast.And) else "and", "and for or")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            yield from between(left, right, _ARITHMETIC[type(op)], "another operator")
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from instead(node, f"bool({ast.unparse(operand)})", "not forgotten")
        case ast.Constant(value=bool() as value):
            yield from instead(node, str(not value), "the other truth")
        case ast.Constant(value=int() as value):
            yield from instead(node, str(value + 1), "one more")
        case ast.If(test=test) | ast.IfExp(test=test):
            yield from instead(test, f"(not ({ast.unparse(test)}))", "the other branch")
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield from instead(value, "None", "nothing returned")
        case ast.Tuple(elts=members, ctx=ast.Load()) | ast.List(elts=members, ctx=ast.Load()) | ast.Set(elts=members):
            if len(members) > 2 and all(isinstance(member, ast.Constant) for member in members):
                for member, after in pairwise(members):
                    if member.lineno == after.lineno:
                        yield Mutant(member.lineno, member.col_offset, after.col_offset, "", "a member forgotten")
        case ast.Dict(keys=keys, values=values):
            for key, after in pairwise(keys):
                if key is not None and after is not None and key.lineno == after.lineno:
                    yield Mutant(key.lineno, key.col_offset, after.col_offset, "", "an entry forgotten")
            for key, value in zip(keys, values, strict=True):
                line = "" if key is None else lines[key.lineno - 1]
                if key is None or key.lineno != value.end_lineno or not line.rstrip().endswith(","):
                    continue
                if line.encode()[: key.col_offset].strip() == b"":
                    yield Mutant(key.lineno, key.col_offset, len(line.rstrip().encode()), "", "an entry forgotten")
        case ast.Call(keywords=[*_, ast.keyword(arg=str(), value=value) as last], args=[_, *_]):
            line = lines[last.lineno - 1].encode()
            before = line[: last.col_offset].rstrip()
            if last.lineno == value.end_lineno and before.endswith(b",") and value.end_col_offset is not None:
                yield Mutant(last.lineno, len(before) - 1, value.end_col_offset, "", "an argument forgotten")
        case ast.Expr(value=ast.Call() as call):
            yield from instead(call, "None", "a call forgotten")


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def rooms(root: Path) -> list[str]:
    """Every folder below the product's packages that has modules of its own."""
    folders = {path.parent for package in PRODUCT for path in (root / package).rglob("*.py")}
    return sorted(str(folder.relative_to(root)) for folder in folders if "__pycache__" not in folder.parts)


def draw(root: Path, room: str, lines: int, seed: int) -> list[tuple[Path, Mutant]]:
    """``lines`` changes of a room, at most one a line, drawn by seed and room."""
    sources = {path.relative_to(root): path.read_text() for path in sorted((root / room).glob("*.py"))}
    pool: dict[tuple[Path, int], list[Mutant]] = {}
    for path, source in sources.items():
        for mutant in _written(source):
            pool.setdefault((path, mutant.line), []).append(mutant)
    chance = random.Random(f"{seed} {room}")
    drawn: list[tuple[Path, Mutant]] = []
    for path, line in chance.sample(sorted(pool), len(pool)):
        if len(drawn) == lines:
            break
        whole = [mutant for mutant in pool[path, line] if _parses(mutant.applied(sources[path]))]
        if whole:
            drawn.append((path, chance.choice(whole)))
    return drawn


def nearest_tests(root: Path, module: Path) -> list[str]:
    """The test files that import a module, by themselves or over the fewest other modules, those of its room first.

    A text such as ``".graph.gat"`` in a table counts as an import of the modules whose names end so, and a call of
    ``import_module`` as one of the modules beside it.
    """
    beside = [path.relative_to(root) for path in (root / module.parent).glob("*.py")]
    found = _over_fewest(root, [module]) or _over_fewest(root, beside) or _by_file_name(root, module)

    def order(path: Path) -> tuple[int, bool, Path]:
        return found[path], not set(path.parent.name.split("_")) & set(module.parts), path

    most = min(found.values(), default=0) + FARTHER
    return [str(path) for path in sorted(found, key=order) if found[path] <= most][:MOST_TEST_FILES]


def _over_fewest(root: Path, modules: Sequence[Path]) -> dict[Path, int]:
    """The test files that import one of these modules, each with how many imports lie between."""
    importers = _importers(root)
    distance, waiting = dict.fromkeys(modules, 0), [*modules]
    for one in waiting:
        for other in () if one.name.startswith("test_") else importers.get(one, ()):
            if other not in distance:
                distance[other] = distance[one] + 1
                waiting.append(other)
    return {path: far for path, far in distance.items() if path.name.startswith("test_")}


def _by_file_name(root: Path, module: Path) -> dict[Path, int]:
    """The test files that start a program by the name of its file."""
    tests = (path for path in (root / "tests").rglob("test_*.py") if "peers" not in path.parts)
    return {path.relative_to(root): 1 for path in tests if module.name in path.read_text()}


@cache
def _importers(root: Path) -> dict[Path, set[Path]]:
    """Of every module of the product and the tests, which import it: files, relative to the checkout."""
    files = [path for package in (*PRODUCT, "tests") for path in (root / package).rglob("*.py")]
    known = {_dotted(path.relative_to(root)): path.relative_to(root) for path in files if "peers" not in path.parts}
    by_end: dict[str, list[str]] = {}
    for name in known:
        parts = name.split(".")
        for start in range(len(parts)):
            by_end.setdefault(".".join(parts[start:]), []).append(name)
    found: dict[Path, set[Path]] = {}
    for path in known.values():
        text = (root / path).read_text()
        names = [name for line in _IMPORT.findall(text) for name in re.findall(r"[\w.]+", line)]
        for dots, base, listed in _FROM.findall(text):
            above = list(path.parent.parts)[: len(path.parts) - len(dots)] if dots else []
            package = ".".join([*above, *filter(None, [base])])
            imported = re.findall(r"(\w+)(?: as \w+)?", re.sub(r"#.*", "", listed))
            names += [f"{package}.{name}" if f"{package}.{name}" in known else package for name in imported]
        for name in _NAMED.findall(text):
            names += by_end.get(name.lstrip("."), [])
        if "import_module(" in text:  # a table of modules beside it, by bare names
            names += [_dotted(other) for other in known.values() if other.parent == path.parent]
        for name in names:
            if name in known and known[name] != path:
                found.setdefault(known[name], set()).add(path)
    return found


def _dotted(module: Path) -> str:
    return ".".join(module.with_suffix("").parts).removesuffix(".__init__")


def passes(copy: Path, tests: Sequence[str]) -> bool:
    """Whether the tests pass in the copy; a run without an end is one that noticed."""
    threads = {"OMP_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "changed lines"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    with subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            return process.wait(TIMEOUT_S) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return False


def copied(root: Path, target: Path) -> Path:
    """The tracked files of a checkout, as they are in it now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; prints every survivor, and a line a room. The exit code says nothing about survivors."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("rooms", nargs="*", help="folders such as workflow/jobs; all by default")
    parser.add_argument("-n", "--lines", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    chosen = [room.rstrip("/") for room in options.rooms] or rooms(ROOT)
    with tempfile.TemporaryDirectory(prefix="despina-mutants-") as folder:
        copy = copied(ROOT, Path(folder))
        for room in chosen:
            survived = judged = 0
            good: dict[tuple[str, ...], bool] = {}
            for path, mutant in draw(copy, room, options.lines, options.seed):
                tests = tuple(nearest_tests(copy, path))
                if not tests:
                    print(f"{path}:{mutant.line}: no test is near", flush=True)
                    continue
                if not good.setdefault(tests, passes(copy, tests) if tests not in good else True):
                    continue
                source = (copy / path).read_text()
                changed = mutant.applied(source)
                (copy / path).write_text(changed)
                unnoticed = passes(copy, tests)
                (copy / path).write_text(source)
                judged += 1
                if unnoticed:
                    survived += 1
                    old, new = (text.splitlines()[mutant.line - 1].strip() for text in (source, changed))
                    print(f"{path}:{mutant.line}: {mutant.what}\n    - {old}\n    + {new}", flush=True)
            print(f"{room}: {survived} of {judged} changes went unnoticed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
