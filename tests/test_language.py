"""Text that users read is plain English, without retired words; a line of Markdown holds one sentence."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import language
from tests.language import RETIRED, RULES, Place


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_text_breaks_the_rule(rule: Callable[[], Iterator[Place]]) -> None:
    assert [str(place) for place in rule()] == []


SAMPLE = '''"""Of a module."""

LIMIT = 1
"""What is allowed."""


@cli.command()
def run() -> None:
    """Whoever runs it is told."""
    print(f"the service answered after {LIMIT} s", "told")
'''


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one file of code and one document, each of which breaks every rule."""
    monkeypatch.setattr(language, "ROOT", tmp_path)
    (tmp_path / "waitbench").mkdir()
    (tmp_path / "waitbench" / "sample.py").write_text(SAMPLE)
    (tmp_path / "README.md").write_text("# Title\n\nIt is told. He is honest.\n\n```\ntold. Anew.\n```\n| a. B |\n")
    return tmp_path


def test_retired_words_are_found_in_messages_help_and_documents(sample: Path) -> None:
    found = [str(place) for place in language.retired_words()]
    words = [match[1].lower() for place in found if (match := re.search(r"retired word '(\w+)'", place))]
    assert sorted(words) == ["answered", "he", "honest", "told", "told", "whoever"]


def test_odd_openings_are_found_in_docstrings_of_modules_functions_and_constants(sample: Path) -> None:
    assert [place.line for place in language.odd_openings()] == [1, 4, 9]


def test_a_line_with_two_sentences_is_found_and_tables_and_code_are_passed_over(sample: Path) -> None:
    assert [place.line for place in language.crowded_lines()] == [3]


@pytest.mark.parametrize("pattern", RETIRED)
def test_names_in_code_quotes_and_paths_are_no_text(pattern: str, sample: Path) -> None:
    word = re.sub(r"\W.*", "", pattern)
    (sample / "README.md").write_text(f"See `{word}` and [it](docs/{word}.md).\n")
    assert [place for place in language.retired_words() if place.file.name == "README.md"] == []
