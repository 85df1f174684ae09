"""Figures with their nouns."""

import pytest

from waitbench.records.words import load_words


@pytest.mark.parametrize(
    ("model", "size", "words"), [("closed", 1, "1 user"), ("closed", 20, "20 users"), ("open", 200, "200 requests/s")]
)
def test_a_load_in_words(model: str, size: float, words: str) -> None:
    assert load_words(model, size) == words
