"""Finds text that breaks the project's rules of plain English.

`python -m tests.language [PATH...]` prints every place; tests/test_language.py expects none.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from waitbench.paths import ROOT

CODE = ("waitbench", "loadtests", "services", "tests", "benchmarks", "tools", "hatch_build.py")
SHOWN_CODE = ("waitbench", "loadtests")
"""Python files whose texts are shown to users."""
SHOWN = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "results/README.md",
    "loadtests",
    "waitbench",
    "services",
)
"""Other files that users read: Markdown, templates, plans, lists and the contract."""
SUFFIXES = (".md", ".j2", ".toml", ".yaml")
SKIPPED = {"node_modules", "build", "example", "bundle", "__pycache__"}
RETIRED = {
    r"told|tells? of": "reported, shown",
    r"answers?|answered": "responses, responded",
    r"nought": "zero",
    r"anew": "again",
    r"whoever": "anyone who",
    r"in hand": "in flight",
    r"(?:can't|can not|cannot) be had": "is not available",
    r"honest(?:ly)?": "reliable",
    r"at rest": "idle",
    r"beside": "next to, alongside, with",
    r"deeds?": "action",
    r"he|his|him": "it, they",
    r"stands?": "is",
    r"spoilt": "invalid",
    r"the most(?=[.,;:)])": "the highest",
}
"""Words that the project does not use, each with what it uses instead."""
_RETIRED = re.compile(rf"(?<![\w`./<-])(?:{'|'.join(RETIRED)})(?![\w`(>=-])", re.IGNORECASE)
_OPENING = re.compile(r"(?:Of|What|Who|Whose|Whoever|That)\b")
_TWO_SENTENCES = re.compile(r"(?<![.\s]\w)(?<!^\d)(?<!e\.g)(?<!i\.e)(?<!etc)[.!?][)*_\"]* +[A-Z]")
_CODE = re.compile(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->")


@dataclass(frozen=True)
class Place:
    file: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.what}"


def files(roots: tuple[str, ...], suffixes: tuple[str, ...]) -> list[Path]:
    found: list[Path] = []
    for root in roots:
        path = ROOT / root
        found += [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.suffix in suffixes)
    return [each for each in found if each.suffix in suffixes and not SKIPPED & {*each.relative_to(ROOT).parts}]


def retired_words() -> Iterator[Place]:
    """Retired words in what users read: messages, help, templates and documents."""
    for file in files(SHOWN_CODE, (".py",)):
        for line, text in _texts(ast.parse(file.read_text())):
            yield from _retired(file, line, text)
    for file in files(SHOWN, SUFFIXES):
        for number, written in enumerate(_lines(file), 1):
            yield from _retired(file, number, written)


def _retired(file: Path, line: int, text: str) -> Iterator[Place]:
    for match in _RETIRED.finditer(_CODE.sub("", text)):
        yield Place(file, line, f"retired word {match[0]!r} in {text.strip()[:100]!r}")


def _lines(file: Path) -> list[str]:
    """The lines of a file, without code blocks and comments."""
    fenced, kept = False, []
    for line in file.read_text().splitlines():
        fence = line.lstrip().startswith("```")
        fenced ^= fence
        kept.append("" if fenced or fence else line)
    return kept


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Strings with a blank in them, and the docstrings of commands, which are their help."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in docstrings else None
        if isinstance(node, ast.Constant) and isinstance(text, str) and " " in text:
            yield node.lineno, text
        if isinstance(node, ast.FunctionDef) and any("command" in ast.unparse(each) for each in node.decorator_list):
            yield node.lineno, ast.get_docstring(node) or ""


def odd_openings() -> Iterator[Place]:
    """Docstrings that begin with a word such as "Of" or "What" in place of a subject and a verb."""
    for file in files(CODE, (".py",)):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                text = str(node.value.value).strip()
                if _OPENING.match(text):
                    yield Place(file, node.lineno, f"docstring begins {text[:60]!r}")


def crowded_lines() -> Iterator[Place]:
    """Lines of Markdown that hold two sentences."""
    for file in files(SHOWN, (".md",)):
        for number, line in enumerate(_lines(file), 1):
            if not line.lstrip().startswith("|") and _TWO_SENTENCES.search(_CODE.sub("x", line)):
                yield Place(file, number, f"two sentences: {line.strip()[:100]!r}")


RULES = (retired_words, odd_openings, crowded_lines)


if __name__ == "__main__":
    wanted = [(ROOT / each).resolve() for each in sys.argv[1:]] or [ROOT]
    found = [place for rule in RULES for place in rule() if any(place.file.is_relative_to(each) for each in wanted)]
    print(*found, f"{len(found)} places", sep="\n")
