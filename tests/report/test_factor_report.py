"""The report of framework and model effects in every format, and the layout of a report with many contenders."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.made_up import runs
from tests.made_up.matrix import (
    CLAIMS,
    ODD,
    OTHERS,
    SERVED,
    TITLES,
    TRIO,
    matrix_run,
    matrix_targets,
    matrix_trials,
    served_run,
    served_trials,
)
from tests.made_up.reported import uncharted
from tests.report.test_report import Page, rows, svgs
from waitbench.analysis.loading import load_comparison
from waitbench.records.folder import RunFolder
from waitbench.report.charts.theme import looks
from waitbench.report.words.factors import notes
from waitbench.report.words.levels import heading
from waitbench.report.words.summary import answers
from waitbench.report.write import write_report


@pytest.fixture(scope="module")
def page(matrix_reported: RunFolder) -> Page:
    return Page((matrix_reported.path / "report.html").read_text())


@pytest.fixture(scope="module")
def markdown(matrix_reported: RunFolder) -> str:
    return (matrix_reported.path / "report.md").read_text()


HEADING = heading(("framework", "model"))
MEASURES = {"good responses/s": "goodput", "p50": "p50", "CPU s per 1,000": "cpu", "KiB per request": "memory"}


def in_page(text: str) -> dict[tuple[str, str, str], tuple[str, bool]]:
    """The effects in report.html by level, level of the other factor, and measure: the text, and whether it is bold."""
    found = {}
    for level, within, row in re.findall(r'<tr data-level="([^"]+)" data-within="([^"]*)">(.*?)</tr>', text, re.DOTALL):
        for measure, style, shown in re.findall(r'<td data-label="(.+?)" class="figure( best)?">(.+?)</td>', row):
            found[level, within, MEASURES[measure]] = (shown, bool(style))
    return found


def in_markdown(text: str) -> dict[tuple[str, str, str], str]:
    """The same for report.md; the text includes the markup for bold."""
    lines = text[text.index(f"### {HEADING}") :].partition("\n## ")[0].splitlines()
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    measures = [MEASURES[title] for title in table[0][1:]]  # the empty title of the first column was stripped
    found: dict[tuple[str, str, str], str] = {}
    for title, _, *cells in table[2:]:
        level, _, within = title.replace(" in ", " on ").lower().partition(" on ")
        found |= {(level, within, measure): shown for measure, shown in zip(measures, cells, strict=True)}
    return found


class TestEveryFormat:
    @uncharted
    @pytest.mark.parametrize("odd", [ODD, {}], ids=["interaction", "none"])
    def test_the_table_of_page_and_markdown_has_the_figures_of_factors_csv(
        self, tmp_path: Path, odd: dict[str, float]
    ) -> None:
        trials = matrix_trials(odd=odd)
        folder = runs.run_folder(tmp_path, matrix_run(trials), trials)
        write_report(folder)
        effects = [row for row in rows(folder, "factors.csv") if row["reference"] in ("flask", "threads")]
        page, markdown = (
            in_page((tmp_path / "report.html").read_text()),
            in_markdown((tmp_path / "report.md").read_text()),
        )
        assert len(effects) == len(MEASURES) * (5 + 13)
        assert {row["says"] for row in effects if not row["within"] and row["measure"] == "goodput"} == (
            {"interaction"} if odd else {"more", "less"}
        )
        for row in effects:
            bold, place = row["says"] in ("more", "less"), (row["level"], row["within"], row["measure"])
            shown = page[place][0]
            figures = [float(row[name]) for name in ("ratio", "ratio_low", "ratio_high") if row[name]]
            # Both are rounded from a figure with more digits.
            assert [float(n) for n in re.findall(r"[0-9.]+", shown)] == pytest.approx(figures, abs=0.0051), row
            assert shown.startswith("mean ") == (row["says"] == "interaction"), row
            assert page[place][1] == bold, row
            assert markdown[place] == (f"**{shown}**" if bold else shown), row

    def test_with_interaction_only_simple_effects_are_bold(self, matrix_reported: RunFolder, page: Page) -> None:
        found = in_page(page.text)
        for name in ("goodput", "p50", "cpu"):
            assert not any(bold for (_, within, measure), (_, bold) in found.items() if measure == name and not within)
            assert found["django", "threads", name][1]
            assert found["asyncio", "flask", name][1]

    def test_the_caption_names_the_measures_with_means(self, matrix_reported: RunFolder, tmp_path: Path) -> None:
        means = "; dashed lines, for good responses/s, p50 and CPU s per 1,000, are means of ratios that differ"
        assert means in (matrix_reported.path / "report.md").read_text()
        trials = matrix_trials(odd={})
        folder = runs.run_folder(tmp_path, matrix_run(trials), trials)
        write_report(folder)
        assert "dashed" not in (tmp_path / "report.md").read_text()

    def test_shares_add_up_and_are_shown(self, matrix_reported: RunFolder, page: Page) -> None:
        found = rows(matrix_reported, "factors.csv")
        for load in ("200", "400"):
            shares = [float(r["share"]) for r in found if (r["measure"], r["load"]) == ("goodput", load) and r["share"]]
            assert len(shares) == 4
            assert sum(shares) == pytest.approx(1, abs=0.001)
        assert f"{round(shares[1] * 100)} %" in page.words

    def test_factors_csv_has_every_load_point_and_measure(self, matrix_reported: RunFolder) -> None:
        found = rows(matrix_reported, "factors.csv")
        assert {(row["load"], row["measure"]) for row in found} == {
            (load, name) for load in ("200", "400") for name in ("goodput", "p50", "cpu", "memory")
        }
        assert {row["contenders"] for row in found if not row["within"]} == {";".join(TITLES)}
        simple = {row["contenders"] for row in found if (row["level"], row["within"]) == ("django", "gevent")}
        assert simple == {"django-gevent;flask-gevent"}
        assert {row["repeats"] for row in found if row["within"] and row["measure"] != "memory"} == {"3"}
        [odd] = [r for r in found if (r["factor"], r["load"], r["measure"]) == ("contender", "400", "goodput")]
        assert (odd["level"], odd["reference"], odd["says"]) == ("flask-asyncio", "predicted", "departs")

    def test_page_and_markdown_have_the_notes_and_the_result(
        self, matrix_reported: RunFolder, page: Page, markdown: str
    ) -> None:
        comparison = load_comparison(matrix_reported)
        assert f"### {HEADING}" in markdown
        for line in (*notes(comparison.factors[-1]), *answers(comparison)):
            assert line in page.words
            assert f"- {line}\n" in markdown

    def test_one_chart_has_every_level(self, matrix_reported: RunFolder, markdown: str) -> None:
        [(name, svg)] = [(name, svg) for name, svg in svgs(matrix_reported) if "factors" in name]
        assert f"](charts/{name})" in markdown
        for text in ("Flask", "Django", "FastAPI", "threads", "gevent", "asyncio", "sync", "good responses/s", "p50"):
            assert f">{text}</text>" in svg

    def test_the_page_is_well_formed(self, page: Page) -> None:
        assert page.unclosed == []

    def test_a_run_without_a_matrix_has_none_of_it(self, reported: RunFolder) -> None:
        assert not (reported.path / "factors.csv").exists()
        assert HEADING not in (reported.path / "report.md").read_text()
        assert HEADING not in (reported.path / "report.html").read_text()

    def test_a_measure_that_cannot_be_split_is_named_and_not_drawn(self, tmp_path: Path) -> None:
        trials = matrix_trials(("flask-threads", "flask-sync", "django-sync", "fastapi-asyncio"))
        folder = runs.run_folder(tmp_path, matrix_run(trials), trials)
        write_report(folder)
        assert [name for name, _ in svgs(folder) if "factors" in name] == []
        assert "cannot be split" in (tmp_path / "report.md").read_text()
        found = rows(folder, "factors.csv")
        assert {row["says"].partition(":")[0] for row in found if not row["within"]} == {"not split"}
        # Simple effects need no split.
        assert {(row["level"], row["within"]) for row in found if row["within"]} == {
            ("django", "sync"), ("threads", "flask"),
        }  # fmt: skip
        assert "| Django on sync | Flask on sync | **0.79 (0.77–0.81)** |" in (tmp_path / "report.md").read_text()

    @uncharted
    def test_one_repeat_has_no_intervals(self, tmp_path: Path) -> None:
        trials = matrix_trials(repeats=1)
        folder = runs.run_folder(tmp_path, matrix_run(trials), trials)
        write_report(folder)
        assert {row["ratio_low"] for row in rows(folder, "factors.csv")} == {""}
        assert "for good responses/s, no effect is significant" in (tmp_path / "report.md").read_text()


def served(path: Path, names: Sequence[str] = tuple(SERVED), **changes: Any) -> RunFolder:
    """The folder of a run of contenders with their own servers, with its report."""
    trials = served_trials(names, **changes)
    folder = runs.run_folder(path, served_run(trials), trials)
    write_report(folder)
    return folder


class TestServer:
    @uncharted
    @pytest.mark.parametrize("odd", [{"flask-asyncio": 0.5}, {}], ids=["interaction", "none"])
    @pytest.mark.parametrize("names", [tuple(SERVED), (*TRIO, "flask-threads-granian")], ids=["all", "one pair"])
    def test_the_page_has_every_effect_of_factors_csv(
        self, tmp_path: Path, names: tuple[str, ...], odd: dict[str, float]
    ) -> None:
        folder = served(tmp_path, names, odd=odd)
        page = in_page((tmp_path / "report.html").read_text())
        effects = [row for row in rows(folder, "factors.csv") if row["reference"] not in ("", "predicted")]
        assert {(row["level"], row["within"], row["measure"]) for row in effects} == set(page)
        for row in effects:
            shown, bold = page[row["level"], row["within"], row["measure"]]
            figures = [float(row[name]) for name in ("ratio", "ratio_low", "ratio_high") if row[name]]
            words = {"confounded": "confounded", "interaction": "interaction", "inconclusive": "–"}
            if not figures:
                assert shown == words[row["says"]], row
            else:
                assert [float(n) for n in re.findall(r"[0-9.]+", shown)] == pytest.approx(figures, abs=0.0051), row
            assert bold == (row["says"] in ("more", "less")), row

    @uncharted
    def test_a_confounded_level_has_no_figure_in_any_output(self, tmp_path: Path) -> None:
        folder = served(tmp_path)
        found = {(row["level"], row["reference"]): row for row in rows(folder, "factors.csv")
                 if row["says"] == "confounded" and row["measure"] == "goodput"}  # fmt: skip
        assert {place: row["confounded_with"] for place, row in found.items()} == {
            ("sync", "asyncio"): "gunicorn sync", ("gevent", "asyncio"): "gunicorn gevent",
            ("gunicorn gthread", "uvicorn, uvloop, httptools"): "framework;model",
            ("gunicorn sync", "uvicorn, uvloop, httptools"): "sync",
            ("gunicorn gevent", "uvicorn, uvloop, httptools"): "gevent",
        }  # fmt: skip
        assert {row["ratio"] + row["ratio_low"] + row["ratio_high"] for row in found.values()} == {""}
        markdown = (tmp_path / "report.md").read_text()
        assert "| gevent | asyncio | confounded | confounded | confounded | confounded |" in markdown
        assert not re.search(r"gevent at [0-9.]+x (asyncio|threads)", markdown)

    def test_the_chart_says_confounded_and_names_the_other_reference(self, tmp_path: Path) -> None:
        [svg] = [svg for name, svg in svgs(served(tmp_path)) if "factors" in name]
        assert svg.count(">confounded</text>") == 3 * 5  # memory has one figure, which cannot show interaction
        assert ">granian WSGI / gunicorn gthread</text>" in svg
        assert ">uvicorn h11</text>" in svg

    def test_with_interaction_the_chart_has_the_simple_effects(self, tmp_path: Path) -> None:
        folder = served(tmp_path, odd={"flask-asyncio": 0.5})
        assert [name for name, _ in svgs(folder) if "factors" in name] == ["wait-ms100-factors.svg"]
        points = "for good responses/s, p50 and CPU s per 1,000, the points of a row are its simple effects"
        assert points in (tmp_path / "report.md").read_text()

    @uncharted
    def test_shares_add_up(self, tmp_path: Path) -> None:
        found = [row for row in rows(served(tmp_path), "factors.csv") if row["measure"] == "goodput" and row["share"]]
        assert [row["factor"] for row in found] == ["framework", "model", "server", "several", "none"]
        assert sum(float(row["share"]) for row in found) == pytest.approx(1, abs=0.001)

    def test_a_server_that_is_no_factor_is_confounded_in_every_output(self, tmp_path: Path) -> None:
        found = rows(served(tmp_path, CLAIMS), "factors.csv")
        [server] = [row for row in found if row["factor"] == "server" and row["measure"] == "goodput"]
        assert (server["says"], server["confounded_with"], server["level"]) == ("confounded", "framework;model", "")
        other = {(row["level"], row["within"]) for row in found if row["within"] and row["confounded_with"] == "server"}
        assert ("asyncio", "django") in other
        assert ("asyncio", "flask") not in other
        markdown = (tmp_path / "report.md").read_text()
        assert "| server |  | confounded | confounded | confounded | confounded |" in markdown
        assert "| asyncio in Django | threads in Django, other server | " in markdown
        assert "| asyncio in Flask | threads in Flask | " in markdown
        assert "(both include the server)" in markdown
        assert "; both include the server](charts/wait-ms100-factors.svg)" in markdown


class TestLooks:
    def test_colour_is_the_framework_and_mark_the_model(self) -> None:
        found = looks(matrix_targets())
        for kind, place in (("colour", 0), ("mark", 1)):
            levels = {(name.split("-")[place], getattr(found[name], kind)) for name in TITLES}
            assert len(levels) == len({level for level, _ in levels}) == len({shown for _, shown in levels})
        assert len({found[name].colour for name in ("flask-sync", "django-sync", "fastapi-asyncio", *OTHERS)}) == 6

    def test_the_default_contenders_have_fixed_looks(self) -> None:
        found = looks([runs.target(name) for name in runs.TITLES])
        assert [(each.colour, each.mark) for each in found.values()] == [(0, 0), (1, 1), (2, 2)]
        more = looks([*(runs.target(name) for name in runs.TITLES), runs.external()])
        assert (more["mine"].colour, more["mine"].mark) == (3, 4)

    def test_no_two_look_alike_even_with_the_same_framework_and_model(self) -> None:
        twins = [runs.target(f"flask-threads-{n}", framework="flask", model="threads") for n in range(8)]
        externals = [runs.external(f"mine-{n}") for n in range(4)]
        found = looks([*matrix_targets(), *externals, *twins[:4]])
        assert len(set(found.values())) == len(found) == 21
        assert len(set(looks(twins).values())) == 8

    def test_a_page_has_each_contender_s_colour_and_mark_before_its_name(self, page: Page) -> None:
        dots = {value for tag, name, value in page.attributes if (tag, name) == ("span", "class")}
        assert dots == {f"dot m{mark}" for mark in range(6)}

    def test_dots_are_round_if_all_colours_differ(self, reported: RunFolder) -> None:
        assert 'class="dot m' not in (reported.path / "report.html").read_text()


class TestCrowd:
    def test_every_name_is_once_in_each_chart(self, matrix_reported: RunFolder) -> None:
        titles = [target.title for target in matrix_targets()]
        for name, svg in svgs(matrix_reported):
            if "factors" not in name:
                assert {title: svg.count(f">{title}</text>") for title in titles} == dict.fromkeys(titles, 1), name

    def test_a_chart_of_one_load_names_its_rows_instead_of_a_legend(self, tmp_path: Path) -> None:
        trials = matrix_trials((*TITLES, *OTHERS), repeats=2)
        folder = runs.run_folder(tmp_path, matrix_run(trials), trials)
        write_report(folder)
        svg = dict(svgs(folder))["wait-ms100-throughput.svg"]
        assert svg.count(">Flask on threads</text>") == 1
        assert re.search(r'id="ytick_1".*>Flask on sync workers</text>', svg, re.DOTALL)

    def test_figures_far_apart_are_on_a_logarithmic_axis_that_the_caption_names(
        self, matrix_reported: RunFolder, markdown: str, reported: RunFolder
    ) -> None:
        assert (
            "bars are 95 % intervals over trials; on a logarithmic axis](charts/wait-ms100-throughput.svg)" in markdown
        )
        assert "; on a logarithmic axis]" not in (reported.path / "report.md").read_text()

    def test_budgets_have_a_row_for_each_contender(self, page: Page) -> None:
        assert page.values("data-label").count("processes") == 13
