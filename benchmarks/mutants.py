"""Would the tests notice a broken line? ``python benchmarks/mutants.py --per-module 3``, and be patient.

In a copy of the last commit the tests run once, and coverage says which of them execute which line (in their own
process: what happens in others is not seen). Then lines of each module, drawn by ``--seed``, are broken one at a time:
a comparison or an operator (but /) swapped, a number one larger, a condition turned around, a call or a returned value
left out. The tests that execute the line run, the quickest first, until one fails. The notebooks are left out.
"""

import argparse
import ast
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import coverage

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 240.0                    # seconds of tests, as they took whole, to run against one broken line
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
               ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
              ast.Mod: ast.Mult, ast.Pow: ast.Mult}


def broken(node: ast.AST) -> tuple[ast.AST, ast.AST] | None:
    """The part of a node to replace, and by what; None if we know no way to break it."""
    match node:
        case ast.Compare(ops=[op]):
            return node, ast.Compare(node.left, [COMPARISONS[type(op)]()], node.comparators)
        case ast.BinOp(op=op) if type(op) in ARITHMETIC and not isinstance(node.left, ast.JoinedStr):
            return node, ast.BinOp(node.left, ARITHMETIC[type(op)](), node.right)
        case ast.BoolOp(op=op):
            return node, ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), node.values)
        case ast.Constant(value=bool(value)):
            return node, ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            return node, ast.Constant(value + 1)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            return test, ast.UnaryOp(ast.Not(), test)
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            return node, ast.Return(None)
        case ast.Expr(value=ast.Call()):
            return node, ast.Pass()
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            return node, node.operand


def spared(tree: ast.AST) -> set[ast.AST]:
    """Nodes that are for people: type hints, and the texts of errors."""
    kept: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            kept.update(ast.walk(node))
        if isinstance(node, ast.JoinedStr):
            kept.update({*ast.walk(node)} - {node})
        for hint in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            kept.update(ast.walk(hint) if hint else ())
    return kept


def mutants(source: str, count: int, rng: random.Random) -> Iterator[tuple[int, str, str, str]]:
    """(line, what stood there, what stands there now, the whole source) of a few broken lines."""
    tree = ast.parse(source)
    kept = spared(tree)
    ways = [way for node in ast.walk(tree) if node not in kept and (way := broken(node))]
    rng.shuffle(ways)
    raw, lines = source.encode(), source.encode().splitlines(keepends=True)
    first = {node.lineno: number for number, (node, _) in reversed([*enumerate(ways)])}
    for node, new in [ways[number] for number in sorted(first.values())][:count]:
        start, end = (sum(map(len, lines[:line - 1])) + column for line, column in
                      ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)))
        text = ast.unparse(ast.fix_missing_locations(new))
        text = text if isinstance(new, ast.stmt) else f"({text})"
        yield node.lineno, raw[start:end].decode(), text, (raw[:start] + text.encode() + raw[end:]).decode()


def pytest(copy: Path, *arguments: str, before: tuple[str, ...] = (), seconds: float | None = None) -> int | None:
    """The exit status of the tests in the copy; None if they take too long."""
    command = [sys.executable, *before, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=-q", *arguments]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return subprocess.run(command, cwd=copy, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        return None


def executed(copy: Path) -> tuple[coverage.CoverageData, Counter[str]]:
    """Which tests execute which line, and how many seconds each takes."""
    (copy / "coverage.ini").write_text("[run]\nsource = colorlib\ndynamic_context = test_function\n")
    if pytest(copy, "tests", "--junitxml=times.xml", before=("-m", "coverage", "run", "--rcfile=coverage.ini")):
        sys.exit("the tests do not pass as they are: run make test")
    seconds: Counter[str] = Counter()
    for case in ElementTree.parse(copy / "times.xml").iter("testcase"):
        file, name = case.attrib["classname"].replace(".", "/"), case.attrib["name"].partition("[")[0]
        seconds[f"{file}.py::{name}"] += float(case.attrib["time"])
    data = coverage.CoverageData(str(copy / ".coverage"))
    data.read()
    return data, seconds


def verdict(copy: Path, tests: set[str], seconds: Counter[str]) -> str:
    """What the tests say: "found" (also if they end no more, or cannot even begin), "survived", or "no test"."""
    chosen, total = [], 0.0
    for test in sorted(tests & set(seconds), key=seconds.__getitem__):
        total += seconds[test]
        if not chosen or total < LIMIT:
            chosen.append(test)
    if not chosen:
        return "no test"
    return "survived" if pytest(copy, "-x", *chosen, seconds=3 * LIMIT) == 0 else "found"


def main() -> None:
    """Break, test, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-module", type=int, default=3, metavar="N", help="lines of each module (default: 3)")
    parser.add_argument("--seed", type=int, default=2026, metavar="N", help="which lines (default: 2026)")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        copy = Path(folder).resolve() / "copy"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
        data, seconds = executed(copy)
        said: Counter[str] = Counter()
        for path in sorted((copy / "colorlib").glob("*.py")):
            source, tests = path.read_text(), data.contexts_by_lineno(str(path))
            every = {name for names in tests.values() for name in names}      # of a line that the import executes
            rng = random.Random(f"{options.seed}{path.stem}")
            for line, was, now, text in mutants(source, options.per_module, rng):
                path.write_text(text)
                names = {name for name in tests.get(line, ()) if name} or every
                word = verdict(copy, {f"tests/{name.replace('.', '.py::')}" for name in names}, seconds)
                said[word] += 1
                print(json.dumps([word, path.name, line, was, now]), flush=True)
            path.write_text(source)
    print(", ".join(f"{count} {word}" for word, count in said.items()))


if __name__ == "__main__":
    main()
