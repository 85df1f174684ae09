"""report.html and claims.html in a real browser that has no network."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browsing import chromium, site
from waitbench.records.folder import RunFolder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

pytestmark = pytest.mark.tools

CUT = "[...document.querySelectorAll('.wide')].filter(table => table.scrollWidth > table.clientWidth).length"
"""The number of tables that are wider than the space for them."""
BOXES = """letters => letters.map(each => each.getBoundingClientRect()).map(box => [box.left, box.right, box.height])"""
"""The left edge, right edge and height of each element, in pixels."""
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with chromium() as launched:
        yield launched


@pytest.fixture
def faults(browser: "Browser") -> Iterator[list[str]]:
    """Collects complaints of the browser, and closes its pages afterwards."""
    yield []
    for context in browser.contexts:
        context.close()


@pytest.fixture(
    params=["reported", "partly_reported", "knee_reported", "scenario_reported", "matrix_reported", "claims_reported"]
)
def folder(request: pytest.FixtureRequest) -> RunFolder:
    found: RunFolder = request.getfixturevalue(request.param)
    return found


def opened(
    browser: "Browser", folder: RunFolder, faults: list[str], file: str = "report.html", **context: Any
) -> "Page":
    def dismiss(dialog: "Dialog") -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page = browser.new_context(offline=True, **context).new_page()
    page.on("console", lambda message: faults.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("requestfailed", lambda request: faults.append(f"asked for {request.url}"))
    page.on("dialog", dismiss)
    page.goto((folder.path / file).resolve().as_uri())
    return page


def brightness(colour: str) -> float:
    """The brightness of `rgb(r, g, b)`, from 0 (black) to 255 (white)."""
    red, green, blue = (float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    return 0.3 * red + 0.6 * green + 0.1 * blue


def style(page: "Page", selector: str, name: str) -> str:
    found = page.eval_on_selector(selector, f"element => getComputedStyle(element)[{name!r}]")
    return str(found)


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_it_opens_without_complaints_fetches_nothing_and_fits_in_both_colour_schemes(
    browser: "Browser", folder: RunFolder, faults: list[str], viewport: dict[str, int]
) -> None:
    page = opened(browser, folder, faults, viewport=viewport, color_scheme="light")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.locator("h1").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert page.evaluate(CUT) == 0
    assert faults == []


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_chart_is_drawn_inside_the_page(
    browser: "Browser", reported: RunFolder, faults: list[str], viewport: dict[str, int]
) -> None:
    page = opened(browser, reported, faults, viewport=viewport)
    charts = page.locator("figure svg[role=img]").all()
    assert len(charts) == 8
    for chart in charts:
        box = chart.bounding_box()
        assert box is not None
        assert box["width"] > 250
        assert box["height"] > 150
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= viewport["width"]


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_knee_is_shown_with_its_name_and_its_chart(
    browser: "Browser", knee_reported: RunFolder, faults: list[str], viewport: dict[str, int]
) -> None:
    page = opened(browser, knee_reported, faults, viewport=viewport)
    row = page.locator("tr[data-variant=fastapi-asyncio]")
    assert "800–872" in row.inner_text()
    assert "highest" in row.inner_text()
    [chart] = page.locator("figure svg[role=img]").all()
    box = chart.bounding_box()
    assert box is not None
    assert 250 < box["width"] <= viewport["width"]
    assert page.locator("figure svg text", has_text="objective, 200 ms").is_visible()
    assert style(page, "tr[data-variant=fastapi-asyncio] td.word", "textDecorationLine") == "none"


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_a_mixed_load_and_a_burst_are_shown_completely(
    browser: "Browser", scenario_reported: RunFolder, faults: list[str], viewport: dict[str, int]
) -> None:
    page = opened(browser, scenario_reported, faults, viewport=viewport)
    assert "10.00x as long (9.99–10.01)" in page.locator("[id^=mixed] tr[data-variant=django-gevent]").inner_text()
    assert "did not recover within 8 s" in page.locator("[id^=burst] tr[data-variant=django-gevent]").inner_text()
    charts = page.locator("figure svg[role=img]").all()
    assert len(charts) == 3
    for chart in charts:
        box = chart.bounding_box()
        assert box is not None
        assert 250 < box["width"] <= viewport["width"]


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_framework_and_model_effects_are_shown(
    browser: "Browser", matrix_reported: RunFolder, faults: list[str], viewport: dict[str, int]
) -> None:
    page = opened(browser, matrix_reported, faults, viewport=viewport)
    assert "Flask" in page.locator("[id$=-factors] tr[data-level=django][data-within='']").inner_text()
    assert "threads" in page.locator("[id$=-factors] tr[data-level=gevent][data-within='']").inner_text()
    assert page.locator("[id$=-factors] figure svg text", has_text="good responses/s").is_visible()
    boxes = page.eval_on_selector_all("figure svg text", BOXES)
    assert boxes
    for left, right, height in boxes:
        assert height > 8  # the height of a line, for a font of at least 9 px
        assert left >= 0
        assert right <= viewport["width"]


def test_the_lines_of_a_chart_have_the_colours_of_their_contenders(
    browser: "Browser", reported: RunFolder, faults: list[str]
) -> None:
    page = opened(browser, reported, faults, viewport=WIDE)
    dots = {style(page, f"tr[data-variant={name}] .dot", "backgroundColor")
            for name in ("flask-threads", "django-gevent", "fastapi-asyncio")}  # fmt: skip
    strokes = page.eval_on_selector(
        "figure svg", "svg => [...svg.querySelectorAll('path')].map(path => getComputedStyle(path).stroke)"
    )
    assert len(dots) == 3
    assert dots <= set(strokes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_colour_schemes(
    browser: "Browser", reported: RunFolder, faults: list[str], scheme: str
) -> None:
    page = opened(browser, reported, faults, viewport=WIDE, color_scheme=scheme)
    paper = brightness(style(page, "body", "backgroundColor"))
    assert paper < 60 if scheme == "dark" else paper > 200
    for selector in ("h1", "td[data-column]", "figcaption", ".results li"):
        assert abs(brightness(style(page, selector, "color")) - paper) > 80, selector
    assert abs(brightness(style(page, "figure svg text", "fill")) - paper) > 80


def test_an_invalid_row_is_struck_out(browser: "Browser", reported: RunFolder, faults: list[str]) -> None:
    page = opened(browser, reported, faults, viewport=WIDE)
    struck = "tr[data-variant=django-gevent][data-load='100']"
    assert "line-through" in style(page, f"{struck} td[data-column=goodput_rps]", "textDecorationLine")
    assert "line-through" not in style(page, f"{struck} td.word", "textDecorationLine")
    assert page.locator(f"{struck} td.word").inner_text() == "not counted: disturbed"


def test_on_a_phone_every_figure_has_its_name_next_to_it(
    browser: "Browser", reported: RunFolder, faults: list[str]
) -> None:
    page = opened(browser, reported, faults, viewport=PHONE)
    label = page.eval_on_selector("td[data-column=p99_ms]", "cell => getComputedStyle(cell, '::before').content")
    assert label == '"p99 ms"'
    assert page.locator("td[data-column=p99_ms]").first.is_visible()


def test_on_paper_everything_fits_the_page_width(
    browser: "Browser", reported: RunFolder, faults: list[str], tmp_path: Path
) -> None:
    page = opened(browser, reported, faults, viewport={"width": 794, "height": 1123})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    assert page.evaluate(CUT) == 0
    assert all(chart.is_visible() for chart in page.locator("figure svg[role=img]").all())
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert faults == []


def test_an_incomplete_run_says_so_first(browser: "Browser", partly_reported: RunFolder, faults: list[str]) -> None:
    page = opened(browser, partly_reported, faults, viewport=PHONE)
    state = page.locator("[role=status]")
    assert "4 of 27 trials are here" in state.inner_text()
    box = state.bounding_box()
    assert box is not None
    assert box["y"] < PHONE["height"]


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_verdicts_are_shown_completely_in_both_colour_schemes(
    browser: "Browser", claims_reported: RunFolder, faults: list[str], viewport: dict[str, int], scheme: str
) -> None:
    page = opened(browser, claims_reported, faults, "claims.html", viewport=viewport, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert page.evaluate(CUT) == 0
    charts = page.locator("figure svg[role=img]").all()
    assert len(charts) == 4
    for chart in charts:
        box = chart.bounding_box()
        assert box is not None
        assert 250 < box["width"] <= viewport["width"]
    paper = brightness(style(page, "body", "backgroundColor"))
    for selector in ("h1", ".verdict.supported", ".verdict.refuted", ".verdict.untested", "td a", "figcaption"):
        assert abs(brightness(style(page, selector, "color")) - paper) > 70, selector
    assert abs(brightness(style(page, "figure svg text", "fill")) - paper) > 80
    assert faults == []


def test_a_verdict_in_the_report_links_to_its_claim(
    browser: "Browser", claims_reported: RunFolder, faults: list[str]
) -> None:
    page = opened(browser, claims_reported, faults, viewport=WIDE)
    page.locator("#claims a").nth(1).click()
    assert page.url.endswith("/claims.html#claim-fails")
    assert page.locator("#claim-fails h2").inner_text() == "On two cores it costs less."
    page.locator("header a").click()
    assert page.url.endswith("/report.html")
    assert faults == []


def test_verdicts_fit_on_paper(browser: "Browser", claims_reported: RunFolder, faults: list[str]) -> None:
    page = opened(browser, claims_reported, faults, "claims.html", viewport={"width": 794, "height": 1123})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 794
    assert page.evaluate(CUT) == 0
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert faults == []


def test_on_a_phone_every_figure_of_a_rule_has_its_name_next_to_it(
    browser: "Browser", claims_reported: RunFolder, faults: list[str]
) -> None:
    page = opened(browser, claims_reported, faults, "claims.html", viewport=PHONE)
    label = page.eval_on_selector("td[data-column=ratio]", "cell => getComputedStyle(cell, '::before').content")
    assert label == '"ratio"'
    assert page.locator("td[data-column=says]").first.is_visible()


INJECTED = """
<script>document.title = 'owned'</script>
<img src="x" onerror="document.title = 'owned'">
<img src="{address}/img"><link rel="stylesheet" href="{address}/css"><iframe src="{address}/frame"></iframe>
<style>h1 {{ display: none; background: url({address}/style) }}</style>
<p style="background: url({address}/attribute)">.</p>
<base href="{address}/"><form action="{address}/form"><button>go</button></form>
"""


@pytest.mark.parametrize("file", ["report.html", "claims.html"])
@pytest.mark.fault(
    "security",
    "a name or a title gets into a report as HTML, with a script, a style or an address of another site",
    "no script runs and nothing is fetched: the page's own policy (CSP) allows only its one style sheet",
)
def test_html_injected_into_a_report_does_nothing(
    browser: "Browser", claims_reported: RunFolder, tmp_path: Path, file: str
) -> None:
    with site({}) as other:
        text = (claims_reported.path / file).read_text()
        injected = INJECTED.format(address=other.address)
        (tmp_path / file).write_text(text.replace("<header>", injected + "<header>", 1))
        page = browser.new_context().new_page()  # it has a network, because without one nothing could be fetched at all
        page.goto((tmp_path / file).as_uri())
        page.eval_on_selector("form", "form => form.submit()")
        assert page.title() != "owned"
        assert page.locator("h1").is_visible()
        page.goto(f"{other.address}/last")
        assert [path for path in other.asked if path != "/favicon.ico"] == ["/last"]


def test_the_policy_of_a_page_allows_only_its_own_style_sheet(reported: RunFolder) -> None:
    head = (reported.path / "report.html").read_text().partition("<title>")[0]
    [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', head)
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/]+='", rules["style-src-elem"])
    assert "script-src" not in rules
