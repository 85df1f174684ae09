"""The method, environment and budgets in a report."""

from tests.made_up import runs
from waitbench.analysis.comparison import compare
from waitbench.records.run import Target
from waitbench.report.table import Table
from waitbench.report.tables.budgets import budget_table
from waitbench.report.words.facts import facts, shortfalls
from waitbench.report.words.summary import introduction


def texts(table: Table) -> list[tuple[str, ...]]:
    return [tuple(entry.text for entry in row.entries) for row in table.rows]


def test_a_missing_pool_is_none_and_a_missing_limit_is_no_limit() -> None:
    specs = [runs.spec("flask-threads"), runs.spec("null")]
    flask = runs.target(budget_read={"workers": 1, "in_flight": 1000, "db_pool": 50})
    null = runs.target("null", framework="none", budget_read={"workers": 1}, workloads=["fast", "wait"])
    run = runs.run_record(specs, targets=[flask, null])
    comparison = compare(run, [runs.trial(spec) for spec in specs])
    assert texts(budget_table(comparison)) == [
        ("processes", "1", "1"),
        ("concurrent requests per process", "1000", "no limit"),
        ("PostgreSQL connections per process", "50", "none"),
    ]


def test_the_cores_of_each_service_are_reported_if_any_has_several_processes() -> None:
    targets = [
        runs.target(budget_read={"workers": 1}),
        runs.target("node-cluster", budget_read={"workers": 2}),
        runs.target("flask-threads-2w-2cpu", budget_read={"workers": 2}, cpus=2),
    ]
    specs = [runs.spec(target.name) for target in targets]
    found = budget_table(compare(runs.run_record(specs, targets=targets), [runs.trial(spec) for spec in specs]))
    assert texts(found) == [
        ("processes", "1", "2", "2"),
        ("cores per service (default: the same for every service)", "default", "default", "2"),
    ]


def test_many_contenders_have_a_row_each() -> None:
    names = [f"contender-{number}" for number in range(7)]
    targets = [runs.target(name, budget_read={"workers": 1, "in_flight": n}) for n, name in enumerate(names, 1)]
    specs = [runs.spec(name) for name in names]
    found = budget_table(compare(runs.run_record(specs, targets=targets), [runs.trial(spec) for spec in specs]))
    titles = [column.title for column in found.columns]
    assert titles == ["contender", "processes", "concurrent requests per process"]
    assert texts(found) == [(name, "1", str(n)) for n, name in enumerate(names, 1)]


def test_only_the_packages_that_a_service_uses_are_reported() -> None:
    versions = {"uvloop": "0.23", "httptools": "0.9", "psycopg": "3.3", "httpx2": "2.16", "flask": "3.1"}
    null = runs.target(
        "null", framework="none", server="asyncio, uvloop, httptools", workloads=["fast", "wait"],
        info={"python": "3.11.7", "versions": versions},
    )  # fmt: skip
    specs = [runs.spec("null")]
    comparison = compare(runs.run_record(specs, targets=[null]), [runs.trial(spec) for spec in specs])
    assert ("null", "Python 3.11.7, uvloop 0.23, httptools 0.9") in dict(facts(comparison))["Environment"]


def test_repeats_and_seconds_are_reported_as_a_range_if_cells_have_their_own() -> None:
    specs = [runs.spec("flask-threads", load=users) for users in (10, 20)]
    run = runs.run_record(specs)
    [cell] = run.plan.cells
    own = cell.model_copy(update={"repeats": 6, "measure_s": 2.5})
    for cells, repeats, seconds in (([cell], "1", "10"), ([cell, own], "1 to 6", "2.5 to 10"), ([own], "6", "2.5")):
        changed = runs.with_plan(run, cells=cells)
        method = dict(dict(facts(compare(changed, [runs.trial(spec) for spec in specs])))["How it was measured"])
        assert method["plan"].startswith(f"made-up, {repeats} repeats, ")
        assert f" {seconds} s measured, " in method["trial"]


class TestNotes:
    """Notes on trials that count are caveats too, because no figure shows them."""

    @staticmethod
    def caveats(stalled: int, of: int = 5) -> list[str]:
        specs = [runs.spec("flask-threads", load=10 * n) for n in range(1, of + 1)]
        trials = [runs.trial(spec, longest_silence_s=1.0 if n < stalled else 0.0) for n, spec in enumerate(specs)]
        comparison = compare(runs.run_record(specs), trials)
        assert comparison.all_valid
        return [line for line in shortfalls(comparison) if "stall" in line]

    def test_each_is_a_line_with_its_place(self) -> None:
        one, two = self.caveats(2)
        assert one.startswith(
            "Flask on threads, wait, 10 users: stall (a note; the trial counts): no response for 1.0 s "
        )
        assert two.startswith("Flask on threads, wait, 20 users: stall ")

    def test_many_of_a_rule_are_one_line(self) -> None:
        [line] = self.caveats(4)
        assert line.startswith(
            "stall: 4 notes in 4 of 5 rows; the trials count (Flask on threads, wait, 10 users; Flask on threads, "
            "wait, 20 users; Flask on threads, wait, 30 users; and others). The first: no response for 1.0 s of 10 s, "
        )

    def test_none_is_no_line(self) -> None:
        assert self.caveats(0) == []


class TestIntroduction:
    @staticmethod
    def first(*targets: Target) -> list[str]:
        specs = [runs.spec(target.name) for target in targets]
        run = runs.run_record(specs, targets=list(targets))
        return introduction(compare(run, [runs.trial(spec) for spec in specs]))

    def test_it_names_the_contenders_and_not_what_is_shown_next_to_them(self) -> None:
        lines = self.first(
            runs.target("flask-threads"), runs.target("django-gevent"), runs.target("go", kind="reference")
        )
        assert lines[0] == "This run compares Flask on threads and Django on gevent."

    def test_a_run_of_an_instrument_alone_is_introduced_too(self) -> None:
        null = runs.target(
            "null", framework="none", workloads=["fast", "wait"], kind="instrument", title="Null service"
        )
        assert self.first(null)[0] == "This run measures Null service."

    def test_it_counts_many_contenders(self) -> None:
        lines = self.first(*(runs.target(f"contender-{number}") for number in range(7)))
        assert lines[0] == "This run compares 7 contenders."

    def test_it_says_that_each_has_one_core_only_if_that_is_so(self) -> None:
        one = runs.target(budget_read={"workers": 1}, info={"cores": [0]})
        two = runs.target("go", budget_read={"workers": 1}, info={"cores": [0, 1]})
        said = "Each service has one process on one core."
        assert said in self.first(one)
        assert said not in self.first(one, two)
        assert said not in self.first(one, runs.target("node", budget_read={"workers": 2}, info={"cores": [0]}))
