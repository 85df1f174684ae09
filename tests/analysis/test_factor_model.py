"""Framework effect and concurrency-model effect, compared with known effects."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from waitbench.analysis.factors.design import Factor, Orders
from waitbench.analysis.factors.model import Split, Unsplit, split

Levels = tuple[str, str]
FACTORS: tuple[Factor, Factor] = ("framework", "model")

FRAMEWORKS, MODELS = ("flask", "django", "fastapi"), ("threads", "gevent", "asyncio", "sync")
ORDERS: Orders = {"framework": FRAMEWORKS, "model": MODELS}
FULL = [(f, m) for f in FRAMEWORKS[:2] for m in MODELS]
HOUSE = [*FULL, ("fastapi", "asyncio"), ("fastapi", "threads")]
"""The project's own matrix: FastAPI has no gevent and no sync."""
FRAMEWORK = {"flask": 1.0, "django": 0.8, "fastapi": 1.5}
MODEL = {"threads": 1.0, "gevent": 1.25, "asyncio": 2.0, "sync": 0.1}


def known(levels: Levels, odd: Mapping[str, float] | None = None) -> float:
    framework, model = levels
    return 1000 * FRAMEWORK[framework] * MODEL[model] * (odd or {}).get("-".join(levels), 1.0)


def apart(cells: Sequence[Levels], values: Mapping[str, Sequence[float]]) -> Split | Unsplit:
    return split(named(cells), {name: dict(enumerate(each, 1)) for name, each in values.items()}, ORDERS)


def named(cells: Sequence[Levels]) -> dict[str, dict[Factor, str]]:
    return {"-".join(each): dict(zip(FACTORS, each, strict=True)) for each in cells}


def exact(cells: Sequence[Levels], odd: Mapping[str, float] | None = None, repeats: int = 3) -> Split:
    """The split without noise. Each repeat is three times as fast as the one before, which changes nothing."""
    values = {"-".join(each): [known(each, odd) * 3**n for n in range(repeats)] for each in cells}
    found = apart(cells, values)
    assert isinstance(found, Split)
    return found


def ratios(found: Split, factor: Factor) -> dict[str, float | None]:
    return {each.level: each.ratio.mean if each.ratio else None for each in found.effects[factor]}


class TestEffects:
    def test_a_complete_matrix_gives_the_effects_that_it_was_made_with(self) -> None:
        found = exact([(f, m) for f in FRAMEWORKS[:2] for m in MODELS[:3]])
        assert ratios(found, "framework") == {"flask": None, "django": pytest.approx(0.8)}
        assert ratios(found, "model") == {"threads": None, "gevent": pytest.approx(1.25), "asyncio": pytest.approx(2)}
        assert found.repeats == 3

    def test_in_a_complete_matrix_an_effect_is_the_geometric_mean_of_its_ratios(self) -> None:
        # Django over Flask is 2 on threads and 8 on gevent: sqrt(2 x 8) = 4. gevent over threads is 3 and 12: 6.
        cells = [(f, m) for f in FRAMEWORKS[:2] for m in MODELS[:2]]
        found = apart(cells, {"flask-threads": [1], "flask-gevent": [3], "django-threads": [2], "django-gevent": [24]})
        assert isinstance(found, Split)
        assert ratios(found, "framework") == {"flask": None, "django": pytest.approx(4)}
        assert ratios(found, "model") == {"threads": None, "gevent": pytest.approx(6)}

    def test_an_incomplete_matrix_gives_the_same_effects(self) -> None:
        found = exact(HOUSE)
        for factor, made in zip(FACTORS, (FRAMEWORK, MODEL), strict=True):
            (_, reference), *others = ratios(found, factor).items()
            assert reference is None
            assert dict(others) == {level: pytest.approx(made[level]) for level, _ in others}

    def test_effects_of_an_incomplete_matrix_are_not_ratios_of_means(self) -> None:
        # FastAPI exists only on the slow model, where it is as fast as Flask. Means would make it ten times slower.
        cells = [("flask", "threads"), ("flask", "sync"), ("fastapi", "sync")]
        found = apart(cells, {"flask-threads": [1000], "flask-sync": [10], "fastapi-sync": [10]})
        assert isinstance(found, Split)
        assert ratios(found, "framework")["fastapi"] == pytest.approx(1)
        assert ratios(found, "model")["sync"] == pytest.approx(0.01)
        assert found.oddity is None

    def test_the_interval_is_students_t_over_the_effects_of_each_repeat(self) -> None:
        # Django over Flask is 0.8, 1 and 1.25 in the three repeats, on either model, gevent over threads always 2:
        # logarithms -ln 1.25, 0, ln 1.25; s = ln 1.25, x 4.302653 / sqrt(3) = 2.484138.
        values = {"flask-threads": [100.0, 10, 1], "flask-gevent": [200.0, 20, 2]}
        values |= {"django-threads": [80, 10, 1.25], "django-gevent": [160, 20, 2.5]}
        found = apart([(f, m) for f in FRAMEWORKS[:2] for m in MODELS[:2]], values)
        assert isinstance(found, Split)
        django, gevent = found.effects["framework"][1].ratio, found.effects["model"][1].ratio
        assert django is not None
        assert (django.mean, django.low, django.high) == pytest.approx((1, 1.25**-2.484138, 1.25**2.484138), rel=1e-5)
        assert gevent is not None
        assert (gevent.mean, gevent.low, gevent.high) == pytest.approx((2, 2, 2))
        assert [len(found.called(factor)) for factor in FACTORS] == [0, 1]

    def test_one_repeat_gives_no_interval_and_no_significant_effect(self) -> None:
        found = exact(HOUSE, {"django-sync": 3.0}, repeats=1)
        every = [each.ratio for factor in FACTORS for each in found.effects[factor] if each.ratio]
        assert [each.bounded for each in every] == [False] * 5
        assert found.called("model") == []
        assert found.more is None
        assert found.oddity is not None
        assert not found.oddity.holds

    def test_the_order_of_the_contenders_changes_nothing(self) -> None:
        odd = {"flask-gevent": 1.5}
        for factor in FACTORS:
            there, back = (ratios(exact(cells, odd), factor) for cells in (HOUSE, HOUSE[::-1]))
            assert list(there) == list(back)
            assert there == {level: ratio and pytest.approx(ratio) for level, ratio in back.items()}


class TestNotEstimable:
    def test_parts_with_nothing_in_common_are_returned(self) -> None:
        cells = [("flask", "threads"), ("flask", "sync"), ("django", "gevent"), ("fastapi", "asyncio")]
        found = apart(cells, {"-".join(each): [1.0, 1.0] for each in cells})
        assert found == Unsplit("parts", (("flask-threads", "flask-sync"), ("django-gevent",), ("fastapi-asyncio",)))

    def test_contenders_are_connected_directly_or_through_others(self) -> None:
        cells = [("flask", "threads"), ("fastapi", "asyncio"), ("django", "threads"), ("django", "asyncio")]
        assert isinstance(apart(cells, {"-".join(each): [1.0, 1.0] for each in cells}), Split)

    @pytest.mark.parametrize("cells", [FULL[:4], [FULL[0], FULL[4]], FULL[:1], []])
    def test_one_level_cannot_be_compared(self, cells: list[Levels]) -> None:
        found = apart(cells, {"-".join(each): [1.0, 1.0] for each in cells})
        assert isinstance(found, Unsplit)
        assert found.why == "levels"

    def test_contenders_without_a_repeat_in_common_cannot_be_compared(self) -> None:
        cells = [(f, m) for f in FRAMEWORKS[:2] for m in MODELS[:2]]
        values = {"-".join(each): {n: 1.0} for n, each in enumerate(cells)}
        found = split(named(cells), values, ORDERS)
        assert isinstance(found, Unsplit)
        assert found.why == "repeats"

    def test_only_repeats_that_all_contenders_have_are_used(self) -> None:
        cells = [(f, m) for f in FRAMEWORKS[:2] for m in MODELS[:2]]
        values = {"-".join(each): [known(each)] * 3 for each in cells} | {"flask-threads": [1000.0, 1000.0]}
        found = apart(cells, values)
        assert isinstance(found, Split)
        assert (found.repeats, len(found.contenders)) == (2, 4)

    def test_a_contender_with_few_repeats_is_excluded_so_that_the_others_keep_theirs(self) -> None:
        values = {"-".join(each): [known(each)] * 3 for each in HOUSE} | {"django-sync": [80.0]}
        found = apart(HOUSE, values)
        assert isinstance(found, Split)
        assert (found.repeats, "django-sync" in found.contenders) == (3, False)


class TestShares:
    def test_in_a_complete_matrix_they_equal_the_analysis_of_variance(self) -> None:
        # Django is e times Flask, gevent e**2 times threads, asyncio e**-2 times. In natural logarithms about their
        # mean, the frameworks are +-1/2: 6 x 1/4 = 1.5. The models are 0, 2 and -2: 2 x (4 + 4) = 16.
        values = {
            f"{f}-{m}": [math.exp(a + b)] * 2
            for f, a in (("flask", 0), ("django", 1))
            for m, b in (("threads", 0), ("gevent", 2), ("asyncio", -2))
        }
        found = apart([(f, m) for f in FRAMEWORKS[:2] for m in MODELS[:3]], values)
        assert isinstance(found, Split)
        assert found.shares is not None
        assert found.shares.only["framework"] == pytest.approx(1.5 / 17.5)
        assert found.shares.only["model"] == pytest.approx(16 / 17.5)
        assert (found.shares.several, found.shares.none) == pytest.approx((0, 0), abs=1e-9)
        assert found.more == "model"

    def test_the_part_that_either_factor_explains_is_shared(self) -> None:
        # Logarithms are 0, 0 and 1 with mean 1/3, so the total is 2/3. Without the framework, asyncio is at 0 and at 1,
        # which leaves 1/2. Without the model, nothing is left.
        cells = [("flask", "threads"), ("flask", "asyncio"), ("fastapi", "asyncio")]
        found = apart(cells, {"flask-threads": [1.0], "flask-asyncio": [1.0], "fastapi-asyncio": [math.e]})
        assert isinstance(found, Split)
        assert found.shares is not None
        shares = (*found.shares.only.values(), found.shares.several, found.shares.none)
        assert shares == pytest.approx((0.75, 0, 0.25, 0), abs=1e-9)

    def test_they_add_up_to_one(self) -> None:
        shares = exact(HOUSE, {"django-asyncio": 0.3, "fastapi-threads": 2.0}).shares
        assert shares is not None
        assert sum(shares.only.values()) + shares.several + shares.none == pytest.approx(1)
        assert min(*shares.only.values(), shares.none) >= 0

    def test_equal_contenders_have_no_shares(self) -> None:
        found = apart(FULL, {"-".join(each): [5.0, 6.0, 7.0] for each in FULL})
        assert isinstance(found, Split)
        assert (found.shares, found.more) == (None, None)


class TestInteraction:
    def test_if_factors_multiply_no_contender_departs(self) -> None:
        oddity = exact(HOUSE).oddity
        assert oddity is not None
        assert oddity.ratio.mean == pytest.approx(1)
        assert not oddity.holds

    def test_the_contender_that_departs_is_found_with_its_ratio(self) -> None:
        # Three frameworks by three models: the other eight predict the ninth.
        cells = [(f, m) for f in FRAMEWORKS for m in MODELS[:3]]
        oddity = exact(cells, {"django-gevent": 1.3}).oddity
        assert oddity is not None
        assert (oddity.contender, oddity.as_far, oddity.holds) == ("django-gevent", (), True)
        assert oddity.ratio.mean == pytest.approx(1.3)

    @pytest.mark.parametrize("times", [1.1, 1.3, 1.7, 2.9, 5.3])
    def test_with_two_frameworks_either_one_may_depart(self, times: float) -> None:
        # Django on gevent is 1.3 times its prediction, or Flask on gevent is 1 / 1.3 times. The first one is reported.
        cells = [(f, m) for f in FRAMEWORKS[:2] for m in MODELS[:3]]
        oddity = exact(cells, {"django-gevent": times}).oddity
        assert oddity is not None
        assert (oddity.contender, oddity.as_far) == ("flask-gevent", ("django-gevent",))
        assert oddity.ratio.mean == pytest.approx(1 / times)
        assert oddity.holds

    def test_in_the_projects_matrix_one_of_three_frameworks_that_departs_is_found(self) -> None:
        oddity = exact(HOUSE, {"flask-asyncio": 0.5}).oddity
        assert oddity is not None
        assert (oddity.contender, oddity.as_far) == ("flask-asyncio", ())
        assert oddity.ratio.mean == pytest.approx(0.5)

    def test_with_interaction_no_effect_is_significant_because_each_is_a_mean_of_different_ones(self) -> None:
        # Django is 0.8 times Flask on three models and 4 times on the fourth: 0.8 x 5 ** (1 / 4) over all.
        found = exact(HOUSE, {"flask-asyncio": 0.2})
        assert found.interaction
        assert ratios(found, "framework")["django"] == pytest.approx(0.8 * 5**0.25)
        assert [found.called(factor) for factor in FACTORS] == [[], []]
        assert all(each.average for factor in FACTORS for each in found.effects[factor] if each.ratio)
        assert found.more is None

    def test_without_interaction_effects_are_significant(self) -> None:
        found = exact(HOUSE)
        assert not found.interaction
        assert [each.level for each in found.called("framework")] == ["fastapi", "django"]
        assert [each.level for each in found.called("model")] == ["sync", "asyncio", "gevent"]
        assert found.more == "model"

    def test_a_departure_of_less_than_two_percent_does_not_count_even_if_it_is_certain(self) -> None:
        assert not exact(HOUSE, {"flask-asyncio": 0.985}).interaction
        assert exact(HOUSE, {"flask-asyncio": 0.975}).interaction

    def test_a_departure_that_varies_between_repeats_is_still_interaction(self) -> None:
        # Factors of 0.1, 0.2 and 0.4 are compatible with 1 for one contender, but not with a fit of all ten.
        times = {"flask-asyncio": (0.1, 0.2, 0.4)}
        found = apart(HOUSE, {n: [known(c) * x for x in times.get(n, (1, 1, 1))] for c in HOUSE for n in ["-".join(c)]})
        assert isinstance(found, Split)
        assert found.oddity is not None
        assert (found.interaction, found.oddity.holds) == (True, False)
        assert [found.called(factor) for factor in FACTORS] == [[], []]

    def test_interaction_widens_no_interval(self) -> None:
        ratio = exact(HOUSE, {"flask-asyncio": 0.5}).effects["model"][1].ratio
        assert ratio is not None
        assert ratio.low == pytest.approx(ratio.high)

    def test_a_contender_that_is_alone_with_its_level_always_fits(self) -> None:
        # Only one contender uses sync, so its figure determines the effect of sync.
        cells = [(f, m) for f in FRAMEWORKS[:2] for m in MODELS[:3]] + [("flask", "sync")]
        found = exact(cells, {"flask-sync": 7.0})
        assert ratios(found, "model")["sync"] == pytest.approx(0.7)
        assert found.oddity is not None
        assert not found.oddity.holds


TRIES = 1000


def noisy(rng: np.random.Generator, repeats: int, made: Mapping[str, float] | None = None) -> Split:
    """The split of ten contenders with 5 % noise, in repeats that differ by 30 %."""
    blocks = np.exp(rng.normal(0, 0.3, repeats))
    values = {
        name: ((made or {}).get(name, 1.0) * blocks * np.exp(rng.normal(0, 0.05, repeats))).tolist()
        for name in map("-".join, HOUSE)
    }
    found = apart(HOUSE, values)
    assert isinstance(found, Split)
    return found


@pytest.mark.parametrize("repeats", [3, 5, 10])
def test_from_noise_alone_an_effect_is_significant_in_about_5_of_100_tries(repeats: int) -> None:
    rng = np.random.default_rng([20261123, repeats])
    called: Counter[str] = Counter()
    for _ in range(TRIES):
        found = noisy(rng, repeats)
        called.update(each.level for factor in FACTORS for each in found.called(factor))
        called["odd"] += found.oddity is not None and found.oddity.holds
        called["interaction"] += found.interaction
    # Each level separately, within four standard errors of a share of 1,000: 4 sqrt(0.05 x 0.95 / 1000). Ten repeats
    # also detect effects below 2 %, which do not count. A departure has to pass two tests, interaction one.
    for level in ("django", "fastapi", "gevent", "asyncio", "sync", "interaction"):
        assert 0.02 <= called[level] / TRIES <= 0.0775, level
    assert called["odd"] / TRIES <= 0.0775


def test_an_effect_within_the_noise_of_one_trial_is_found_over_ten() -> None:
    rng = np.random.default_rng(20261123)
    made = {"-".join(each): 0.9 if each[0] == "django" else 1.0 for each in HOUSE}
    tries = [noisy(rng, 10, made) for _ in range(200)]
    # In five of a hundred the F test mistakes noise for interaction, and then no effect is significant.
    assert sum([each.level for each in found.called("framework")][:1] == ["django"] for found in tries) > 175
    assert sum(found.more == "framework" for found in tries) > 150
    assert not any(found.more == "model" for found in tries)


@pytest.mark.parametrize("repeats", [3, 5])
def test_a_departure_never_reverses_a_significant_effect(repeats: int) -> None:
    # Django is 0.9 times Flask, except on asyncio, where Flask departs. The fit over all has 0.9 / 0.4**(1 / 4) = 1.13.
    rng = np.random.default_rng([20261123, repeats])
    made = {"-".join(each): 0.9 if each[0] == "django" else 1.0 for each in HOUSE} | {"flask-asyncio": 0.4}
    tries = [noisy(rng, repeats, made) for _ in range(200)]
    assert all((ratios(found, "framework")["django"] or 0) > 1 for found in tries)
    assert not any(found.called(factor) for found in tries for factor in FACTORS)


def test_a_departure_beyond_the_noise_is_found() -> None:
    rng = np.random.default_rng(20261123)
    tries = [noisy(rng, 5, {"flask-asyncio": 0.7}).oddity for _ in range(200)]
    assert sum(each is not None and each.holds and each.contender == "flask-asyncio" for each in tries) > 180
