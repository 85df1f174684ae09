"""A whole run with a title that a terminal, a page or a chart could take for markup."""

import pytest

from tests.e2e.bench import NULL, Bench, plan

pytestmark = pytest.mark.live

TITLE = "[/] :smile: $x_{ =1+1 <b> | `z`"


@pytest.mark.slow  # only this shows odd titles in a whole run; test_text.py has each kind of output
def test_a_title_goes_through_a_whole_run_as_text(bench: Bench) -> None:
    cell = 'workload = "fast"\nusers = [1]'
    ended = bench.run(plan(cell, variants=(NULL,)).replace("A test", TITLE))
    assert ended.code in (0, 3), ended.err  # 3: a busy machine
    assert f"{TITLE}: 1 trials" in ended.err
    assert "<b>" not in ended.page()
