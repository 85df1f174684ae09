"""Effects of framework, model and server, compared with known effects and with an independent least-squares fit."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np
import pytest

from tests.made_up.matrix import (
    ASGI,
    FRAMEWORK,
    GEVENT,
    GTHREAD,
    GUNICORN,
    H11,
    MODEL,
    SERVED,
    SERVER,
    SYNC,
    TRIO,
    UVICORN,
    WSGI,
)
from tests.made_up.matrix import served_levels as levels_of
from tests.made_up.matrix import served_speed as speed
from waitbench.analysis.factors.design import FACTORS, Factor, Levels
from waitbench.analysis.factors.model import Effect, Split, Unsplit, split
from waitbench.analysis.factors.simple_effects import SimpleEffect, simple_effects

MADE: dict[Factor, Mapping[str, float]] = {"framework": FRAMEWORK, "model": MODEL, "server": SERVER}
CUBE: dict[str, Levels] = {
    f"{f}-{m}-{s}": {"framework": f, "model": m, "server": s}
    for f, m, s in product(("flask", "django"), ("threads", "asyncio"), (GTHREAD, WSGI))
}
"""A complete design of two by two by two."""
LARGE_CUBE: dict[str, Levels] = {
    f"{f}-{m}-{s}": {"framework": f, "model": m, "server": s}
    for f, m, s in product(("flask", "django", "fastapi"), ("threads", "gevent", "asyncio"), (GTHREAD, WSGI, UVICORN))
}
HOUSE: dict[str, Levels] = {name: levels_of(name) for name in SERVED}


def orders_of(levels: Mapping[str, Levels]) -> dict[Factor, list[str]]:
    return {factor: list(dict.fromkeys(each[factor] for each in levels.values())) for factor in FACTORS}


def apart(levels: Mapping[str, Levels], values: Mapping[str, Sequence[float]]) -> Split:
    found = split(levels, {name: dict(enumerate(each)) for name, each in values.items()}, orders_of(levels))
    assert isinstance(found, Split)
    return found


def made(
    levels: Mapping[str, Levels],
    odd: Mapping[str, float] | None = None,
    repeats: int = 3,
    noise: float = 0.0,
    seed: int = 20261130,
) -> dict[str, list[float]]:
    """Values that follow from the levels. Each repeat is three times as fast as the one before."""
    rng = np.random.default_rng(seed)
    return {
        name: [
            math.prod(MADE[factor][each[factor]] for factor in FACTORS) * (odd or {}).get(name, 1.0) * 3**n * wobble
            for n, wobble in enumerate(np.exp(rng.normal(0, noise, repeats)).tolist())
        ]
        for name, each in levels.items()
    }


def only(levels: Mapping[str, Levels], names: Iterable[str]) -> dict[str, Levels]:
    return {name: levels[name] for name in names}


def compared(found: Split) -> list[tuple[Factor, Effect]]:
    """The effects that have a ratio."""
    return [(factor, each) for factor, effects in found.effects.items() for each in effects if each.ratio]


def confounded(found: Split) -> dict[str, list[str]]:
    """The confounded levels, with the levels that always change too."""
    every = [each for effects in found.effects.values() for each in effects]
    return {each.level: each.confounded.levels for each in every if each.confounded}


def true_ratio(factor: Factor, effect: Effect) -> float:
    return MADE[factor][effect.level] / MADE[factor][effect.reference]


class TestKnownEffects:
    @pytest.mark.parametrize("levels", [CUBE, LARGE_CUBE, HOUSE], ids=["cube", "large cube", "house"])
    def test_the_effects_are_those_that_the_matrix_was_made_with(self, levels: dict[str, Levels]) -> None:
        found = apart(levels, made(levels))
        for factor, effect in compared(found):
            assert effect.ratio is not None
            assert effect.ratio.mean == pytest.approx(true_ratio(factor, effect)), effect.level
        assert not found.interaction

    @pytest.mark.parametrize("seed", range(20))
    def test_with_gaps_and_noise_the_effects_are_within_two_percent(self, seed: int) -> None:
        # 27 contenders less 9 at random, 1 % of noise, ten repeats: the standard error of an effect is about 0.3 %.
        chosen = np.random.default_rng(seed).choice(sorted(LARGE_CUBE), size=18, replace=False).tolist()
        levels = only(LARGE_CUBE, chosen)
        found = apart(levels, made(levels, repeats=10, noise=0.01, seed=seed))
        assert len(compared(found)) + len(confounded(found)) == 6
        for factor, effect in compared(found):
            assert effect.ratio is not None
            assert effect.ratio.mean == pytest.approx(true_ratio(factor, effect), rel=0.02), effect.level

    def test_in_a_complete_matrix_an_effect_is_the_geometric_mean_of_its_ratios(self) -> None:
        # In the first repeat, granian over gthread is 2, 2, 8 and 2, in the second 2, 8, 2 and 2. Both times
        # the product is 64 and its fourth root 2.828427. Each departs once, so this is noise and no interaction.
        ratios = {"flask-threads": (2, 2), "flask-asyncio": (2, 8), "django-threads": (8, 2), "django-asyncio": (2, 2)}
        values = {f"{name}-{GTHREAD}": [1.0, 1.0] for name in ratios}
        values |= {f"{name}-{WSGI}": [float(each) for each in of] for name, of in ratios.items()}
        [_, granian] = apart(CUBE, {name: values[name] for name in CUBE}).effects["server"]
        assert granian.ratio is not None
        assert (granian.ratio.mean, granian.ratio.low, granian.ratio.high) == pytest.approx((2.828427,) * 3)

    @pytest.mark.parametrize("seed", range(20))
    def test_each_effect_equals_that_of_an_independent_fit(self, seed: int) -> None:
        # Here each factor has columns for all levels but its first, and only columns that add to the rank are kept.
        rng = np.random.default_rng(seed)
        levels = only(LARGE_CUBE, rng.choice(sorted(LARGE_CUBE), size=int(rng.integers(9, 20)), replace=False).tolist())
        values = {name: np.exp(rng.normal(0, 0.001, 4) + rng.normal(0, 0.3)).tolist() for name in levels}
        found = apart(levels, values)
        names = [(f, level) for f, order in orders_of(levels).items() for level in order[1:]]
        matrix = np.array([[1.0, *(float(each[f] == level) for f, level in names)] for each in levels.values()])
        logs = np.log(np.array(list(values.values())))
        fitted = dict(zip(names, np.linalg.lstsq(matrix, logs, rcond=None)[0][1:].tolist(), strict=True))
        zeros = [0.0] * 4
        for factor, effect in compared(found):
            assert effect.ratio is not None
            pair = [fitted.get((factor, level), zeros) for level in (effect.level, effect.reference)]
            mean = float(np.mean(np.subtract(*pair)))
            assert math.log(effect.ratio.mean) == pytest.approx(mean, abs=1e-9)

    def test_a_factor_with_one_level_is_left_out(self) -> None:
        levels = {name: each for name, each in HOUSE.items() if each["model"] == "asyncio"}
        found = apart(levels, made(levels))
        assert list(found.effects) == ["framework", "server"]

    def test_with_one_factor_there_is_nothing_to_split(self) -> None:
        levels = only(HOUSE, ["fastapi-asyncio", "fastapi-asyncio-h11", "fastapi-asyncio-granian"])
        found = split(levels, {name: {0: 1.0} for name in levels}, orders_of(levels))
        assert isinstance(found, Unsplit)
        assert found.why == "levels"


class TestConfounded:
    def test_one_contender_for_each_level_has_no_effect_at_all(self) -> None:
        levels = only(HOUSE, TRIO)
        found = apart(levels, made(levels))
        assert compared(found) == []
        assert confounded(found) == {
            "django": ["gevent", GEVENT], "fastapi": ["asyncio", UVICORN],
            "gevent": ["django", GEVENT], "asyncio": ["fastapi", UVICORN],
            GEVENT: ["django", "gevent"], UVICORN: ["fastapi", "asyncio"],
        }  # fmt: skip

    def test_one_pair_on_two_servers_gives_one_effect(self) -> None:
        levels = only(HOUSE, (*TRIO, "flask-threads-granian"))
        found = apart(levels, made(levels))
        [(factor, granian)] = compared(found)
        assert (factor, granian.level, granian.reference) == ("server", WSGI, GTHREAD)
        assert granian.ratio is not None
        assert granian.ratio.mean == pytest.approx(SERVER[WSGI])
        assert len(confounded(found)) == 6

    def test_in_the_projects_own_matrix_gevent_and_sync_are_confounded_with_their_workers(self) -> None:
        found = apart(HOUSE, made(HOUSE))
        assert confounded(found) == {
            "sync": [SYNC], "gevent": [GEVENT], SYNC: ["sync"], GEVENT: ["gevent"], UVICORN: [],
        }  # fmt: skip
        every = {(effect.level, effect.reference) for _, effect in compared(found)}
        assert every == {
            ("django", "flask"), ("fastapi", "flask"), ("quart", "flask"), ("asyncio", "threads"),
            (WSGI, GTHREAD), (ASGI, UVICORN), (GUNICORN, UVICORN), (H11, UVICORN),
        }  # fmt: skip

    def test_no_contenders_that_differ_in_two_factors_stand_in_for_a_pair(self) -> None:
        # A half of the cube, where a fit has a figure for each effect: the interaction of the two other factors.
        names = [
            f"flask-threads-{GTHREAD}",
            f"flask-asyncio-{WSGI}",
            f"django-threads-{WSGI}",
            f"django-asyncio-{GTHREAD}",
        ]
        found = apart(only(CUBE, names), made(only(CUBE, names)))
        assert compared(found) == []
        assert list(confounded(found).values()) == [[], [], []]


class TestShares:
    def test_in_a_complete_matrix_they_equal_the_analysis_of_variance(self) -> None:
        # Natural logarithms of +-1/2, +-1 and +-3/2 about the mean: 8 x 1/4 = 2, 8 x 1 = 8 and 8 x 9/4 = 18 of 28.
        powers = {"django": 1, "asyncio": 2, WSGI: 3}
        values = {
            name: [math.exp(sum(powers.get(str(level), 0) for level in each.values()))] * 2
            for name, each in CUBE.items()
        }
        shares = apart(CUBE, values).shares
        assert shares is not None
        assert list(shares.only.values()) == pytest.approx([2 / 28, 8 / 28, 18 / 28])
        assert (shares.several, shares.none) == pytest.approx((0, 0), abs=1e-9)

    def test_confounded_factors_share_what_both_explain(self) -> None:
        # Flask and Django on two models that each have a server of their own: half of the spread is the framework's.
        levels: dict[str, Levels] = {
            f"{f}-{m}": {"framework": f, "model": m, "server": s}
            for f in ("flask", "django") for m, s in (("sync", SYNC), ("gevent", GEVENT))
        }  # fmt: skip
        values = {"flask-sync": [1.0], "flask-gevent": [2.0], "django-sync": [2.0], "django-gevent": [4.0]}
        shares = apart(levels, values).shares
        assert shares is not None
        assert shares.only == {factor: pytest.approx(of, abs=1e-9) for factor, of in
                               (("framework", 0.5), ("model", 0), ("server", 0))}  # fmt: skip
        assert (shares.several, shares.none) == pytest.approx((0.5, 0), abs=1e-9)

    def test_they_add_up_to_one(self) -> None:
        shares = apart(HOUSE, made(HOUSE, noise=0.1)).shares
        assert shares is not None
        assert sum(shares.only.values()) + shares.several + shares.none == pytest.approx(1)
        assert min(*shares.only.values(), shares.none) >= 0

    def test_a_factor_explains_more_if_it_does_so_with_all_that_several_explain(self) -> None:
        # Without a confounded level the server explains most: 1, 0.8, 1, 1.5, 1 and 2 in logarithms squared.
        assert apart(CUBE, made(CUBE)).more == "server"
        # In the whole matrix, sync explains most, and it is the model's or the server's.
        assert apart(HOUSE, made(HOUSE)).more is None


def simple(levels: Mapping[str, Levels], values: Mapping[str, Sequence[float]]) -> dict[tuple[str, ...], SimpleEffect]:
    found = simple_effects(levels, {n: dict(enumerate(each)) for n, each in values.items()}, orders_of(levels))
    return {(each.level, each.reference, *each.within): each for each in found}


class TestInteraction:
    ODD = f"django-asyncio-{WSGI}"

    def test_with_interaction_three_factors_have_no_effects_over_all(self) -> None:
        found = apart(CUBE, made(CUBE, {self.ODD: 0.5}))
        assert found.interaction
        assert compared(found) == []
        assert found.more is None
        assert [each.average for effects in found.effects.values() for each in effects] == [False, True] * 3

    def test_simple_effects_are_exact_and_only_pairs_with_the_odd_contender_have_its_factor(self) -> None:
        found = simple(CUBE, made(CUBE, {self.ODD: 0.5}))
        assert len(found) == 12
        for factor in FACTORS:
            for each in (each for each in found.values() if each.factor == factor):
                true = MADE[factor][each.level] / MADE[factor][each.reference]
                assert each.ratio.mean == pytest.approx(true * (0.5 if self.ODD in each.contenders else 1))

    def test_within_names_the_levels_of_both_other_factors(self) -> None:
        found = simple(HOUSE, made(HOUSE))
        servers = [place for place in found if place[0] in SERVER]
        assert servers == [
            (WSGI, GTHREAD, "flask", "threads"), (WSGI, GTHREAD, "django", "threads"),
            (ASGI, UVICORN, "django", "asyncio"), (ASGI, UVICORN, "fastapi", "asyncio"),
            (ASGI, UVICORN, "quart", "asyncio"), (GUNICORN, UVICORN, "django", "asyncio"),
            (GUNICORN, UVICORN, "fastapi", "asyncio"), (GUNICORN, UVICORN, "quart", "asyncio"),
            (H11, UVICORN, "fastapi", "asyncio"),
        ]  # fmt: skip
        models = [place for place in found if place[0] in MODEL]
        assert models == [("asyncio", "threads", "flask", GTHREAD), ("asyncio", "threads", "fastapi", UVICORN)]
        assert all(each.differ_in == () for each in found.values())

    def test_without_the_factors_reference_the_first_level_that_is_there_is_the_reference(self) -> None:
        found = simple(HOUSE, made(HOUSE))
        assert found["quart", "django", "asyncio", ASGI].ratio.mean == pytest.approx(0.9 / 0.8)

    def test_a_server_that_is_no_factor_is_named_where_it_differs(self) -> None:
        levels = only(HOUSE, tuple(HOUSE)[:10])
        values = {name: dict(enumerate(each)) for name, each in made(levels).items()}
        orders = orders_of(levels)
        found = simple_effects(levels, values, {"framework": orders["framework"], "model": orders["model"]})
        other = {(each.level, each.within) for each in found if each.differ_in == ("server",)}
        assert {("asyncio", ("django",)), ("gevent", ("flask",)), ("fastapi", ("threads",))} <= other
        assert not {("asyncio", ("flask",)), ("django", ("sync",)), ("asyncio", ("fastapi",))} & other

    def test_one_repeat_cannot_show_interaction_so_it_has_no_effects_over_all(self) -> None:
        found = apart(CUBE, made(CUBE, {self.ODD: 0.5}, repeats=1))
        assert (found.interaction, compared(found)) == (False, [])

    def test_the_contender_that_departs_is_found_in_the_projects_own_matrix(self) -> None:
        oddity = apart(HOUSE, made(HOUSE, {"django-asyncio-granian": 0.7}, noise=0.01)).oddity
        assert oddity is not None
        assert (oddity.contender, oddity.holds) == ("django-asyncio-granian", True)
        assert oddity.ratio.mean == pytest.approx(0.7, rel=0.03)


DRAWS = 2000


def test_from_noise_alone_an_effect_is_significant_in_3_to_7_of_100_draws() -> None:
    rng = np.random.default_rng(20261130)
    repeats, names = 3, list(HOUSE)
    # Repeats differ by 30 %, trials by 30 %, so that no effect is below the 2 % that do not count.
    draws = np.exp(rng.normal(0, 0.3, (DRAWS, repeats, 1)) + rng.normal(0, 0.3, (DRAWS, repeats, len(names))))
    called: Counter[str] = Counter()
    for draw in draws.transpose(0, 2, 1).tolist():
        found = apart(HOUSE, dict(zip(names, draw, strict=True)))
        called.update(each.level for factor in FACTORS for each in found.called(factor))
        called["interaction"] += found.interaction
    levels = {effect.level for _, effect in compared(apart(HOUSE, made(HOUSE)))}
    assert set(called) == {*levels, "interaction"}
    assert {level: share for level in called if not 0.03 <= (share := called[level] / DRAWS) <= 0.07} == {}


@pytest.mark.parametrize("repeats", [3, 5])
def test_a_departure_never_reverses_a_significant_effect(repeats: int) -> None:
    # Flask's async views depart, as they do in truth: Flask on threads is faster than Django, and slower on asyncio.
    rng = np.random.default_rng([20261130, repeats])
    for _ in range(100):
        noise = {name: np.exp(rng.normal(0, 0.05, repeats)).tolist() for name in HOUSE}
        values = {name: [speed(name, {"flask-asyncio": 0.3}) * each for each in of] for name, of in noise.items()}
        found = apart(HOUSE, values)
        for factor in FACTORS:
            for effect in found.called(factor):
                assert effect.ratio is not None
                assert (effect.ratio.mean > 1) == (true_ratio(factor, effect) > 1), effect.level
