"""The report of a run in which a block was measured again."""

import csv

from tests.made_up import runs
from waitbench.analysis.comparison import compare
from waitbench.records.spec import TrialSpec
from waitbench.report.contents import report_of
from waitbench.report.formats.csv_files import text
from waitbench.report.tables.summary import summary
from waitbench.report.tables.trials import trials

FLASK, DJANGO = "flask-threads", "django-gevent"
LATE = runs.GENERATOR.model_copy(update={"lag_p99_ms": 80.0})


def specs(block: int, repeat: int, replaces: int = 0) -> list[TrialSpec]:
    return [runs.spec(name, "fast", {}, 20, repeat=repeat, block=block, replaces=replaces) for name in (FLASK, DJANGO)]


PLANNED = [*specs(1, 1), *specs(2, 2), *specs(3, 1, replaces=1)]
TRIALS = [
    runs.at_rate(PLANNED[0], 40, generator=LATE),
    runs.at_rate(PLANNED[1], 20),
    *(runs.at_rate(spec, 80) for spec in PLANNED[2:]),
]
COMPARISON = compare(runs.run_record(PLANNED), TRIALS)


def test_a_replaced_trial_is_in_no_figure() -> None:
    rows = list(csv.DictReader(text(summary(COMPARISON)).splitlines()))
    assert [(row["goodput_rps"], row["trials"], row["trials_planned"], row["valid"]) for row in rows] == [
        ("80.0", "2", "2", "true")
    ] * 2


def test_trials_csv_has_it_with_the_block_that_replaced_it() -> None:
    rows = list(csv.DictReader(text(trials(COMPARISON)).splitlines()))
    assert [(row["block"], row["valid"], row["replaced_by"]) for row in rows] == [
        ("1", "false", "3"),
        ("1", "true", "3"),
        ("2", "true", ""),
        ("2", "true", ""),
        ("3", "true", ""),
        ("3", "true", ""),
    ]


def test_a_caveat_names_the_block_and_why_and_the_method_counts_it() -> None:
    report = report_of(COMPARISON, charted=False)
    [caveat] = [line for line in report.caveats if "measured again" in line]
    assert caveat == (
        "fast, 20 users, repeat 1 was measured again, because the machine disturbed it (Flask on threads: "
        "generator-lag: the load generator was late: p99 lag 80.0 ms, limit 50 ms)."
    )
    [(_, method), _] = report.facts
    assert ("measured again", "1 block that the machine disturbed; the disturbed ones are in no figure") in method


def test_a_run_without_replacements_says_nothing_of_them() -> None:
    report = report_of(compare(runs.run_record(PLANNED[:4]), TRIALS[:4]), charted=False)
    assert not any("measured again" in line for line in report.caveats)
    assert "measured again" not in dict(report.facts[0][1])


def test_each_block_of_a_chain_is_named_with_the_one_that_replaced_it() -> None:
    planned = [*specs(1, 1), *specs(2, 1, replaces=1), *specs(3, 1, replaces=2)]
    late = [runs.at_rate(spec, 40, generator=LATE) for spec in planned[:4]]
    comparison = compare(runs.run_record(planned), [*late, *(runs.at_rate(spec, 80) for spec in planned[4:])])
    rows = list(csv.DictReader(text(trials(comparison)).splitlines()))
    assert [row["replaced_by"] for row in rows] == ["2", "2", "3", "3", "", ""]
    report = report_of(comparison, charted=False)
    assert sum("was measured again" in line for line in report.caveats) == 2
    assert dict(report.facts[0][1])["measured again"].startswith("2 blocks ")
