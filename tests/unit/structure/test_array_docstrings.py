"""Every public function over arrays says their shapes, and their dtypes where the signature leaves them open."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROOMS = (ROOT / "training_scripts", ROOT / "workflow")
# aliases and classes of arrays whose dtype the alias tells, and those that leave it open
TYPED = r"Floats|Doubles|Ints|Bools|FloatArray|IntArray|Integers|Numbers|Ranks|Matrix|NDArray\[np\.\w+\]"
OPEN = r"Tensor|Array|Scores|NDArray\[(?:Any|np\.generic|np\.floating\[Any\])\]"
# named arrays, such as weights, have the shapes that their names stand for
NAMED = re.compile(r"(?:dict|Mapping|MutableMapping)\[str, [\w.]+(?:\[[\w.]+\])?\]")
ARRAY = re.compile(rf"(?<!pa\.)\b(?:{TYPED}|{OPEN})(?![\w\[.])")
UNTYPED = re.compile(rf"(?<!pa\.)\b(?:{OPEN})(?![\w\[.])")
WORD = r"[\w+\-*/·×≤.…']+"
LENGTH = rf"{WORD}(?: {WORD}){{0,2}}"  # a name, a number or a small sum; a sentence in parentheses is no shape
SHAPE = re.compile(rf"\({LENGTH},(?: {LENGTH},)*(?: {LENGTH})?\)|\bscalar\b|\b0-d\b")
DTYPE = re.compile(r"\b(?:float(?:16|32|64)|u?int(?:8|16|32|64)|bool|floats?|any dtype|dtype)\b")


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Public functions of a module, and public methods of its public classes, each with its dotted name."""

    def inside(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from inside(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield prefix + node.name, node

    text = path.read_text()
    return inside(ast.parse(text).body if ARRAY.search(text) else [], "")


def untold(node: ast.FunctionDef) -> list[str]:
    """What the docstring of a function leaves out: ``shape``, ``dtype``."""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    written = [argument.annotation for argument in arguments] + [node.returns]
    signature = "; ".join(NAMED.sub("", ast.unparse(annotation)) for annotation in written if annotation is not None)
    words = ast.get_docstring(node) or ""
    if not ARRAY.search(signature) or not words or "see ``" in words.lower():
        return []  # what has no docstring of its own is told by the protocol that it follows
    out = [] if SHAPE.search(words) else ["shape"]
    return out + (["dtype"] if UNTYPED.search(signature) and not DTYPE.search(words) else [])


def test_what_a_docstring_leaves_out_is_seen() -> None:
    def of(text: str) -> list[str]:
        (node,) = ast.parse(text).body
        assert isinstance(node, ast.FunctionDef)
        return untold(node)

    assert of('def f(x: Tensor) -> int:\n    """Count rows."""') == ["shape", "dtype"]
    assert of('def f(x: Tensor) -> int:\n    """Count rows of float32, (n, d)."""') == []
    assert of('def f(x: Floats) -> int:\n    """Count rows, (n, d)."""') == []
    assert of('def f() -> NDArray[Any]:\n    """Rows, (n,)."""') == ["dtype"]
    assert of('def f(x: Ints) -> int:\n    """Count (those that are known, and their neighbours)."""') == ["shape"]
    assert of('def f(x: dict[str, Tensor]) -> None:\n    """Take weights."""') == []
    assert of('def f(x: int) -> int:\n    """Count."""') == []


def test_public_functions_over_arrays_say_shapes_and_dtypes() -> None:
    assert [
        f"{path.relative_to(ROOT)}: {name} says no {' and no '.join(missing)}"
        for room in ROOMS
        for path in sorted(room.rglob("*.py"))
        for name, node in functions(path)
        if (missing := untold(node))
    ] == []
