"""How often noise alone is called an effect of framework, model or server, and which departures are found.

    .venv/bin/python -m benchmarks.factors

The contenders of the plan `claims` are split in two factors, all contenders of variants.toml in three. All are alike,
with 5 % of noise in each trial, and each repeat is faster or slower by 30 % for all. In the second table one contender
departs from what its framework, model and server predict.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from waitbench.analysis.factors.design import FACTORS, Levels
from waitbench.analysis.factors.load_points import factors_of
from waitbench.analysis.factors.model import Split, split
from waitbench.catalog.variants import load_variants

SEED, DRAWS = 20261130, 2000
REPEATS = (3, 5, 10)
NOISE, BLOCKS = 0.05, 0.3
DEPARTURES, DEPARTS = (0.95, 0.9, 0.8), "django-granian"
CLAIMS = (
    "flask-sync", "flask-threads", "flask-gevent", "flask-asyncio", "django-sync", "django-threads", "django-gevent",
    "django-asyncio", "fastapi-asyncio", "fastapi-threads",
)  # fmt: skip


def contenders() -> dict[str, Levels]:
    return {
        name: {"framework": variant.framework, "model": variant.model, "server": variant.server}
        for name, variant in load_variants().items()
        if variant.kind == "contender" and variant.gil
    }


def draws(levels: Mapping[str, Levels], repeats: int, departs: float = 1.0) -> Iterator[Split]:
    rng = np.random.default_rng([SEED, len(levels), repeats])
    factors = factors_of(list(levels.values()))
    orders = {factor: list(dict.fromkeys(each[factor] for each in levels.values())) for factor in factors}
    for _ in range(DRAWS):
        logs = rng.normal(0, BLOCKS, repeats) + rng.normal(0, NOISE, (len(levels), repeats))
        values = dict(zip(levels, np.exp(logs).tolist(), strict=True))
        if departs != 1:
            values[DEPARTS] = [each * departs for each in values[DEPARTS]]
        found = split(levels, {name: dict(enumerate(each)) for name, each in values.items()}, orders)
        assert isinstance(found, Split)
        yield found


def called(levels: Mapping[str, Levels], repeats: int) -> tuple[list[float], float, float]:
    """The share of draws that call each effect, interaction, and a contender that departs."""
    counts: Counter[str] = Counter()
    for found in draws(levels, repeats):
        counts.update(each.level for factor in FACTORS for each in found.called(factor))
        counts["interaction"] += found.interaction
        counts["departs"] += found.oddity is not None and found.oddity.holds
    interaction, departs = (counts.pop(name) / DRAWS for name in ("interaction", "departs"))
    return [count / DRAWS for count in counts.values()], interaction, departs


def false_calls(title: str, levels: Mapping[str, Levels]) -> None:
    found = [called(levels, repeats) for repeats in REPEATS]
    effects = [f"{min(each):.1%} to {max(each):.1%}" for each, *_ in found]
    _row(f"{title}: each effect", effects)
    _row(f"{title}: interaction", [f"{each:.1%}" for _, each, _ in found])
    _row(f"{title}: a contender that departs", [f"{each:.1%}" for *_, each in found])


def _row(title: str, cells: Sequence[str]) -> None:
    print(f"| {title:40} | {' | '.join(f'{cell:12}' for cell in cells)} |", flush=True)


def main() -> None:
    began, every = time.monotonic(), contenders()
    print(f"Share of {DRAWS:,} draws in which noise alone is called.\n")
    _row("called by chance", [f"{repeats} repeats" for repeats in REPEATS])
    _row("---", ["---"] * len(REPEATS))
    false_calls("two factors", {name: every[name] for name in CLAIMS})
    false_calls("three factors", every)
    print(f"\nShare of draws in which interaction is found if {DEPARTS} departs.\n")
    _row("departs", [f"{repeats} repeats" for repeats in REPEATS])
    _row("---", ["---"] * len(REPEATS))
    for departs in DEPARTURES:
        shares = [sum(each.interaction for each in draws(every, n, departs)) / DRAWS for n in REPEATS]
        _row(f"by {1 - departs:.0%}", [f"{share:.0%}" for share in shares])
    print(f"\nIt took {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
