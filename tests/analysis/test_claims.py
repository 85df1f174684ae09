"""Verdicts on claims: each rule, each reason for an untested rule, and how rules make a verdict."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.made_up import claims, runs
from tests.made_up.claims import CLAIMS, RULES, WOBBLE, claims_of, judged, ruling
from waitbench.analysis.claims import Judgement, Verdict
from waitbench.analysis.comparison import compare
from waitbench.errors import WaitbenchError
from waitbench.plan.claim import Claim
from waitbench.plan.zone import Refuted, Supported
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.report.words.summary import answers

FLASK, FASTAPI = "flask-threads", "fastapi-asyncio"
CELL = f"""
[[claims.cells]]
name = "waiting"
workload = "wait"
params = {{ ms = 100 }}
users = [10, 20]
variants = ["{FASTAPI}", "{FLASK}"]
"""
TOP = """
[[claims]]
id = "{id}"
says = "It is so."
tested = "By looking."
would_change = "Another look."
"""


def rule(figure: str = "goodput_rps", zones: str = "supported = { at_least = 2 }\nrefuted = { at_most = 1.5 }") -> str:
    of = f'of = {{ cell = "waiting", variant = "{FASTAPI}", load = 20 }}\n'
    over = f'over = {{ cell = "waiting", variant = "{FLASK}", load = 20 }}\n'
    return f'[[claims.rules]]\nsays = "More."\nfigure = "{figure}"\n{of}{over}{zones}\n'


@pytest.fixture
def claim(tmp_path: Path) -> Claim:
    [found] = claims_of(tmp_path, TOP.format(id="so") + CELL + rule())
    return found


def made(claim: Claim, *ratios: float, number: int = 0) -> list[TrialRecord]:
    """Trials in which one rule has these ratios, one per repeat."""
    asked = claim.rules[number]
    return claims.trials(asked, claim.place(asked.of), claim.place(asked.over), ratios)


def wobbling(ratio: float) -> list[float]:
    return [ratio * each for each in WOBBLE]


@dataclass(frozen=True)
class Meant:
    """Ratios that have to support a rule, leave it inconclusive, or refute it, according to its sentence."""

    supported: tuple[float, ...]
    inconclusive: tuple[float, ...]
    refuted: tuple[float, ...]


GROWS_TENFOLD = Meant((10, 6), (3,), (1.9, 1))
CHANGES_NOTHING = Meant((1, 0.95, 1.05), (0.75, 1.3), (2, 0.5))
GAINS_NOTHING = Meant((1, 0.9, 1.1), (1.25,), (1.5, 2))
GAINS_A_CORE = Meant((1.5, 1.9), (1.25,), (1.1, 1))
MORE = Meant((1.2, 2), (1,), (0.8, 0.2))
LESS = Meant((0.8, 0.2), (1,), (1.2, 2))
LESS_MEMORY = Meant((0.6, 0.2), (1,), (1.6, 4))
ON_A_PAR = Meant((1, 0.85, 1.2), (0.6, 1.6), (0.2, 0.45, 2.2, 9))
HARDLY_MORE = Meant((1, 1.2), (1.35,), (1.6, 5))
MEANT = {
    "waiting": [GROWS_TENFOLD, CHANGES_NOTHING, Meant((1,), (1.6,), (2.1, 10)), Meant((2, 1.6), (1.35,), (1.1, 1))],
    "parallelism": [GAINS_NOTHING, GAINS_NOTHING, GAINS_A_CORE, GAINS_A_CORE],
    "gil": [GAINS_NOTHING, GAINS_A_CORE],
    "old-way": [*[MORE] * 4, *[LESS] * 4, *[LESS_MEMORY] * 4],
    "both": [GROWS_TENFOLD, GAINS_A_CORE],
    "node": [MORE, LESS, LESS],
    "go": [ON_A_PAR] * 3,
    "blocking": [
        Meant((0.1,), (0.3,), (0.6, 1)),
        ON_A_PAR,
        Meant((10, 5), (2,), (1.4, 1)),
        Meant((0.1,), (0.65,), (1,)),
    ],
    "gathering": [Meant((1, 1.2), (1.6,), (2.2, 5)), Meant((5, 4.2), (3,), (1.9, 1))],
    "django": [Meant((1, 0.85), (0.73,), (0.6, 0.2)), HARDLY_MORE, HARDLY_MORE],
}
"""For each claim, one entry per rule, in order. They are written from the sentences, so that a reversed zone or side is
detected."""


def rules_with(kind: Judgement) -> list[tuple[Claim, int, float]]:
    return [(claim, number, ratio) for claim, number in RULES for ratio in getattr(MEANT[claim.id][number], kind)]


def named(value: object) -> str:
    return getattr(value, "id", str(value))


def test_each_bundled_rule_has_an_entry_in_this_file() -> None:
    assert {claim.id: len(claim.rules) for claim in CLAIMS} == {name: len(meant) for name, meant in MEANT.items()}


class TestEveryBundledRule:
    """Each rule of loadtests/claims.toml can have each verdict."""

    @pytest.mark.parametrize(("claim", "number", "ratio"), rules_with("supported"), ids=named)
    def test_it_is_supported(self, claim: Claim, number: int, ratio: float) -> None:
        found = ruling(claim, number, made(claim, *wobbling(ratio), number=number))
        assert (found.judgement, found.why) == ("supported", "")
        assert found.ratio is not None
        assert found.ratio.mean == pytest.approx(ratio, rel=0.02)

    @pytest.mark.parametrize(("claim", "number", "ratio"), rules_with("refuted"), ids=named)
    def test_it_is_refuted(self, claim: Claim, number: int, ratio: float) -> None:
        trials = made(claim, *wobbling(ratio), number=number)
        assert ruling(claim, number, trials).judgement == "refuted"
        assert judged(claim, trials).judgement == "refuted"

    @pytest.mark.parametrize(("claim", "number", "ratio"), rules_with("inconclusive"), ids=named)
    def test_it_is_inconclusive(self, claim: Claim, number: int, ratio: float) -> None:
        trials = made(claim, *wobbling(ratio), number=number)
        assert ruling(claim, number, trials).judgement == "inconclusive"

    @pytest.mark.parametrize(
        ("claim", "number"),
        [(claim, n) for claim, n in RULES if claim.rules[n].figure != "kib_per_request"],  # it has no interval
        ids=named,
    )
    def test_an_interval_that_covers_both_zones_is_inconclusive(self, claim: Claim, number: int) -> None:
        meant = MEANT[claim.id][number]
        ratios = [meant.supported[0], meant.refuted[0], meant.supported[0]]
        assert ruling(claim, number, made(claim, *ratios, number=number)).judgement == "inconclusive"

    @pytest.mark.parametrize(("claim", "number"), RULES, ids=named)
    def test_it_is_untested_without_one_of_its_sides(self, claim: Claim, number: int) -> None:
        trials = made(claim, *wobbling(MEANT[claim.id][number].supported[0]), number=number)
        for removed in {trial.spec.file.partition("-")[2] for trial in trials}:
            kept = [trial for trial in trials if trial.spec.file.partition("-")[2] != removed]
            found = ruling(claim, number, kept)
            assert found.judgement == "untested"
            assert found.why
            assert judged(claim, kept).judgement == "untested"

    @pytest.mark.parametrize(("claim", "number"), RULES, ids=named)
    def test_one_repeat_leaves_it_untested(self, claim: Claim, number: int) -> None:
        found = ruling(claim, number, made(claim, MEANT[claim.id][number].refuted[0], number=number))
        assert found.judgement == "untested"
        assert "it has one trial, but an interval needs 2" in found.why


class TestZones:
    @pytest.mark.parametrize(
        ("zones", "ratios"),
        [
            ("supported = { at_least = 2 }\nrefuted = { at_most = 1.5 }",
             {"supported": 2.2, "refuted": 1.4, "inconclusive": 1.75}),
            ("supported = { at_most = 0.5 }\nrefuted = { at_least = 0.8 }",
             {"supported": 0.4, "refuted": 0.9, "inconclusive": 0.65}),
            ("supported = { within = [0.8, 1.25] }\nrefuted = { outside = [0.5, 2] }",
             {"supported": 1.0, "refuted": 2.2, "inconclusive": 1.6}),
            ("supported = { within = [0.8, 1.25] }\nrefuted = { outside = [0.5, 2] }",
             {"supported": 1.2, "refuted": 0.45, "inconclusive": 0.65}),
            ("supported = { within = [0.8, 1.25] }\nrefuted = { at_least = 2 }",
             {"supported": 0.9, "refuted": 2.2, "inconclusive": 0.4}),
        ],
    )  # fmt: skip
    def test_the_whole_interval_has_to_be_in_one_zone(
        self, zones: str, ratios: dict[Judgement, float], tmp_path: Path
    ) -> None:
        [claim] = claims_of(tmp_path, TOP.format(id="so") + CELL + rule(zones=zones))
        for judgement, ratio in ratios.items():
            assert judged(claim, made(claim, *wobbling(ratio))).judgement == judgement

    def test_a_mean_in_a_zone_is_not_enough(self, claim: Claim) -> None:
        # The geometric mean is 2.2; with three repeats and 20 % noise the interval begins at 1.4.
        found = ruling(claim, 0, made(claim, 2.2 * 1.2, 2.2 / 1.2, 2.2))
        assert found.ratio is not None
        assert found.ratio.mean > 2
        assert found.judgement == "inconclusive"

    def test_an_interval_that_reaches_beyond_both_ends_is_not_outside(self) -> None:
        zone = Refuted(outside=[0.5, 2])
        assert (zone.holds(0.3, 0.4), zone.holds(3, 4), zone.holds(0.3, 3)) == (True, True, False)

    def test_a_slow_repeat_of_both_sides_does_not_change_the_ratio(self, claim: Claim) -> None:
        """Both rates are halved in one repeat."""
        whole = made(claim, 3.0, 3.0)
        halved = [runs.at_rate(t.spec.model_copy(update={"repeat": 3, "file": "3" + t.spec.file}),
                                  t.measured.good / 20) for t in made(claim, 3.0)]  # fmt: skip
        found = ruling(claim, 0, whole + halved)
        assert found.ratio is not None
        assert (found.ratio.low, found.ratio.high) == pytest.approx((3, 3), rel=0.01)
        assert found.judgement == "supported"

    def test_memory_is_compared_by_lower_bounds_without_an_interval(self, tmp_path: Path) -> None:
        zones = "supported = { at_most = 0.5 }\nrefuted = { at_least = 1 }"
        [claim] = claims_of(tmp_path, TOP.format(id="so") + CELL + rule("kib_per_request", zones))
        # The second and third trial show less, because memory that was taken once does not show again.
        trials = made(claim, 0.4, 0.01, 0.02)
        found = ruling(claim, 0, trials)
        assert found.ratio is not None
        assert found.ratio.mean == pytest.approx(0.4)
        assert not found.ratio.bounded
        assert found.judgement == "supported"

    def test_memory_comes_from_the_first_trial_even_if_that_trial_is_invalid(self, tmp_path: Path) -> None:
        zones = "supported = { at_most = 0.5 }\nrefuted = { at_least = 1.25 }"
        [claim] = claims_of(tmp_path, TOP.format(id="so") + CELL + rule("kib_per_request", zones))
        for variant in (FASTAPI, FLASK):
            trials = [
                t.model_copy(update={"disturbance": "stopped"})
                if t.spec.variant == variant and t.spec.repeat == 1
                else t
                for t in made(claim, 0.4, 3, 0.01)
            ]
            trials = [
                t.model_copy(update={"usage": runs.usage(1000, peak_rss_bytes=runs.REST_BYTES + 2**20)})
                if t.spec.repeat > 1 else t
                for t in trials
            ]  # fmt: skip
            found = ruling(claim, 0, trials)
            assert found.ratio is not None
            assert found.ratio.mean == pytest.approx(0.4)
            assert (found.judgement, found.why) == ("supported", "")

    def test_a_ratio_of_two_theoretical_maxima_has_a_note(self, claim: Claim) -> None:
        ten = claim.model_copy(update={"rules": [claim.rules[0].model_copy(
            update={"over": claim.rules[0].of.model_copy(update={"load": 10}), "supported": Supported(at_least=1.8),
                    "refuted": Refuted(at_most=1.5)})]})  # fmt: skip
        trials = [
            runs.trial(claims.spec(ten.place(side), repeat), taken_us=[100_100] * round(side.load * 99.9))
            for _, side in ten.rules[0].sides for repeat in (1, 2, 3) if side.load
        ]  # fmt: skip
        found = ruling(ten, 0, trials)
        assert found.judgement == "supported"
        assert found.why == "both are at their theoretical maximum, so arithmetic sets the ratio"


def on_two_cores(spec: TrialSpec) -> TrialSpec:
    conditions = spec.conditions.model_copy(update={"service_cpus": 2})
    return spec.model_copy(update={"point": spec.point.model_copy(update={"conditions": conditions})})


class TestLacks:
    """The reasons why a rule is untested."""

    def why(self, claim: Claim, trials: list[TrialRecord]) -> str:
        found = ruling(claim, 0, trials)
        assert found.judgement == "untested"
        assert found.ratio is None
        return found.why

    def test_a_contender_that_is_not_in_the_run(self, claim: Claim) -> None:
        trials = [trial for trial in made(claim, 3, 3) if trial.spec.variant == FASTAPI]
        assert self.why(claim, trials) == "flask-threads: it was not in this run"

    def test_a_load_that_was_not_measured(self, claim: Claim) -> None:
        trials = made(claim, 3, 3)
        other = [runs.at_rate(runs.spec(FLASK, load=10, repeat=n, file=f"{n}-other.json"), 50) for n in (1, 2)]
        found = [trial for trial in trials if trial.spec.variant == FASTAPI] + other
        assert self.why(claim, found) == "Flask on threads: it was not measured in cell waiting"

    def test_another_number_of_processes_or_cores(self, claim: Claim) -> None:
        trials = made(claim, 3, 3)
        spread = [
            trial.model_copy(update={"spec": on_two_cores(trial.spec)})
            if trial.spec.variant == FLASK else trial
            for trial in trials
        ]  # fmt: skip
        assert self.why(claim, spread) == "Flask on threads: it was not measured in cell waiting"
        run = claims.run([claim], trials)
        two = {**runs.BUDGET, "workers": 2}
        targets = {name: found.model_copy(update={"budget": two, "budget_read": two} if name == FLASK else {})
                   for name, found in run.targets.items()}  # fmt: skip
        [verdict] = compare(run.model_copy(update={"targets": targets}), trials).claims
        assert verdict.rulings[0].why == "Flask on threads: it was not measured in cell waiting"

    def test_an_invalid_cell(self, claim: Claim) -> None:
        trials = made(claim, 3, 3)
        trials[0] = trials[0].model_copy(update={"disturbance": "stopped"})
        assert self.why(claim, trials) == "FastAPI on asyncio, waiting 20: not counted: disturbed"

    def test_trials_that_are_not_the_services_fault_are_excluded_with_a_note(self, claim: Claim) -> None:
        trials = made(claim, 3, 3, 3)
        trials[0] = trials[0].model_copy(update={"disturbance": "stopped"})
        found = ruling(claim, 0, trials)
        assert found.judgement == "supported"
        assert found.why == "FastAPI on asyncio, waiting 20: 1 of 3 trials excluded (disturbed)"
        assert set(found.of.by_repeat) == {2, 3}

    def test_excluded_trials_may_not_decide_the_zone(self, claim: Claim) -> None:
        """Four repeats have ratios of 3, 3, 3 and, excluded, 0.3. With it the mean is 1.69, in neither zone."""
        for last, judgement in ((0.3, "inconclusive"), (2.0, "supported")):
            trials = made(claim, 3, 3, 3, last)
            trials[6] = trials[6].model_copy(update={"disturbance": "stopped"})
            found = ruling(claim, 0, trials)
            assert found.judgement == judgement
            excluded = "FastAPI on asyncio, waiting 20: 1 of 4 trials excluded (disturbed)"
            note = "; with all trials the ratio is 1.69, which is outside that zone"
            assert found.why == excluded + (note if judgement == "inconclusive" else "")

    @pytest.mark.parametrize(("drifting", "repeats"), [(1, 3), (2, 5), (2, 4), (2, 3)])
    def test_drift_in_few_trials_is_excluded_but_drift_in_half_of_them_makes_the_cell_invalid(
        self, claim: Claim, drifting: int, repeats: int
    ) -> None:
        trials = made(claim, *[3] * repeats)
        mine = [n for n, trial in enumerate(trials) if trial.spec.variant == FASTAPI][:drifting]
        for n in mine:
            trials[n] = trials[n].model_copy(update={"thirds_iqm_us": [100_000, 150_000, 200_000]})
        if 2 * drifting < repeats:
            found = ruling(claim, 0, trials)
            assert found.judgement == "supported"
            assert found.why == f"FastAPI on asyncio, waiting 20: {drifting} of {repeats} trials excluded (drift)"
            assert len(found.of.by_repeat) == repeats - drifting
        else:
            assert self.why(claim, trials) == "FastAPI on asyncio, waiting 20: not counted: drift"

    def test_a_trial_that_is_invalid_because_of_the_service_excludes_its_cell(self, claim: Claim) -> None:
        trials = made(claim, 3, 3, 3)
        unreported = trials[0].usage.model_copy(update={"after": None})
        trials[0] = trials[0].model_copy(update={"disturbance": "stopped", "usage": unreported})
        assert self.why(claim, trials) == "FastAPI on asyncio, waiting 20: not counted: disturbed, accounts"

    def test_no_repeats_in_common(self, claim: Claim) -> None:
        first, second = made(claim, 3, 3, 3, 3), made(claim, 3, 3)
        trials = [t for t in first if t.spec.variant == FASTAPI and t.spec.repeat > 2]
        trials += [t for t in second if t.spec.variant == FLASK]
        assert self.why(claim, trials) == "the two sides have fewer than 2 repeats in common"

    def test_two_repeats_of_three_are_enough(self, claim: Claim) -> None:
        assert ruling(claim, 0, made(claim, 3, 3, 3)[:-1]).judgement == "supported"

    def test_a_trial_that_is_too_small_for_the_percentile(self, tmp_path: Path) -> None:
        zones = "supported = { at_least = 2 }\nrefuted = { at_most = 1.5 }"
        text = TOP.format(id="so") + CELL.replace("20]", "20]\nmeasure_s = 30.0") + rule("p99_ms", zones)
        [claim] = claims_of(tmp_path, text)
        trials = made(claim, 1.2, 1.2)
        trials[1] = runs.trial(trials[1].spec, taken_us=[200_200] * 999)
        assert self.why(claim, trials) == "Flask on threads, waiting 20: a trial of 999 requests is too small for p99"

    def test_a_cost_that_was_not_read(self, tmp_path: Path) -> None:
        for figure, zones in (
            ("cpu_s_per_1k", "supported = { at_least = 2 }\nrefuted = { at_most = 1.5 }"),
            ("kib_per_request", "supported = { at_least = 4 }\nrefuted = { at_most = 1.5 }"),
        ):
            [claim] = claims_of(tmp_path, TOP.format(id="so") + CELL + rule(figure, zones))
            lost = dict.fromkeys(("before", "window_start", "window_end"))
            unread = [
                trial.model_copy(update={"usage": trial.usage.model_copy(update=lost)})
                if trial.spec.variant == FLASK else trial
                for trial in made(claim, 3, 3)
            ]  # fmt: skip
            # One of our services would be invalid without usage figures; an external one may lack them.
            mine = [t.model_copy(update={"spec": t.spec.model_copy(update={"instrumented": False})}) for t in unread]
            assert self.why(claim, mine) == f"Flask on threads, waiting 20: {figure} was read in fewer than 2 trials"

    def test_memory_that_is_zero(self, tmp_path: Path) -> None:
        zones = "supported = { at_least = 4 }\nrefuted = { at_most = 1.5 }"
        [claim] = claims_of(tmp_path, TOP.format(id="so") + CELL + rule("kib_per_request", zones))
        trials = made(claim, 1e-9, 1e-9)
        assert self.why(claim, trials).endswith("kib_per_request is zero, so the ratio is undefined")

    def test_every_reason_is_reported_once(self, claim: Claim) -> None:
        assert self.why(claim, []) == "fastapi-asyncio: it was not in this run; flask-threads: it was not in this run"


RATIOS = {"supported": (3.0,) * 3, "refuted": (1.0,) * 3, "inconclusive": (1.75,) * 3, "untested": ()}


class TestVerdicts:
    """A claim with two rules, by the judgement of each."""

    @pytest.fixture
    def claim(self, tmp_path: Path) -> Claim:
        second = rule("cpu_s_per_1k").replace("load = 20", "load = 10")
        [found] = claims_of(tmp_path, TOP.format(id="so") + CELL + rule() + second)
        return found

    @pytest.mark.parametrize(
        ("first", "second", "whole"),
        [
            ("supported", "supported", "supported"),
            ("supported", "inconclusive", "inconclusive"),
            ("inconclusive", "inconclusive", "inconclusive"),
            ("supported", "refuted", "refuted"),
            ("inconclusive", "refuted", "refuted"),
            ("untested", "refuted", "refuted"),
            ("untested", "supported", "untested"),
            ("untested", "inconclusive", "untested"),
            ("untested", "untested", "untested"),
            ("refuted", "refuted", "refuted"),
        ],
    )
    def test_one_refuted_rule_refutes_and_all_have_to_support(
        self, claim: Claim, first: Judgement, second: Judgement, whole: Judgement
    ) -> None:
        for one, two in ((first, second), (second, first)):
            trials = made(claim, *RATIOS[one]) + made(claim, *RATIOS[two], number=1)
            verdict = judged(claim, trials)
            assert [found.judgement for found in verdict.rulings] == [one, two]
            assert verdict.judgement == whole

    def test_verdicts_are_the_first_sentences_of_the_summary_in_the_order_of_the_claims(self, tmp_path: Path) -> None:
        text = TOP.format(id="b") + CELL + rule() + TOP.format(id="a").replace("is so", "is not") + CELL + rule()
        both = claims_of(tmp_path, text)
        comparison = claims.comparison(both, made(both[0], 3, 3, 3))
        assert answers(comparison)[:2] == ["supported: It is so.", "supported: It is not."]
        assert answers(comparison)[2].startswith("A plain wait (ms = 100), 20 users: ")

    def test_verdicts_do_not_make_a_run_invalid(self, claim: Claim) -> None:
        assert claims.comparison([claim], made(claim, 1, 1, 1)).all_valid

    def test_a_run_of_a_plan_without_claims_has_no_verdicts(self) -> None:
        comparison = runs.compared([runs.trial()])
        assert comparison.claims == []

    def test_claims_that_cannot_be_read_are_an_error_that_names_the_field(self, claim: Claim) -> None:
        run = claims.run([claim], [])
        run.plan.claims[0]["rules"][0]["figure"] = "mood"
        message = r"plan\.claims\.0\.rules\.0\.figure: .* with the waitbench version that made"
        with pytest.raises(WaitbenchError, match=message):
            _ = compare(run, []).claims


def test_claims_survive_being_written_into_a_run_with_all_defaults() -> None:
    """Claims that are written into run.json and read back lead to the same places."""
    run = claims.run(CLAIMS, [])
    verdicts: list[Verdict] = compare(run, []).claims
    assert [verdict.claim for verdict in verdicts] == CLAIMS
    assert {verdict.judgement for verdict in verdicts} == {"untested"}
