"""Modules, functions and classes of the product stay small enough to read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.language import files
from waitbench.paths import ROOT

PRODUCT = ("waitbench", "loadtests", "services")
MODULE_LINES, FUNCTION_LINES, FIELDS, PARAMETERS = 300, 40, 12, 8
REASON_LINES = 3
"""A larger class or parameter list has a comment with the reason, at most so many lines above or below its name."""


def large(file: Path) -> Iterator[str]:
    lines = file.read_text().splitlines()
    if len(lines) > MODULE_LINES:
        yield f"{len(lines)} lines"
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if (count := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES:
                yield f"{node.name}: {count} lines"
            names = [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            if len({*names} - {"self", "cls"}) > PARAMETERS and not _has_reason(lines, node.lineno):
                yield f"{node.name}: {len(names)} parameters"
        if isinstance(node, ast.ClassDef):
            fields = sum(isinstance(each, ast.AnnAssign) for each in node.body)
            if fields > FIELDS and not _has_reason(lines, node.lineno):
                yield f"{node.name}: {fields} fields"


def _has_reason(lines: list[str], number: int) -> bool:
    nearby = lines[max(0, number - 1 - REASON_LINES) : number + REASON_LINES]
    return any("# " in line and "noqa" not in line and "type: ignore" not in line for line in nearby)


def test_the_product_has_no_large_parts_without_a_reason() -> None:
    found = [f"{file.relative_to(ROOT)}: {what}" for file in files(PRODUCT, (".py",)) for what in large(file)]
    assert found == []


def test_each_kind_of_large_part_is_found(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    body = "\n".join("    x = 1" for _ in range(FUNCTION_LINES))
    fields = "\n".join(f"    a{n}: int" for n in range(FIELDS + 1))
    parameters = ", ".join(f"p{n}" for n in range(PARAMETERS + 1))
    blank = "\n" * MODULE_LINES
    sample.write_text(f"def long():\n{body}\n\n\nclass Wide:\n{fields}\n\n\ndef many({parameters}): ...\n{blank}")
    assert [what.rpartition(":")[0] for what in large(sample)] == ["", "long", "Wide", "many"]
    sample.write_text(f"class Wide:  # one field for each key of the file\n{fields}\n")
    assert list(large(sample)) == []
