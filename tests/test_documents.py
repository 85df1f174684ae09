"""The documents agree with the code, the commands and the example run."""

import re
import shutil
from pathlib import Path

import click
import pytest

from tests import faults
from waitbench.analysis.loading import load_comparison
from waitbench.catalog.variants import load_variants
from waitbench.cli.main import cli
from waitbench.paths import ROOT
from waitbench.plan.plan_file import load_plan
from waitbench.records.folder import RunFolder
from waitbench.report.contents import report_of
from waitbench.report.formats.markdown import table_lines
from waitbench.report.write import write_report

DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md")]
DOCUMENTS += sorted((ROOT / "docs").glob("*.md"))
README = (ROOT / "README.md").read_text()
EXAMPLE = RunFolder(ROOT / "results" / "example")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    assert [link for link in links if "://" not in link and not (document.parent / link).exists()] == []


@pytest.mark.parametrize("name", cli.commands)
def test_every_command_and_option_is_in_the_readme(name: str) -> None:
    rows = [line for line in README.splitlines() if line.startswith(f"| `{name} ")]
    assert len(rows) == 1
    for parameter in cli.commands[name].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.opts[0] in rows[0]


def test_the_readmes_table_is_that_of_the_example_run() -> None:
    """The README has some of the columns, in their order."""
    shown = re.search(r"<!-- table: .*? -->\n(.*?)\n<!-- end of table -->", README, re.DOTALL)
    assert shown is not None
    titles = shown[1].splitlines()[0].strip("| ").split(" | ")
    [table] = [
        part.table for part in report_of(load_comparison(EXAMPLE), charted=False).parts if part.key == "wait-ms100"
    ]
    assert shown[1].splitlines() == table_lines(table.only(*titles))


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


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/reliability.md"])
def test_every_target_of_the_makefile_that_a_document_names_exists(document: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z-]+)", (ROOT / document).read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_example_of_a_claim_can_be_run(tmp_path: Path) -> None:
    shown = (ROOT / "docs" / "claims.md").read_text()
    for kind in ("claims", "plan"):
        found = re.search(rf"<!-- {kind} -->\n```toml\n(.*?)\n```\n", shown, re.DOTALL)
        assert found is not None
        (tmp_path / f"{kind}.toml").write_text(found[1])
    plan = load_plan(tmp_path / "plan.toml", load_variants())
    assert [claim.id for claim in plan.claims] == ["threads-wait", "neighbours"]
    assert plan.variants == ["flask-threads", "fastapi-asyncio"]


def test_every_claim_is_documented_with_the_limits_of_its_test() -> None:
    shown = (ROOT / "docs" / "claims.md").read_text()
    ids = re.findall(r'^id = "([a-z-]+)"', (ROOT / "loadtests" / "claims.toml").read_text(), re.MULTILINE)
    assert len(ids) == 10
    assert [name for name in ids if f"**{name}**" not in shown] == []
