"""The report of slow neighbours, in every format."""

from collections.abc import Mapping, Sequence

import pytest

from tests.made_up import runs
from tests.made_up.scenarios import mixed_spec, mixed_trial, mixed_trials
from tests.report.test_report import Page, rows, svgs
from waitbench.analysis.loading import load_comparison
from waitbench.analysis.scenarios.mixed import MixedPoint, Pair
from waitbench.records.folder import RunFolder
from waitbench.records.trial import TrialRecord
from waitbench.report.tables.summary import mixed_row
from waitbench.report.words.scenarios import mixed_word
from waitbench.report.words.summary import answers

FLASK, DJANGO, FASTAPI = "flask-threads", "django-gevent", "fastapi-asyncio"
SECTION = "mixed-cpu-ksteps200-share0.1"
WORDS = {
    FLASK: "3.00x as long (3.00–3.00)",
    DJANGO: "10.00x as long (9.99–10.01)",
    FASTAPI: "not significant (1.00x, 0.89–1.13)",
}


def only(trials: Sequence[TrialRecord]) -> tuple[MixedPoint, Pair]:
    [section] = runs.compared(trials).mixed
    [pair] = section.top.pairs
    return section.top, pair


@pytest.fixture(scope="module")
def page(scenario_reported: RunFolder) -> Page:
    return Page((scenario_reported.path / "report.html").read_text())


@pytest.fixture(scope="module")
def markdown(scenario_reported: RunFolder) -> str:
    return (scenario_reported.path / "report.md").read_text()


@pytest.fixture(scope="module")
def table(scenario_reported: RunFolder) -> Mapping[tuple[str, str], dict[str, str]]:
    found = [row for row in rows(scenario_reported, "summary.csv") if row["workload"] == "mixed"]
    return {(row["variant"], row["neighbours"]): row for row in found}


class TestEveryFormat:
    def test_the_summary_has_a_row_with_neighbours_and_one_alone_for_each(
        self, table: Mapping[tuple[str, str], dict[str, str]]
    ) -> None:
        assert set(table) == {(name, how) for name in WORDS for how in ("alone", "beside")}
        for row in table.values():
            assert row["params"] == "of=cpu;share=0.1;ksteps=200"
            assert (row["load_model"], row["load"], row["trials"], row["valid"]) == ("open", "120", "3", "true")

    def test_its_figures_are_those_of_the_fast_path_and_its_neighbours_have_their_own(
        self, table: Mapping[tuple[str, str], dict[str, str]]
    ) -> None:
        beside, alone = table[FLASK, "beside"], table[FLASK, "alone"]
        # 1,000 requests of the fast path and 400 of the neighbours in 10 s; 90 % of 120/s belong to the fast path.
        assert (beside["requests"], beside["goodput_rps"], beside["ceiling_rps"]) == ("3000", "100.0", "108.0")
        assert (beside["neighbours_goodput_rps"], beside["neighbours_p99_ms"]) == ("40.0", "50.0")
        assert (alone["neighbours_goodput_rps"], alone["neighbours_p99_ms"]) == ("", "")
        assert (alone["p50_ms"], beside["p50_ms"], beside["compared_by"]) == ("11.0", "33.0", "p99")
        # Figures of a histogram have three digits.
        ratio = [float(beside[f"beside_over_alone{bound}"]) for bound in ("", "_low", "_high")]
        assert ratio == pytest.approx([3, 3, 3], rel=0.001)

    def test_every_trial_has_its_row_with_its_neighbours(self, scenario_reported: RunFolder) -> None:
        found = [row for row in rows(scenario_reported, "trials.csv") if row["workload"] == "mixed"]
        assert len(found) == 18
        assert {(row["neighbours"], row["neighbours_requests"]) for row in found} == {("alone", ""), ("beside", "400")}

    def test_page_and_markdown_say_what_the_summary_says(
        self, page: Page, markdown: str, table: Mapping[tuple[str, str], dict[str, str]]
    ) -> None:
        for name, words in WORDS.items():
            shown = page.figures[SECTION, name, "120"]
            named = {column: column.split("-") for column in shown if "-" in column}
            assert len(named) == 6
            for column, (how, figure) in named.items():
                assert shown[column] == table[name, how][figure]
                assert f"| {shown[column]} |" in markdown
            assert words in page.words
            assert f"| {words} |" in markdown

    def test_the_result_is_at_the_top(self, scenario_reported: RunFolder, page: Page, markdown: str) -> None:
        line = answers(load_comparison(scenario_reported))[0]
        assert line == (
            "A fast path with slow neighbours (10 % of cpu, ksteps = 200), 120 requests/s: the fast path of Django on "
            "gevent takes 10.00x as long as alone (95 % CI 9.99–10.01, p99 5.0 to 50 ms); the fast path of Flask on "
            "threads takes 3.00x as long as alone (95 % CI 3.00–3.00, p99 12 to 36 ms); no significant difference for "
            "FastAPI on asyncio (p99 2.2 to 2.1 ms)."
        )
        assert line in page.words
        assert f"- {line}\n" in markdown

    def test_the_chart_names_contenders_and_both_ends(self, scenario_reported: RunFolder, markdown: str) -> None:
        [(name, svg)] = [(name, svg) for name, svg in svgs(scenario_reported) if name.startswith("mixed")]
        assert f"](charts/{name})" in markdown
        for text in (*runs.TITLES.values(), "alone", "with neighbours"):
            assert f">{text}</text>" in svg

    def test_the_page_is_well_formed(self, page: Page) -> None:
        assert page.unclosed == []


class TestPairs:
    def test_a_slow_repeat_of_both_does_not_hide_the_effect_of_neighbours(self) -> None:
        point, pair = only(mixed_trials({FLASK: [(10, 20), (100, 200), (1, 2)]}))
        assert point.verdict(pair) == "slower"
        assert mixed_word(point, pair) == "2.00x as long (2.00–2.00)"

    def test_fewer_than_a_thousand_requests_are_compared_by_their_median_which_is_named(self) -> None:
        point, pair = only(mixed_trials({FLASK: [(10, 20)] * 3}, count=999))
        assert point.percentile == "p50"
        assert mixed_word(point, pair) == "2.00x as long (2.00–2.00) by p50"
        assert (
            "(95 % CI 2.00–2.00, p50 10 to 20 ms)"
            in answers(runs.compared(mixed_trials({FLASK: [(10, 20)] * 3}, count=999)))[0]
        )

    def test_all_are_compared_by_the_same_percentile(self) -> None:
        trials = mixed_trials({FLASK: [(10, 20)] * 3}) + mixed_trials({DJANGO: [(10, 20)] * 3}, count=500)
        point = runs.compared(trials).mixed[0].top
        assert [mixed_word(point, pair)[-6:] for pair in point.pairs] == ["by p50", "by p50"]

    def test_one_repeat_shows_no_difference(self) -> None:
        point, pair = only(mixed_trials({FLASK: [(10, 20)]}))
        assert mixed_word(point, pair) == "not significant (2.00x)"

    def test_too_few_neighbours_have_no_p99(self) -> None:
        _, pair = only(mixed_trials({FLASK: [(10, 20)] * 2}))
        assert pair.neighbours_p99_ms is None
        assert pair.neighbours_goodput is not None
        assert pair.neighbours_goodput.mean == 40

    def test_nothing_is_compared_if_either_cell_is_invalid(self) -> None:
        trials = mixed_trials({FLASK: [(10, 20)] * 3})
        trials[0] = trials[0].model_copy(update={"disturbance": "stopped"})
        point, pair = only(trials)
        assert mixed_word(point, pair) == "not counted: disturbed (alone)"
        assert pair.beside is not None
        assert mixed_row(point, pair, pair.beside)["beside_over_alone"] == ""
        assert answers(runs.compared(trials))[0].endswith(": not counted: Flask on threads.")
        assert not runs.compared(trials).all_valid

    @pytest.mark.parametrize(("alone", "word"), [(True, "with neighbours"), (False, "alone")])
    def test_half_a_pair_is_reported_as_such(self, alone: bool, word: str) -> None:
        planned = mixed_spec(alone=alone)
        point, pair = only([mixed_trial(planned, [10_000] * 1000, [50_000] * 400)])
        assert mixed_word(point, pair) == f"no trials {word} to compare with"
        assert answers(runs.compared([mixed_trial(planned, [10_000] * 1000, [50_000] * 400)]))[0].endswith(
            "nothing to compare."
        )

    def test_mixed_and_plain_trials_of_the_fast_path_are_separate(self) -> None:
        plain = runs.trial(runs.spec(workload="fast", params={}), taken_us=[1000] * 20)
        comparison = runs.compared([*mixed_trials({FLASK: [(10, 20)]}), plain])
        assert [section.key for section in comparison.sections] == ["fast"]
        assert len(comparison.mixed) == 1
        assert len(comparison.cells) == 3

    def test_rates_give_points_and_shares_give_sections(self) -> None:
        trials = [
            mixed_trial(mixed_spec(alone=alone, share=share, load=load), [10_000] * 1000, [50_000] * 400)
            for share in (0.1, 0.2) for load in (120, 60) for alone in (True, False)
        ]  # fmt: skip
        found = runs.compared(trials).mixed
        assert [section.key for section in found] == [SECTION, "mixed-cpu-ksteps200-share0.2"]
        assert [point.load for point in found[0].points] == [60, 120]

    def test_each_pair_counts_as_a_comparison(self) -> None:
        chance = runs.compared(mixed_trials({FLASK: [(10, 20)] * 2, DJANGO: [(10, 20)] * 2})).chance
        assert chance.comparisons == 2
        assert (chance.least, chance.most) == pytest.approx((0.1, 0.1))
