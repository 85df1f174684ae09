"""Claims files: which mistakes are refused, what the refusal says, and how a plan uses correct claims."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.made_up.claims import CLAIMS, known
from waitbench.catalog.variants import load_variants
from waitbench.errors import UsageError
from waitbench.paths import PLANS
from waitbench.plan.claim import Claim
from waitbench.plan.claims_file import load_claims
from waitbench.plan.plan import Plan
from waitbench.plan.plan_file import load_plan
from waitbench.plan.trial_order import schedule

VARIANTS = load_variants()
CLAIM = {"id": '"so"', "says": '"It is so."', "tested": '"By looking."', "would_change": '"Another look."'}
CELL = {
    "name": '"waiting"',
    "workload": '"wait"',
    "params": "{ ms = 100 }",
    "users": "[10, 20]",
    "variants": '["flask-threads", "fastapi-asyncio"]',
}
FLASK = '{ cell = "waiting", variant = "flask-threads", load = 20 }'
FASTAPI = '{ cell = "waiting", variant = "fastapi-asyncio", load = 20 }'
RULE = {
    "says": '"More."',
    "figure": '"goodput_rps"',
    "of": FASTAPI,
    "over": FLASK,
    "supported": "{ at_least = 2 }",
    "refuted": "{ at_most = 1.5 }",
}
MIXED = {
    "workload": '"mixed"',
    "of": '"cpu"',
    "share": "0.1",
    "params": "{ ksteps = 100 }",
    "users": "",
    "rate": "[50]",
}
ONE = {"variants": '["flask-threads"]', "users": "[10]"}
BARE = {"of": '{ cell = "waiting" }'}
BURST = "[{ rate = 20, seconds = 2 }, { rate = 40, seconds = 2 }, { rate = 20, seconds = 2 }]"


def table(name: str, keys: Mapping[str, str]) -> str:
    """One table of an array. A key with an empty value is left out."""
    return f"[[{name}]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items() if value) + "\n"


def text(claim: dict[str, str] = {}, cell: dict[str, str] = {}, rule: dict[str, str] = {}) -> str:  # noqa: B006
    """A file of one claim that is correct except for the changes."""
    return table("claims", CLAIM | claim) + table("claims.cells", CELL | cell) + table("claims.rules", RULE | rule)


def loaded(folder: Path, written: str) -> list[Claim]:
    file = folder / "mine.toml"
    file.write_text(written)
    return load_claims(file, VARIANTS)


# What is wrong, the key that the message names, and what it says would be right.
BAD: dict[str, tuple[str, str, str]] = {
    "no claims": ("", "claims", "this key is needed"),
    "an empty list": ("claims = []", "claims", "at least one"),
    "another key next to them": ("title = 1\n" + text(), "title", "there are: claims"),
    "an unknown key of a claim": (text({"testd": "1"}), "claims[0].testd", "'tested'"),
    "an unknown key of a cell": (text(cell={"varants": "1"}), "claims[0].cells[0].varants", "'variants'"),
    "an unknown key of a rule": (text(rule={"suported": "1"}), "claims[0].rules[0].suported", "'supported'"),
    "an unknown key of a side": (
        text(rule={"of": '{ cel = "waiting" }'}), "claims[0].rules[0].of.cel", "'cell'",
    ),
    "an unknown key of a zone": (
        text(rule={"supported": "{ at_lest = 2 }"}), "claims[0].rules[0].supported.at_lest", "'at_least'",
    ),
    "a key of the other zone": (
        text(rule={"refuted": "{ within = [1, 2] }"}), "claims[0].rules[0].refuted.within", "outside",
    ),
    "no sentence": (text({"says": ""}), "claims[0].says", "this key is needed"),
    "an empty sentence": (text({"says": '""'}), "claims[0].says", "empty; give at least one"),
    "a zone without end": (
        text(rule={"supported": "{ at_least = inf }"}), "claims[0].rules[0].supported.at_least", "finite number",
    ),
    "nothing that would change it": (text({"would_change": ""}), "claims[0].would_change", "this key is needed"),
    "an id with blanks": (text({"id": '"It is"'}), "claims[0].id", "[a-z0-9]"),
    "a doubled id": (text() + text(), "two claims have the id 'so'", "give each its own id"),
    "two cells of one name": (
        text() .replace("[[claims.rules]]", table("claims.cells", CELL) + "[[claims.rules]]"),
        "claims[0]: two cells are named 'waiting'", "give each its own name",
    ),
    "no cells": (table("claims", CLAIM) + table("claims.rules", RULE), "claims[0].cells", "this key is needed"),
    "no rules": (table("claims", CLAIM) + table("claims.cells", CELL), "claims[0].rules", "this key is needed"),
    "a cell without variants": (text(cell={"variants": ""}), "claims[0].cells[0].variants", "this key is needed"),
    "a variant twice": (
        text(cell={"variants": '["flask-threads", "flask-threads"]'}), "claims[0].cells[0]: variants", "keep one",
    ),
    "a load twice": (text(cell={"users": "[20, 20]"}), "claims[0].cells[0]: users", "keep one"),
    "an unknown variant": (
        text(cell={"variants": '["flask-tread", "flask-threads", "fastapi-asyncio"]'}),
        "claims[0].cells[0].variants", "'flask-threads'",
    ),
    "a variant that does not serve it": (
        text(cell={"workload": '"db"', "variants": '["null", "flask-threads", "fastapi-asyncio"]'}),
        "claims[0].cells[0].variants: null", "only fast, wait",
    ),
    "a fault that a plan's cell may have": (
        text(cell={"params": "{ mss = 1 }"}), "claims[0].cells[0]: params", "'ms'",
    ),
    "no processes": (text(cell={"workers": "[0]"}), "claims[0].cells[0].workers[0]", "at least 1"),
    "a hundred processes": (text(cell={"workers": "[100]"}), "claims[0].cells[0].workers[0]", "at most 32"),
    "no core": (text(cell={"service_cpus": "0"}), "claims[0].cells[0].service_cpus", "at least 1"),
    "a search": (
        text(cell={"users": "", "find": '"knee"', "p99_ms": "200"}), "claims[0].cells[0]", "give users or rate",
    ),
    "a burst": (
        text(cell={"workload": '"burst"', "of": '"wait"', "users": "", "profile": BURST}),
        "claims[0].cells[0]", "not find or profile",
    ),
    "an unknown cell": (text(rule={"of": '{ cell = "waitin" }'}), "claims[0]: rules[0].of.cell", "'waiting'"),
    "a variant that the cell does not have": (
        text(rule={"over": '{ cell = "waiting", variant = "django-gevent", load = 10 }'}),
        "claims[0]: rules[0].over.variant", "flask-threads, fastapi-asyncio",
    ),
    "a load that the cell does not have": (
        text(rule={"over": FLASK.replace("20", "30")}), "claims[0]: rules[0].over.load", "there are: 10, 20",
    ),
    "processes that the cell does not have": (
        text(cell={"workers": "[1, 2]"}, rule={"of": FASTAPI.replace("load", "workers = 3, load")}),
        "claims[0]: rules[0].of.workers", "there are: 1, 2",
    ),
    "processes of a cell that gives none": (
        text(rule={"of": FASTAPI.replace("load", "workers = 1, load")}),
        "claims[0].rules[0].of.workers", "leave it out here",
    ),
    "no variant where there are two": (
        text(rule={"of": '{ cell = "waiting", load = 10 }'}), "claims[0]: rules[0].of.variant", "name one of flask",
    ),
    "no load where there are two": (
        text(rule={"of": FASTAPI.replace(", load = 20", "")}), "claims[0]: rules[0].of.load", "name one of 10, 20",
    ),
    "no processes where there are two": (
        text(cell={"workers": "[1, 2]"}), "claims[0]: rules[0].of.workers", "name one of 1, 2",
    ),
    "a thing over itself": (text(rule={"of": FLASK}), "claims[0]: rules[0]", "so their ratio is 1"),
    "a thing over itself, written another way": (
        text(cell=ONE, rule={"of": '{ cell = "waiting" }', "over": '{ cell = "waiting", load = 10 }'}),
        "claims[0]: rules[0]", "name two that differ",
    ),
    "alone in a cell without neighbours": (
        text(rule={"of": FASTAPI.replace("load", "alone = true, load")}),
        "claims[0]: rules[0].of.alone", "leave it out",
    ),
    "an unknown figure": (text(rule={"figure": '"rps"'}), "claims[0].rules[0].figure", "'goodput_rps'"),
    "goodput at a given rate": (
        text(cell={"users": "", "rate": "[20]"}), "claims[0]: rules[0].of: goodput_rps", "compare by p99_ms",
    ),
    "the cost of a part of a mixed load": (
        text(cell=MIXED, rule={"figure": '"cpu_s_per_1k"', "of": FASTAPI.replace("20", "50")}),
        "claims[0]: rules[0].of: cpu_s_per_1k", "includes the neighbours",
    ),
    "no zone": (text(rule={"supported": ""}), "claims[0].rules[0].supported", "this key is needed"),
    "an empty zone": (text(rule={"supported": "{}"}), "claims[0].rules[0].supported", "give one of at_least"),
    "two bounds in a zone": (
        text(rule={"supported": "{ at_least = 1, at_most = 2 }"}),
        "claims[0].rules[0].supported", "within = [low, high]",
    ),
    "bounds the wrong way round": (
        text(rule={"supported": "{ within = [2, 1] }"}), "claims[0].rules[0].supported", "be lower than the second",
    ),
    "half a range": (
        text(rule={"supported": "{ within = [2] }"}), "claims[0].rules[0].supported.within", "at least 2",
    ),
    "a ratio of zero": (
        text(rule={"supported": "{ at_least = 0 }"}), "claims[0].rules[0].supported.at_least", "more than 0",
    ),
    "zones that overlap": (
        text(rule={"refuted": "{ at_most = 2.5 }"}), "claims[0].rules[0]: supported (at least 2)", "leave a gap",
    ),
    "zones that touch": (
        text(rule={"refuted": "{ at_most = 2 }"}), "claims[0].rules[0]: supported", "leave a gap",
    ),
    "a zone on either side of one that it meets": (
        text(rule={"supported": "{ within = [0.5, 2] }", "refuted": "{ outside = [0.8, 1.25] }"}),
        "refuted (below 0.8 or above 1.25)", "leave a gap",
    ),
    "zones of memory that lie close": (
        text(rule={"figure": '"kib_per_request"'}), "claims[0].rules[0]: kib_per_request", "leave a factor of 2",
    ),
    "half a line": ("claims =\n", "not valid TOML", "line 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_wrong_claims_are_refused_with_the_file_the_key_and_the_fix(case: str, tmp_path: Path) -> None:
    written, key, right = BAD[case]
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, written)
    message = str(caught.value)
    assert str(tmp_path / "mine.toml") in message
    assert key in message
    assert right in message


def test_a_side_may_leave_out_a_key_if_its_cell_has_one_value(tmp_path: Path) -> None:
    mixed = {**MIXED, "variants": '["flask-threads"]'}
    sides = {"figure": '"p50_ms"', "of": '{ cell = "waiting" }', "over": '{ cell = "waiting", alone = true }'}
    [claim] = loaded(tmp_path, text(cell=mixed, rule=sides))
    [of, over] = [claim.place(side) for _, _, side in claim.sides]
    assert (of.variant, of.point.load, of.workers, of.alone) == ("flask-threads", 50, 1, False)
    assert over == of._replace(alone=True)


def test_processes_are_as_declared_if_a_cell_gives_no_others(tmp_path: Path) -> None:
    [claim] = loaded(tmp_path, text())
    assert {side.workers for _, _, side in claim.sides} == {1}
    side = '{{ cell = "waiting", variant = "flask-threads", load = 20, workers = {} }}'
    two = text(cell={"workers": "[1, 2]"}, rule={"of": side.format(2), "over": side.format(1)})
    assert [side.workers for _, _, side in loaded(tmp_path, two)[0].sides] == [2, 1]


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        (("{ at_least = 2 }", "{ at_most = 1.5 }"), ("at least 2", "at most 1.5")),
        (("{ within = [0.8, 1.25] }", "{ outside = [0.5, 2] }"), ("0.8 to 1.25", "below 0.5 or above 2")),
    ],
)
def test_zones_are_shown_in_words(zones: tuple[str, str], words: tuple[str, str], tmp_path: Path) -> None:
    [claim] = loaded(tmp_path, text(rule={"supported": zones[0], "refuted": zones[1]}))
    assert (claim.rules[0].supported.words, claim.rules[0].refuted.words) == words


class TestPlan:
    TOP = 'title = "t"\nrepeats = 2\nmeasure_s = 2.0\nclaims = "more/claims.toml"\n'
    OWN = '[[cells]]\nworkload = "fast"\nusers = [5]\n'

    def plan(self, folder: Path, plan: str, claims: str = "") -> Plan:
        (folder / "more").mkdir()
        (folder / "more" / "claims.toml").write_text(claims or text())
        (folder / "plan.toml").write_text(plan)
        return load_plan(folder / "plan.toml", VARIANTS)

    def refusal(self, folder: Path, plan: str, claims: str = "") -> str:
        with pytest.raises(UsageError) as caught:
            self.plan(folder, plan, claims)
        return str(caught.value)

    def test_it_may_have_nothing_but_claims(self, tmp_path: Path) -> None:
        plan = self.plan(tmp_path, self.TOP)
        assert [claim.id for claim in plan.claims] == ["so"]
        assert plan.variants == ["flask-threads", "fastapi-asyncio"]
        [cell] = plan.cells
        assert (cell.workload, cell.users, cell.variants) == ("wait", [10, 20], plan.variants)

    def test_its_own_cells_come_first_and_are_for_its_own_variants(self, tmp_path: Path) -> None:
        plan = self.plan(tmp_path, self.TOP + 'variants = ["django-gevent"]\n' + self.OWN)
        assert [(cell.workload, cell.variants) for cell in plan.cells] == [
            ("fast", ["django-gevent"]),
            ("wait", ["flask-threads", "fastapi-asyncio"]),
        ]
        assert plan.variants == ["django-gevent", "flask-threads", "fastapi-asyncio"]

    def test_its_own_cells_without_variants_are_for_those_of_the_claims(self, tmp_path: Path) -> None:
        plan = self.plan(tmp_path, self.TOP + self.OWN)
        assert plan.cells[0].variants is None
        assert plan.variants == ["flask-threads", "fastapi-asyncio"]

    def test_claims_may_have_the_same_cells(self, tmp_path: Path) -> None:
        same = '[[cells]]\nworkload = "wait"\nparams = { ms = 100 }\nusers = [10]\n'
        two = text() + text({"id": '"so-too"'})
        plan = self.plan(tmp_path, self.TOP + 'variants = ["flask-threads"]\n' + same, two)
        assert len(plan.cells) == 3

    def test_its_own_cells_must_still_differ(self, tmp_path: Path) -> None:
        message = self.refusal(tmp_path, self.TOP + 'variants = ["flask-threads"]\n' + self.OWN * 2)
        assert "plan.toml: cells: fast with 5 users is there twice" in message

    def test_claims_written_into_a_run_can_be_read_back(self, tmp_path: Path) -> None:
        plan = self.plan(tmp_path, self.TOP)
        assert [Claim.model_validate(each) for each in plan.model_dump(mode="json")["claims"]] == plan.claims

    @pytest.mark.parametrize(
        ("plan", "claims", "words"),
        [
            (TOP.replace("more", "less"), "", "less/claims.toml: cannot be read"),
            (TOP.replace('"more/claims.toml"', "[]"), "", 'plan.toml: claims: give the path of the claims file'),
            (TOP, "claims = []", "more/claims.toml: these claims can't be tested"),
            (TOP + "zzz = 1\n", "", "plan.toml: this plan can't be run"),
            (TOP + "variants = 5\n", "", "variants: input should be a valid list"),
            (TOP.replace("claims = ", "claim = "), "", "claim: unknown key; did you mean 'claims'?"),
            ('title = "t"\nvariants = ["flask-threads"]\n', "", "cells: this key is needed"),
        ],
    )  # fmt: skip
    def test_a_wrong_one_is_refused_with_the_fix(self, plan: str, claims: str, words: str, tmp_path: Path) -> None:
        assert words in self.refusal(tmp_path, plan, claims)

    def test_a_percentile_that_needs_more_requests_than_a_trial_is_refused(self, tmp_path: Path) -> None:
        # 20 users who wait 100 ms get 200 responses a second: 400 in two seconds.
        message = self.refusal(tmp_path, self.TOP, text(rule={"figure": '"p99_ms"'}))
        assert "so: rules[0].of: p99_ms needs 1,000 requests in each trial, but waiting can have at most 400" in message
        assert "its own measure_s" in message

    def test_a_percentile_with_enough_requests_in_a_longer_cell_is_accepted(self, tmp_path: Path) -> None:
        cell = {"measure_s": "5.0"}
        assert self.plan(tmp_path, self.TOP, text(cell=cell, rule={"figure": '"p99_ms"'})).claims

    def test_the_neighbours_of_a_mixed_load_do_not_count_for_it(self, tmp_path: Path) -> None:
        sides = {"of": '{ cell = "waiting", variant = "flask-threads" }',
                 "over": '{ cell = "waiting", variant = "flask-threads", alone = true }'}  # fmt: skip
        cell = {**MIXED, "share": "0.5", "rate": "[900]"}
        message = self.refusal(tmp_path, self.TOP, text(cell=cell, rule={"figure": '"p99_ms"', **sides}))
        assert "can have at most 900" in message


class TestBundledClaims:
    """loadtests/plans/claims.toml with loadtests/claims.toml."""

    def test_each_is_short_and_says_what_would_change_it(self) -> None:
        assert len(CLAIMS) == 10
        for claim in CLAIMS:
            assert len(claim.says) < 160
            assert claim.would_change
            assert len({rule.says for rule in claim.rules}) == len(claim.rules)

    def test_every_cell_is_used_by_a_rule(self) -> None:
        for claim in CLAIMS:
            assert {side.cell for _, _, side in claim.sides} == {cell.name for cell in claim.cells}

    def test_the_load_of_the_plan_leaves_two_of_twenty_minutes_for_everything_else(self) -> None:
        plan = load_plan(PLANS / "claims.toml", known())
        # A trial takes up to 0.8 s more than planned: users start, and requests in flight are waited for.
        seconds = sum(plan.warmup_s + slot.measure_s + 0.8 for slot in schedule(plan, 0))
        assert 10 * 60 < seconds < 18 * 60
        assert plan.searches == []
