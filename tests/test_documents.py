"""The documents agree with the code, the commands and the example run."""

import csv
import re
import shutil
import tomllib
from pathlib import Path

import click
import pytest

from tests import faults
from waitbench.analysis.loading import load_comparison
from waitbench.catalog.variants import load_variants
from waitbench.cli.main import cli
from waitbench.paths import ROOT
from waitbench.paths import VARIANTS as VARIANTS_FILE
from waitbench.plan.bundled import plan_names
from waitbench.plan.cell import Cell
from waitbench.plan.plan import Plan
from waitbench.plan.plan_file import load_plan
from waitbench.records.folder import RunFolder
from waitbench.report.contents import report_of
from waitbench.report.formats.markdown import table_lines
from waitbench.report.write import write_report

DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
README = (ROOT / "README.md").read_text()
DOCS = {page.stem: page.read_text() for page in sorted((ROOT / "docs").glob("*.md"))}
EXAMPLE = RunFolder(ROOT / "results" / "example")


def anchors(document: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def leads_somewhere(document: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = document.parent / name if name else document
    return "://" in link or (target.exists() and (not anchor or anchor in anchors(target)))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", document.read_text())
    assert [link for link in links if not leads_somewhere(document, link)] == []


def test_a_link_to_a_missing_page_or_section_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# What's `new` here?\n\n```\n# no heading\n```\n")
    assert leads_somewhere(page, "#whats-new-here")
    assert leads_somewhere(page, "page.md#whats-new-here")
    assert not leads_somewhere(page, "#no-heading")
    assert not leads_somewhere(page, "other.md")


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_and_option_is_documented(name: str) -> None:
    rows = [line for line in DOCS["run"].splitlines() if line.startswith(f"| `{name} ")]
    assert len(rows) == 1
    for parameter in cli.commands[name].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.opts[0] in rows[0]


def test_every_plan_is_documented() -> None:
    section = DOCS["run"].partition("## Choose a plan")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == set(plan_names())


def test_the_table_of_how_to_read_a_report_is_that_of_the_example_run() -> None:
    """The page has some of the columns, in their order."""
    shown = re.search(r"<!-- table: .*? -->\n(.*?)\n<!-- end of table -->", DOCS["read-a-report"], re.DOTALL)
    assert shown is not None
    titles = shown[1].splitlines()[0].strip("| ").split(" | ")
    [table] = [
        part.table for part in report_of(load_comparison(EXAMPLE), charted=False).parts if part.key == "wait-ms100"
    ]
    assert shown[1].splitlines() == table_lines(table.only(*titles))


ENDPOINTS = {"wait of 100 ms": "wait", "PostgreSQL query of 50 ms": "db", "three remote calls of 100 ms": "upstream"}
"""The workloads of the plan `quick`, as the README calls them."""


def readme_table(name: str) -> list[tuple[str, str, list[str]]]:
    """Workload, users and figures of each row of a table in the README."""
    shown = re.search(rf"<!-- {name} -->\n.*\n.*\n((?:\|.*\n)+)", README)
    assert shown is not None
    rows = [row.strip("| ").split(" | ") for row in shown[1].splitlines()]
    return [(ENDPOINTS[endpoint], users, figures) for endpoint, users, *figures in rows]


def example_rows(workload: str, users: str) -> list[dict[str, str]]:
    """The rows of the example's summary.csv, in the order of the contenders."""
    with (EXAMPLE.path / "summary.csv").open() as file:
        return [row for row in csv.DictReader(file) if (row["workload"], row["load"]) == (workload, users)]


def test_the_readme_s_throughput_is_that_of_the_example_run() -> None:
    for workload, users, figures in readme_table("goodput"):
        columns = [[row[f"goodput_{name}"] for name in ("rps", "low", "high")] for row in example_rows(workload, users)]
        rounded = [[f"{float(value):,.0f}" for value in each] for each in columns]
        assert figures[:-1] == [f"{mean} ({low}–{high})" for mean, low, high in rounded], (workload, users)


def test_the_readme_s_memory_is_that_of_the_example_run() -> None:
    for workload, users, figures in readme_table("memory"):
        assert figures == [row["kib_per_request"] for row in example_rows(workload, users)], (workload, users)


def test_the_example_is_a_complete_run_of_the_quick_plan() -> None:
    comparison = load_comparison(EXAMPLE)
    assert (comparison.run.status, comparison.run.plan_name, comparison.missing) == ("complete", "quick", [])
    assert comparison.all_valid


def test_the_example_s_tables_are_what_its_trials_give_today(tmp_path: Path) -> None:
    """If this fails, `waitbench report results/example` updates the example.

    Charts are not compared, because their last digits depend on the processor.
    """
    rebuilt = RunFolder(tmp_path / EXAMPLE.path.name)
    shutil.copytree(EXAMPLE.path, rebuilt.path)
    write_report(rebuilt)
    for name in ("report.md", "summary.csv", "trials.csv"):
        assert (rebuilt.path / name).read_text() == (EXAMPLE.path / name).read_text(), name


def test_the_page_on_reliability_lists_every_fault_that_a_test_injects() -> None:
    """If this fails, `python -m tests.faults` updates the page."""
    page = faults.PAGE.read_text()
    assert faults.with_table(page) == page


NAMES_TARGETS = ["README", "CONTRIBUTING", *(f"docs/{name}" for name in ("reliability", "run", "lesson", "claims"))]
NAMES_TARGETS += [f"docs/{name}" for name in ("read-a-report", "measure-your-service", "write-a-plan", "add-a-variant")]


@pytest.mark.parametrize("document", NAMES_TARGETS)
def test_every_target_of_the_makefile_that_a_document_names_exists(document: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    found = re.findall(r"\bmake ([a-z-]+)", (ROOT / f"{document}.md").read_text())
    assert found
    for target in found:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def plans_shown(page: str) -> list[str]:
    """The plans on a page; a cell alone gets the rest of a plan around it."""
    shown = re.findall(r"```toml\n(.*?)```", DOCS[page], re.DOTALL)
    whole = 'title = "t"\nvariants = ["fastapi-asyncio"]\n'
    return [text if text.startswith("title") else whole + text for text in shown]


@pytest.mark.parametrize("page", ["write-a-plan", "measure-your-service", "read-a-report"])
def test_every_plan_on_a_page_can_be_run(page: str, tmp_path: Path) -> None:
    assert plans_shown(page)
    for text in plans_shown(page):
        (tmp_path / "mine.toml").write_text(text)
        assert load_plan(tmp_path / "mine.toml", load_variants()).cells


def test_every_key_of_a_plan_is_documented() -> None:
    shown = DOCS["write-a-plan"]
    keys = {*Plan.model_fields, *Cell.model_fields} - {"cells", "external"}
    assert [key for key in sorted(keys) if f"`{key}`" not in shown and f"\n{key} = " not in shown] == []


def test_the_example_of_a_variant_can_be_read(tmp_path: Path) -> None:
    shown = re.search(r"<!-- variant -->\n```toml\n(.*?)```", DOCS["add-a-variant"], re.DOTALL)
    assert shown is not None
    (tmp_path / "variants.toml").write_text(f"{VARIANTS_FILE.read_text()}\n{shown[1]}")
    [added] = set(load_variants(tmp_path / "variants.toml")) - set(load_variants())
    assert f"command: [{added}]" in DOCS["add-a-variant"]


def test_the_example_of_a_claim_can_be_run(tmp_path: Path) -> None:
    shown = DOCS["claims"]
    for kind in ("claims", "plan"):
        found = re.search(rf"<!-- {kind} -->\n```toml\n(.*?)\n```\n", shown, re.DOTALL)
        assert found is not None
        (tmp_path / f"{kind}.toml").write_text(found[1])
    plan = load_plan(tmp_path / "plan.toml", load_variants())
    assert [claim.id for claim in plan.claims] == ["threads-wait", "neighbours"]
    assert plan.variants == ["flask-threads", "fastapi-asyncio"]


def test_the_page_of_claims_states_each_in_the_words_of_the_file() -> None:
    claims = tomllib.loads((ROOT / "loadtests" / "claims.toml").read_text())["claims"]
    rows = re.findall(r"^\| ([a-z-]+) \| ([A-Z].+?) \| \w+, \w+ \|$", DOCS["claims"], re.MULTILINE)
    assert rows == [(claim["id"], claim["says"]) for claim in claims]


def test_every_claim_is_documented_with_the_limits_of_its_test() -> None:
    shown = DOCS["claims"]
    ids = re.findall(r'^id = "([a-z-]+)"', (ROOT / "loadtests" / "claims.toml").read_text(), re.MULTILINE)
    assert len(ids) == 10
    assert [name for name in ids if f"**{name}**" not in shown] == []
