"""The method, environment and budgets in a report."""

from tests.made_up import runs
from waitbench.analysis.comparison import compare
from waitbench.report.table import Table
from waitbench.report.tables.budgets import budget_table
from waitbench.report.words.facts import facts


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
