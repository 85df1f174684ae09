"""Phrases about framework, model and server: where an effect was measured, and what is confounded."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.factors.design import FACTORS, Confounded, Factor, Levels
from waitbench.analysis.factors.load_points import Factors, Measured, levels_of
from waitbench.analysis.factors.model import Effect
from waitbench.analysis.factors.simple_effects import SimpleEffect
from waitbench.analysis.same_server import by_server, largest_server_effect, program
from waitbench.records.run import Target
from waitbench.records.words import listed
from waitbench.report.words.phrases import confidence, in_brackets, times

EFFECTS: Mapping[Factor, str] = {
    "framework": "framework effect",
    "model": "concurrency-model effect",
    "server": "server effect",
}


def heading(factors: Sequence[Factor]) -> str:
    """`Framework effect and concurrency-model effect`."""
    return listed([EFFECTS[factor] for factor in factors]).capitalize()


def names(factors: Sequence[Factor], word: str = "and") -> str:
    """`framework, model and server`."""
    return listed(list(factors), word)


def place(found: Factors, factor: Factor, *within: tuple[str, ...]) -> str:
    """`in Flask and Django` or `on threads`; with three factors, `in Flask on uvicorn`."""
    others = [other for other in found.factors if other != factor]
    if len(others) == 1:
        titles = [found.title(others[0], each) for (each,) in within]
        word = "for" if factor == "server" else "in" if others[0] == "framework" else "on"
        return f"{word} {listed(titles)}"
    between = {"framework": "on {} with {}", "model": "in {} on {}", "server": "for {} on {}"}[factor]
    return listed([between.format(*map(found.title, others, each)) for each in within])


def confounded_words(found: Factors, why: Confounded) -> str:
    """`gevent and gunicorn gevent`, or `model or server` if one of the two always changes."""
    if not why.levels:
        return names(list(why.by), "or")
    return listed([listed([found.title(factor, each) for each in levels], "or") for factor, levels in why.by.items()])


def confounded(measured: Measured, factor: Factor) -> list[Effect]:
    """The levels of a factor that are confounded."""
    effects = measured.split.effects.get(factor, ()) if measured.split else ()
    return [effect for effect in effects if effect.confounded]


def confounded_notes(found: Factors) -> Iterator[str]:
    """A note that lists the confounded levels and what always changes with them, or one for each measure."""
    texts = {each.measure.title: "; ".join(_listed(found, each)) for each in found.measures if each.split}
    if len(set(texts.values())) == 1:
        texts = {"": next(iter(texts.values()))}
    for title, text in texts.items():
        if text:
            yield f"{title + ': c' if title else 'C'}onfounded, because what is in brackets always changes too: {text}."


def _listed(found: Factors, measured: Measured) -> Iterator[str]:
    for factor in found.factors:
        for effect in confounded(measured, factor):
            assert effect.confounded is not None  # by the choice of `confounded`
            level, reference = (found.title(factor, each) for each in (effect.level, effect.reference))
            yield f"{level} against {reference}{in_brackets(confounded_words(found, effect.confounded))}"


def server_note(found: Factors) -> Iterator[str]:
    """The servers that framework and model include, if the server is no factor of its own."""
    if not found.server_included:
        return
    yield (
        "No two contenders differ only in the server. So it is confounded with framework and model, and their effects "
        "include it."
    )
    servers: dict[str, set[str]] = {}
    for cell in found.cells:
        for factor in found.factors:
            level = {"framework": cell.target.framework, "model": cell.target.model}[factor]
            servers.setdefault(found.title(factor, level), set()).add(found.title("server", cell.target.server))
    alone = [f"{level} is only on {next(iter(of))}" for level, of in servers.items() if len(of) == 1]
    if alone:
        yield f"In this run, {listed(alone)}."


def servers_words(comparison: Comparison) -> Iterator[str]:
    """Sentences on what contenders differ in at once, and how much of a difference is due to the server alone."""
    together = list(differ_together(comparison.variants))
    yield from together
    contenders = [target for target in comparison.variants if target.kind == "contender"]
    programs = list(dict.fromkeys(map(program, contenders)))
    if any(by_server(section.top) for section in comparison.sections):
        known = [name for name in programs if name]
        yield f"They run on {listed(known)}, so each result first compares those on the same server."
    elif len(programs) < 2 or "" in programs:
        return
    if found := largest_server_effect(comparison.factors):
        yield _server_alone(*found)
    elif not together:
        yield "No difference is known that is due to the server alone."


def _server_alone(found: Factors, effect: SimpleEffect) -> str:
    assert found.leading is not None  # it has the effect
    level, reference = found.title("server", effect.level), found.title("server", effect.reference)
    return (
        f"{found.section.title}, {found.point.load_words}: the server alone changes {found.leading.measure.title} by "
        f"up to {times(effect.ratio)}, {level} against {reference} {place(found, 'server', effect.within)}"
        f"{in_brackets(confidence(effect.ratio))}."
    )


def differ_together(targets: Sequence[Target]) -> Iterator[str]:
    """A sentence if each two contenders differ in several factors, so that nothing is due to one of them alone."""
    plain = [target for target in targets if target.kind == "contender" and not target.external and not target.same_as]
    stacks = {tuple(of.values()): of for of in map(levels_of, plain)}
    pairs = [_differences(one, other) for one, other in combinations(stacks.values(), 2)]
    if pairs and min(map(len, pairs)) > 1:
        every = names([factor for factor in FACTORS if any(factor in pair for pair in pairs)])
        yield f"The contenders differ in {every} at once, so this run cannot say which of these makes a difference."


def _differences(one: Levels, other: Levels) -> list[Factor]:
    return [factor for factor in FACTORS if one[factor] != other[factor]]
