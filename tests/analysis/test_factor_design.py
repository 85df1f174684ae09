"""Which effects of framework, model and server a design supports, compared with the rank of its matrix."""

from collections.abc import Iterable, Sequence
from itertools import combinations, product

import numpy as np
import pytest

from tests.made_up.matrix import ASGI, CLAIMS, GEVENT, GTHREAD, GUNICORN, H11, SERVED, SYNC, TRIO, UVICORN, WSGI
from tests.made_up.matrix import served_levels as levels_of
from waitbench.analysis.factors.design import FACTORS, Design, Levels, design_of
from waitbench.analysis.factors.load_points import factors_of, short_server


def design(rows: Sequence[Levels]) -> Design:
    """The design of contenders with these levels, in the order of their first contender."""
    orders = {factor: list(dict.fromkeys(row[factor] for row in rows)) for factor in FACTORS}
    return design_of({str(n): row for n, row in enumerate(rows)}, [str(n) for n in range(len(rows))], orders)


def of_names(names: Iterable[str]) -> Design:
    return design([levels_of(name) for name in names])


def of_letters(*rows: str) -> Design:
    """`adf` is a contender with framework a, model d and server f."""
    return design([dict(zip(FACTORS, row, strict=True)) for row in rows])


def in_row_space(columns: Sequence[Sequence[bool]], contrast: Sequence[float]) -> bool:
    """Whether the contrast of the parameters is a combination of the rows, so that the data determine it."""
    matrix = np.array(columns, dtype=float).T
    return bool(np.linalg.matrix_rank(np.vstack([matrix, contrast])) == np.linalg.matrix_rank(matrix))


def random_rows(rng: np.random.Generator) -> list[Levels]:
    every = list(product("abc", "xyz", "mno"))
    chosen = rng.choice(len(every), size=int(rng.integers(3, 14)), replace=False)
    return [dict(zip(FACTORS, every[n], strict=True)) for n in chosen]


@pytest.mark.parametrize("seed", range(5))
def test_levels_are_comparable_exactly_if_the_rank_of_the_matrix_allows_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(30):
        _compare_with_rank(random_rows(rng))


def _compare_with_rank(rows: list[Levels]) -> None:
    found = design(rows)
    for place, factor in enumerate(FACTORS):
        levels = found.orders[place]
        others = [tuple(row[other] for other in FACTORS if other != factor) for row in rows]
        own = [[row[factor] == level for row in rows] for level in levels]
        together = [[each == other for each in others] for other in dict.fromkeys(others)]
        apart = [[row[g] == level for row in rows] for g in FACTORS if g != factor for level in {r[g] for r in rows}]
        for one, other in combinations(levels, 2):
            contrast = [(level == one) - (level == other) for level in levels]
            linked = any({one, other} <= set(group) for group in found.groups(factor))
            # The other two factors as one, with a parameter for each combination that occurs.
            assert linked == in_row_space([*own, *together], [*contrast, *[0] * len(together)])
            # The additive model estimates each of these too.
            assert not linked or in_row_space([*own, *apart], [*contrast, *[0] * len(apart)])


class TestGroups:
    def test_in_a_complete_design_all_levels_are_comparable(self) -> None:
        found = of_letters(*("".join(row) for row in product("ab", "xy", "mn")))
        assert [found.groups(factor) for factor in FACTORS] == [[["a", "b"]], [["x", "y"]], [["m", "n"]]]

    def test_levels_are_comparable_through_others(self) -> None:
        # a and b differ alone on xm, b and c on yn; a and c have no model and server in common.
        assert of_letters("axm", "bxm", "byn", "cyn").groups("framework") == [["a", "b", "c"]]

    def test_the_default_contenders_share_nothing_so_nothing_is_comparable(self) -> None:
        found = of_names(TRIO)
        assert all(len(group) == 1 for factor in FACTORS for group in found.groups(factor))

    def test_contenders_that_differ_in_two_factors_each_make_nothing_comparable(self) -> None:
        # A half of a design of two by two by two: each effect is the interaction of the two others.
        found = of_letters("axm", "ayn", "bxn", "bym")
        assert all(len(group) == 1 for factor in FACTORS for group in found.groups(factor))
        assert found.confounded("framework", ["b"]).by == {"model": (), "server": ()}

    def test_in_the_projects_own_matrix_servers_are_comparable_where_they_run_the_same(self) -> None:
        found = of_names(SERVED)
        assert found.groups("framework") == [["flask", "django", "fastapi", "quart"]]
        assert found.groups("model") == [["threads", "asyncio"], ["sync"], ["gevent"]]
        servers = [[GTHREAD, WSGI], [SYNC], [GEVENT], [UVICORN, ASGI, GUNICORN, H11]]
        assert found.groups("server") == servers


class TestConfounded:
    def test_levels_that_always_occur_together_name_each_other(self) -> None:
        found = of_names(SERVED)
        assert found.confounded("model", ["gevent"]).by == {"server": (GEVENT,)}
        assert found.confounded("server", [GEVENT]).by == {"model": ("gevent",)}

    def test_both_other_factors_are_named_if_both_always_change(self) -> None:
        found = of_names((*TRIO, "flask-threads-granian"))
        assert found.groups("server") == [[GTHREAD, WSGI], [GEVENT], [UVICORN]]
        assert found.confounded("framework", ["django"]).by == {"model": ("gevent",), "server": (GEVENT,)}

    def test_a_model_with_several_servers_of_its_own_is_confounded_with_all_of_them(self) -> None:
        names = [name for name in SERVED if name.split("-")[1] in ("threads", "asyncio")]
        found = of_names([name for name in names if name not in ("flask-asyncio", "fastapi-threads")])
        assert found.confounded("model", ["asyncio"]).by == {"server": (UVICORN, ASGI, GUNICORN, H11)}
        assert found.confounded("server", [UVICORN, ASGI, GUNICORN, H11]).by == {"model": ("asyncio",)}

    def test_without_one_factor_that_always_changes_both_others_are_named(self) -> None:
        # uvicorn and gthread serve both models and share Django, but never the same framework on the same model.
        assert of_names(SERVED).confounded("server", [UVICORN, ASGI, GUNICORN, H11]).by == {
            "framework": (),
            "model": (),
        }


class TestFactors:
    """Whether the server is a factor."""

    @pytest.mark.parametrize("names", [TRIO, TRIO[:2], ()])
    def test_contenders_that_share_nothing_make_no_matrix(self, names: tuple[str, ...]) -> None:
        assert factors_of([levels_of(name) for name in names]) == ()

    def test_a_server_that_follows_from_framework_and_model_is_no_factor(self) -> None:
        assert factors_of([levels_of(name) for name in CLAIMS]) == ("framework", "model")

    def test_one_pair_that_differs_only_in_the_server_makes_it_a_factor(self) -> None:
        assert factors_of([levels_of(name) for name in (*TRIO, "flask-threads-granian")]) == FACTORS
        assert factors_of([levels_of(name) for name in (*CLAIMS, "fastapi-asyncio-h11")]) == FACTORS

    def test_a_factor_with_one_level_is_left_out(self) -> None:
        asyncio = [levels_of(name) for name in SERVED if "-asyncio" in name]
        assert factors_of(asyncio) == ("framework", "server")
        flask = [levels_of(name) for name in SERVED if name.startswith("flask-")]
        assert factors_of(flask) == ("model", "server")

    def test_servers_alone_make_no_matrix(self) -> None:
        assert factors_of([levels_of(name) for name in SERVED if name.startswith("fastapi-asyncio")]) == ()


def test_a_servers_title_is_shortened_as_far_as_it_stays_different() -> None:
    assert short_server(UVICORN, [UVICORN, GTHREAD]) == "uvicorn"
    assert [short_server(title, [UVICORN, H11, ASGI]) for title in (UVICORN, H11, ASGI)] == [
        "uvicorn httptools", "uvicorn h11", "granian ASGI",
    ]  # fmt: skip
    assert short_server("", ["", GTHREAD]) == ""
