"""The report of a burst, in every format."""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.made_up import runs
from tests.made_up.scenarios import burst_of, burst_spec, burst_trial, queued
from tests.report.test_report import Page, rows, svgs
from waitbench.analysis.loading import load_comparison
from waitbench.analysis.scenarios.bursts import BurstSection
from waitbench.records.folder import RunFolder
from waitbench.records.load_point import Stage
from waitbench.records.trial import TrialRecord
from waitbench.report.words.scenarios import burst_word
from waitbench.report.words.summary import answers
from waitbench.report.write import write_report

FLASK, DJANGO, FASTAPI = "flask-threads", "django-gevent", "fastapi-asyncio"
SECTION = "burst-wait-ms100-100x4-400x3-100x8"
WORDS = {FLASK: "recovered", DJANGO: "did not recover within 8 s", FASTAPI: "recovered immediately"}
COLUMNS = (
    "calm_goodput_rps", "overload_goodput_rps", "after_goodput_rps", "calm_p99_ms", "recovery_s", "resolution_s",
    "errors", "shed",
)  # fmt: skip


def only(trials: Sequence[TrialRecord]) -> BurstSection:
    [section] = runs.compared(trials).bursts
    return section


@pytest.fixture(scope="module")
def page(scenario_reported: RunFolder) -> Page:
    return Page((scenario_reported.path / "report.html").read_text())


@pytest.fixture(scope="module")
def markdown(scenario_reported: RunFolder) -> str:
    return (scenario_reported.path / "report.md").read_text()


@pytest.fixture(scope="module")
def table(scenario_reported: RunFolder) -> dict[str, dict[str, str]]:
    return {row["variant"]: row for row in rows(scenario_reported, "summary.csv") if row["workload"] == "burst"}


class TestEveryFormat:
    def test_the_summary_has_a_row_for_each(self, table: dict[str, dict[str, str]]) -> None:
        assert set(table) == set(WORDS)
        for row in table.values():
            assert (row["params"], row["load_model"], row["load"]) == ("of=wait;ms=100", "open", "400")
            assert (row["valid"], row["resolution_s"], row["neighbours"]) == ("true", "0.25", "")

    def test_goodput_is_reported_before_during_and_after(self, table: dict[str, dict[str, str]]) -> None:
        found = {name: [row[column] for column in COLUMNS[:3]] for name, row in table.items()}
        # Django does 130/s from the overload on. The responses of its first 0.1 s still belong to the calm.
        assert found[DJANGO][0] == "100.0"
        assert float(found[DJANGO][1]) == pytest.approx(130, abs=2)
        assert float(found[DJANGO][2]) == pytest.approx(130, abs=0.5)

    def test_a_recovery_is_reported_with_its_interval_and_is_empty_without_recovery(
        self, table: dict[str, dict[str, str]]
    ) -> None:
        # Flask has (400 - 250) x 3 = 450 requests in its queue and reduces them by 150/s. It has recovered when its
        # latency is at most twice the 104 ms of the calm. Then 0.104 s x 250 = 26 are left, after 2.83 s. The next bin
        # begins at 3 s, and it recovered somewhere in the bin before.
        bounds = {
            name: [row[column] for column in ("recovery_s", "recovery_low", "recovery_high")]
            for name, row in table.items()
        }
        assert bounds == {FLASK: ["3.00", "2.75", "3.00"], DJANGO: [""] * 3, FASTAPI: ["0.00"] * 3}

    def test_every_trial_has_its_recovery(self, scenario_reported: RunFolder) -> None:
        found = [row for row in rows(scenario_reported, "trials.csv") if row["workload"] == "burst"]
        assert [row["recovery_s"] for row in found if row["variant"] == FLASK] == ["3.000"] * 3
        assert {row["recovery_s"] for row in found if row["variant"] == DJANGO} == {""}
        assert {row["calm_goodput_rps"] for row in found} == {"100.000"}

    def test_page_and_markdown_say_what_the_summary_says(
        self, page: Page, markdown: str, table: dict[str, dict[str, str]]
    ) -> None:
        for name, words in WORDS.items():
            shown = page.figures[SECTION, name, "400"]
            assert shown == {column: table[name][column] for column in COLUMNS}
            [line] = [
                line for line in markdown.splitlines()
                if line.startswith(f"| {runs.TITLES[name]} |") and line.endswith(f"| {words} |")
            ]  # fmt: skip
            assert [cell for cell in shown.values() if f" {cell or '–'} " not in line] == []
            assert words in page.words

    def test_the_result_is_at_the_top(self, scenario_reported: RunFolder, page: Page, markdown: str) -> None:
        line = answers(load_comparison(scenario_reported))[1]
        assert line.startswith(
            "Calm, overload, calm (of wait, ms = 100; 100, 400, 100 requests/s for 4, 3, 8 s): FastAPI on asyncio "
            "recovers immediately after the overload, with 390 good responses/s during it; Flask on threads recovers "
            "3.00 s (95 % CI 2.75–3.00) after the overload, with "
        )
        assert "Django on gevent does not recover within 8 s of the overload, with 1" in line
        assert line.endswith(" Recovery times have a resolution of 0.25 s.")
        assert line in page.words
        assert f"- {line}\n" in markdown

    def test_two_charts_name_contenders_and_overload(self, scenario_reported: RunFolder, markdown: str) -> None:
        found = [(name, svg) for name, svg in svgs(scenario_reported) if name.startswith("burst")]
        assert [name.rpartition("-")[2] for name, _ in found] == ["goodput.svg", "latency.svg"]
        for name, svg in found:
            assert f"](charts/{name})" in markdown
            ElementTree.fromstring(svg)
            for text in (*runs.TITLES.values(), "overload"):
                assert f">{text}</text>" in svg


class TestBursts:
    def test_a_recovery_is_the_mean_over_trials_with_their_interval(self) -> None:
        # A queue of 3 (400 - c) requests, which c - 100 leave per second.
        section = only([burst_trial(FLASK, repeat, rps) for repeat, rps in enumerate((220, 250, 280), 1)])
        [burst] = section.bursts
        known = [each for each in burst.recoveries if each is not None]
        assert len(known) == 3
        assert burst.recovery is not None
        assert burst.recovery.mean == pytest.approx(sum(known) / 3)
        assert burst.recovery.low is not None
        assert 0 <= burst.recovery.low < burst.recovery.mean

    def test_no_bound_is_below_zero(self) -> None:
        section = only([burst_trial(FLASK, repeat, rps) for repeat, rps in enumerate((400, 400, 300), 1)])
        assert section.bursts[0].recovery is not None
        assert section.bursts[0].recovery.low == 0

    def test_one_trial_without_recovery_gives_no_mean(self) -> None:
        section = only([burst_trial(FLASK, repeat, rps) for repeat, rps in enumerate((250, 130, 250), 1)])
        assert section.bursts[0].recovery is None
        assert burst_word(section, section.bursts[0]) == "did not recover within 8 s in 1 of 3 trials"

    def test_failures_in_the_overload_are_figures_and_do_not_make_it_invalid(self) -> None:
        planned = burst_spec()
        late = [(d, e if not 5 <= d < 8 else math.inf) for d, e in queued(planned, 1000)]
        comparison = runs.compared([burst_of(planned, late)])
        [section] = comparison.bursts
        assert comparison.all_valid
        assert section.bursts[0].cell.errors == 1200
        assert burst_word(section, section.bursts[0]) == "recovered immediately"

    def test_a_line_is_interrupted_where_requests_failed(self) -> None:
        planned = burst_spec()
        requests = [(d, e if not 5 <= d < 8 else math.inf) for d, e in queued(planned, 1000)]
        series = only([burst_of(planned, requests)]).bursts[0].p99_over_time
        assert [at for at, ms in series if math.isnan(ms)] == [5.125 + n / 4 for n in range(12)]

    def test_an_invalid_contender_is_shown_with_its_reason(self) -> None:
        invalid = burst_trial(FLASK).model_copy(update={"disturbance": "stopped"})
        section = only([invalid, burst_trial(DJANGO)])
        assert burst_word(section, section.bursts[0]) == "not counted: disturbed"
        assert answers(runs.compared([invalid, burst_trial(DJANGO)]))[0].endswith(
            "not counted: Flask on threads. Recovery times have a resolution of 0.25 s."
        )

    def test_two_profiles_give_two_sections(self) -> None:
        other = burst_spec(profile=[Stage(rate=50, seconds=2), Stage(rate=300, seconds=2), Stage(rate=50, seconds=4)])
        found = runs.compared([burst_trial(), burst_of(other, queued(other, 200))]).bursts
        assert [section.key for section in found] == ["burst-wait-ms100-50x2-300x2-50x4", SECTION][::-1]

    def test_a_burst_with_only_errors_has_a_report(self, tmp_path: Path) -> None:
        planned = burst_spec()
        trial = burst_of(planned, [(d, math.inf) for d, _ in queued(planned, 200)], timeline=[])
        folder = runs.run_folder(tmp_path, runs.run_record([planned]), [trial])
        assert not write_report(folder).all_valid
        assert not list(svgs(folder))
