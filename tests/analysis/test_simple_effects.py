"""Simple effects, compared with ratios calculated by hand."""

from collections.abc import Mapping, Sequence

import pytest

from tests.analysis.test_factor_model import FRAMEWORKS, HOUSE, MODELS, ORDERS, known, named
from waitbench.analysis.factors.simple_effects import SimpleEffect, simple_effects

NOISY = {
    "flask-threads": (100.0, 10.0, 1.0),
    "flask-asyncio": (200.0, 20.0, 2.0),
    "django-threads": (80.0, 10.0, 1.25),
    "django-asyncio": (20.0, 2.5, 0.3125),
}


def of(values: Mapping[str, Mapping[int, float]]) -> dict[tuple[str, ...], SimpleEffect]:
    """Simple effects by level and by the level of the other factor."""
    cells = {name: (name.split("-")[0], name.split("-")[1]) for name in values}
    levels = {name: named([cell])["-".join(cell)] for name, cell in cells.items()}
    return {(each.level, *each.within): each for each in simple_effects(levels, values, ORDERS)}


def numbered(values: Mapping[str, Sequence[float]]) -> dict[str, dict[int, float]]:
    return {name: dict(enumerate(each, 1)) for name, each in values.items()}


def made(odd: Mapping[str, float] | None = None) -> dict[tuple[str, ...], SimpleEffect]:
    """The simple effects of the project's own matrix, without noise."""
    return of(numbered({"-".join(each): [known(each, odd) * 3**n for n in range(3)] for each in HOUSE}))


def test_a_simple_effect_is_the_paired_ratio_of_two_contenders() -> None:
    found = of(numbered(NOISY))
    assert {place: each.ratio.mean for place, each in found.items()} == {
        ("django", "threads"): pytest.approx(1),  # 0.8, 1 and 1.25
        ("django", "asyncio"): pytest.approx(0.125),  # 0.1, 0.125 and 0.15625
        ("asyncio", "flask"): pytest.approx(2),
        ("asyncio", "django"): pytest.approx(0.25),
    }
    assert found["asyncio", "django"].contenders == ("django-asyncio", "django-threads")
    assert (found["asyncio", "django"].reference, found["django", "asyncio"].reference) == ("threads", "flask")


def test_its_interval_is_students_t_over_the_repeats() -> None:
    # Logarithms -ln 1.25, 0, ln 1.25; s = ln 1.25, x 4.302653 / sqrt(3) = 2.484138.
    found = of(numbered(NOISY))
    ratio = found["django", "threads"].ratio
    assert (ratio.low, ratio.high) == pytest.approx((1.25**-2.484138, 1.25**2.484138), rel=1e-5)
    assert {place for place, each in found.items() if not each.differs} == {("django", "threads")}


def test_only_existing_pairs_have_a_simple_effect() -> None:
    found = made()
    assert {place for place in found if "fastapi" in place} == {
        ("fastapi", "threads"), ("fastapi", "asyncio"), ("asyncio", "fastapi"),
    }  # fmt: skip
    assert len(found) == 13


def test_without_interaction_each_equals_the_effect_that_the_matrix_was_made_with() -> None:
    found = made()
    assert [found["django", model].ratio.mean for model in MODELS] == pytest.approx([0.8] * 4)
    assert [found["asyncio", framework].ratio.mean for framework in FRAMEWORKS] == pytest.approx([2] * 3)


def test_a_contender_that_departs_changes_only_its_own_pairs() -> None:
    found = made({"flask-asyncio": 0.2})
    for model in ("threads", "sync", "gevent"):
        assert found["django", model].ratio.mean == pytest.approx(0.8)
        assert found["django", model].differs
    above = {within for (level, within), each in found.items() if level == "django" and each.ratio.mean > 1}
    assert above == {"asyncio"}  # 0.8 / 0.2
    assert found["django", "asyncio"].ratio.mean == pytest.approx(4)
    assert [found["asyncio", framework].ratio.mean for framework in FRAMEWORKS] == pytest.approx([0.4, 2, 2])
    assert [found["fastapi", model].ratio.mean for model in ("threads", "asyncio")] == pytest.approx([1.5, 7.5])


def test_a_pair_uses_the_repeats_that_both_have_and_ignores_other_contenders() -> None:
    values = numbered(NOISY) | {"django-threads": {2: 10.0, 3: 1.25, 4: 7.0}, "flask-asyncio": {}}
    found = of(values)
    assert set(found) == {("django", "threads"), ("asyncio", "django")}
    assert found["django", "threads"].repeats == 2
    assert found["django", "threads"].ratio.mean == pytest.approx(1.25**0.5)  # of 1 and 1.25


def test_with_one_repeat_no_effect_is_significant() -> None:
    found = of(numbered({name: each[:1] for name, each in NOISY.items()}))
    assert len(found) == 4
    assert not any(each.ratio.bounded or each.differs for each in found.values())


def test_contenders_without_a_repeat_in_common_have_no_effect() -> None:
    assert of({"flask-threads": {1: 10.0}, "django-threads": {2: 10.0}}) == {}


def test_two_contenders_with_the_same_framework_and_model_are_combined() -> None:
    # 100 and 25: their geometric mean is 50, and Django has 80.
    found = of({"flask-threads": {1: 100.0}, "flask-threads-free": {1: 25.0}, "django-threads": {1: 80.0}})
    assert found["django", "threads"].ratio.mean == pytest.approx(1.6)
    assert found["django", "threads"].contenders == ("django-threads", "flask-threads", "flask-threads-free")


def test_without_contenders_there_are_no_effects() -> None:
    assert simple_effects({}, {}, {"framework": [], "model": []}) == []
