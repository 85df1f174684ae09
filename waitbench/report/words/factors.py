"""The effects of framework, concurrency model and server: their line at the top, and the notes on their table."""

from collections.abc import Iterator

from waitbench.analysis.cells import Cell
from waitbench.analysis.factors.design import Factor
from waitbench.analysis.factors.load_points import Factors, Measured
from waitbench.analysis.factors.model import Effect, Split, Unsplit
from waitbench.analysis.factors.simple_effects import SimpleEffect
from waitbench.records.words import listed
from waitbench.report.words.levels import confounded, confounded_notes, heading, names, place, server_note
from waitbench.report.words.phrases import confidence, in_brackets, times

VERBS = {"as many": "gives", "as long": "takes", "as much": "costs"}
"""The verb that goes with the words after a ratio (`Measure.times`)."""


def factors_answer(found: Factors) -> str:
    """The result at the highest load, for the measure that ranks the contenders and for CPU cost."""
    parts = [_part(found, each) for each in found.measures if each is found.leading or each.measure.name == "cpu"]
    if found.leading is None:
        at_maximum = "throughput and latency are at the theoretical maximum, so only the cost is split"
        parts.insert(0, at_maximum if found.ceiling_bound else "no valid figure")
    title = heading(found.factors).lower() + in_brackets("both include the server" if found.server_included else "")
    return f"{found.section.title}, {found.point.load_words}, {title}: {'; '.join(parts)}."


def _part(found: Factors, measured: Measured) -> str:
    title, split = measured.measure.title, measured.split
    if split is None:
        return f"{title} cannot be split"
    if split.oddity and split.interaction:
        return f"for {title}, {_interaction(found, measured, split)}"
    return f"for {title}, {_effects(found, measured, split)}"


def _effects(found: Factors, measured: Measured, split: Split) -> str:
    """The factor that explains more, and the largest effect of each factor."""
    if not any(split.called(factor) for factor in split.effects) or split.shares is None:
        return "; ".join(["no effect is significant", *_all_confounded(measured)])
    order = sorted(split.effects, key=lambda factor: factor != split.more)
    parts = [_largest(found, measured, factor, split.called(factor)) for factor in order]
    neither = "neither" if len(split.effects) == 2 else "no"
    more = f"the {split.more} explains more" if split.more else f"{neither} factor clearly explains more"
    shares: dict[str, float] = {
        factor: split.shares.only[factor] for factor in split.effects if not any(_confounded(measured, factor))
    }
    if len(split.effects) > 2:
        shares |= {"several factors": split.shares.several}
    known = [f"{name} {round(share * 100)} %" for name, share in shares.items()]
    return f"{more} of the spread{in_brackets(*known)}, with {listed(parts)}"


def _largest(found: Factors, measured: Measured, factor: Factor, significant: list[Effect]) -> str:
    if significant:
        return _against(found, factor, significant[0])
    return next(_confounded(measured, factor), f"no significant {factor} effect")


def _against(found: Factors, factor: Factor, effect: Effect) -> str:
    """`Django at 0.80x Flask (95 % CI 0.78–0.82)`."""
    assert effect.ratio is not None  # only effects without a ratio have none to call
    level, reference = found.title(factor, effect.level), found.title(factor, effect.reference)
    return f"{level} at {times(effect.ratio)} {reference}{in_brackets(confidence(effect.ratio))}"


def _confounded(measured: Measured, factor: Factor) -> Iterator[str]:
    """`the model confounded with the server`, if none of its levels can be compared with another."""
    effects = confounded(measured, factor)
    if effects and measured.split and len(effects) == len(measured.split.effects[factor]) - 1:
        factors = dict.fromkeys(other for each in effects if each.confounded for other in each.confounded.by)
        yield f"the {factor} confounded with {names(list(factors))}"


def _all_confounded(measured: Measured) -> Iterator[str]:
    for factor in measured.split.effects if measured.split else ():
        yield from _confounded(measured, factor)


def _interaction(found: Factors, measured: Measured, split: Split) -> str:
    """The contender that departs from its prediction, and the simple effects."""
    oddity = split.oddity
    assert oddity is not None  # without it there is no interaction
    odd, *as_far = [cell.target.title for name in (oddity.contender, *oddity.as_far) for cell in found.cells
                    if cell.variant == name]  # fmt: skip
    departs = f"{odd} is {times(oddity.ratio)} its prediction"
    if not oddity.holds:
        departs = f"departures from the prediction exceed noise, the largest is {odd} at {times(oddity.ratio)}"
    instead = f"or else {listed(as_far, 'or')} departs" if as_far else ""
    two = len(found.factors) == 2
    each = _within if two else _largest_within
    within = [
        text for f in found.factors if any(e.factor == f for e in measured.simple) for text in each(found, measured, f)
    ]
    reported = "only simple effects are reported" if within else "no effect is reported"
    why = in_brackets(departs, confidence(oddity.ratio), instead)
    confounds = [] if two else _all_confounded(measured)
    return "; ".join([f"{names(list(split.effects))} interact{why}, so {reported}", *within, *confounds])


def _within(found: Factors, measured: Measured, factor: Factor) -> Iterator[str]:
    """`compared with threads, asyncio gives 0.40x as many in Flask and 0.20x in Django`."""
    levels = found.levels(factor)
    for reference in levels:
        of = {level: [e for e in measured.within(factor, level) if e.reference == reference] for level in levels}
        known = [(found.title(factor, level), effects) for level, effects in of.items() if effects]
        if known:
            shown = [_of_level(found, title, effects, measured.measure.times) for title, effects in known]
            yield f"compared with {found.title(factor, reference)}, {', '.join(shown)}"


def _of_level(found: Factors, title: str, effects: list[SimpleEffect], unit: str) -> str:
    different = [each for each in effects if each.differs]
    alike = [each for each in effects if not each.differs]
    ratios = [
        f"{times(each.ratio)}{f' {unit}' if each is different[0] else ''} {place(found, each.factor, each.within)}"
        for each in different
    ]
    none = f"no significant difference {place(found, alike[0].factor, *(e.within for e in alike))}" if alike else ""
    if not ratios:
        return f"{title} shows {none}"
    return f"{title} {VERBS[unit]} {listed(ratios)}{f', with {none}' if none else ''}"


def _largest_within(found: Factors, measured: Measured, factor: Factor) -> Iterator[str]:
    """`the largest server effect is granian WSGI at 1.50x gunicorn gthread for Flask on threads`, as there are many."""
    significant = [each for each in measured.simple if each.factor == factor and each.differs]
    if not significant:
        yield f"no {factor} effect is significant"
        return
    most = max(significant, key=lambda each: max(each.ratio.mean, 1 / each.ratio.mean))
    level, reference = found.title(factor, most.level), found.title(factor, most.reference)
    where = f"{place(found, factor, most.within)}{in_brackets(confidence(most.ratio))}"
    others = [each for each in significant if (each.level, each.reference) == (most.level, most.reference)]
    reverse = next((each for each in others if (each.ratio.mean > 1) != (most.ratio.mean > 1)), None)
    but = f", but {times(reverse.ratio)} {place(found, factor, reverse.within)}" if reverse else ""
    yield f"the largest {factor} effect is {level} at {times(most.ratio)} {reference} {where}{but}"


def intro(found: Factors) -> str:
    """How to read the table."""
    references = {f: found.title(f, found.levels(f)[0]) for f in found.factors if found.levels(f)}
    if len(references) < len(found.factors):
        return "No contender is valid, so there is nothing to split."
    if len(found.factors) > 2:
        compares = (
            f"the table compares each {names(found.factors, 'or')} with a reference that differs in nothing else."
        )
        only, within = "this factor", "within the same levels of the two other factors"
    else:
        one, other = found.factors
        compares = (
            f"the table compares each {one} with {references[one]} on the same {other}, and each {other} with "
            f"{references[other]} on the same {one}."
        )
        only, within = f"the {one}, or only the {other},", f"{_one(one)} or {_one(other)}"
    any_confounded = any(confounded(measured, factor) for measured in found.measures for factor in found.factors)
    sentences = [
        f"At {found.point.load_words}, {compares}",
        "Figures are ratios over the repeats.",
        *(
            ["Confounded means that something else always changes too, so there is no estimate."]
            if any_confounded
            else []
        ),
        f"A share is the part of the spread between contenders that only {only} explains.",
        f"The rows below a level are its simple effects, each measured {within}.",
        "Bold means significant.",
    ]
    return " ".join(sentences)


def _one(factor: Factor) -> str:
    return f"{'within' if factor == 'framework' else 'on'} one {factor}"


def notes(found: Factors) -> list[str]:
    """Notes below the table: what it leaves out, and for which contender the split does not hold."""
    lines = []
    if found.lost:
        lines.append(f"Invalid, so not included: {_titles(found.lost)}.")
    if found.ceiling_bound:
        lines.append(
            "All contenders are at the theoretical maximum, which sets their throughput and latency, so only the cost "
            "is split."
        )
    elif found.point.open:
        lines.append("The plan sets the rate, so good responses are not split.")
    if found.at_ceiling:
        lines.append(
            "At a theoretical maximum of their own, which arithmetic sets and not the stack: "
            f"{_titles(found.at_ceiling)}. The effects on good responses/s include this limit."
        )
    lines += [*server_note(found), *confounded_notes(found)]
    for measured in found.measures:
        lines += _doubts(found, measured)
    lines += _on_interaction(found)
    if any(measured.measure.name == "memory" for measured in found.measures):
        lines.append("Memory has one figure for all trials of a contender, so its ratios have no interval.")
    return lines


def _on_interaction(found: Factors) -> Iterator[str]:
    if any(measured.split and measured.split.interaction for measured in found.measures):
        start = f"{names(found.factors).capitalize()} interact, so their effects do not multiply."
        if len(found.factors) > 2:
            yield f"{start} Then there is no effect over all contenders, only simple effects."
        else:
            yield (
                f"{start} An effect over all contenders is then a mean of simple effects that differ. It is marked as "
                "a mean and gets no verdict; the simple effects do."
            )


def _doubts(found: Factors, measured: Measured) -> Iterator[str]:
    title = measured.measure.title
    if measured.unsplit:
        yield f"{title} cannot be split: {why_not(found, measured.unsplit)}."
    if measured.split:
        without = [c for c in found.cells if c.valid and c.variant not in measured.split.contenders]
        if without:
            yield f"{title}: without {_titles(without)}, which has no figure or too few repeats."
        yield f"{title}: {oddity_words(found, measured.split)}."


def why_not(found: Factors, unsplit: Unsplit) -> str:
    if unsplit.why == "repeats":
        return "no repeat has all contenders"
    if unsplit.why == "levels":
        return f"all valid contenders have the same {', or all have the same '.join(found.factors)}"
    parts = "; ".join(_titles([_cell(found, name) for name in part]) for part in unsplit.parts)
    return f"these groups have neither a framework nor a model in common ({parts})"


def oddity_words(found: Factors, split: Split) -> str:
    """Whether the factors interact, and which contender departs most from the prediction."""
    oddity, interact = split.oddity, f"{names(list(split.effects))} interact"
    if oddity is None:
        return f"too few contenders to test whether {interact}"
    title = _cell(found, oddity.contender).target.title
    others = [_cell(found, name) for name in oddity.as_far]
    instead = f"or else {_titles(others, 'or')} departs" if others else ""
    at = f"{times(oddity.ratio)} its prediction{in_brackets(confidence(oddity.ratio), instead)}"
    largest = f"the largest departure is {title} at {at}"
    if oddity.holds:
        return f"{interact}, because {title} is at {at}"
    if oddity.interaction:
        return f"{interact}, because departures from the prediction exceed noise; {largest}"
    if not oddity.ratio.bounded:
        only = ", so only simple effects are reported" if len(split.effects) > 2 else ""
        return f"one figure for each contender cannot show whether departures exceed noise{only}; {largest}"
    return f"no departure from the prediction exceeds noise; {largest}"


def _cell(found: Factors, name: str) -> Cell:
    return next(cell for cell in found.cells if cell.variant == name)


def _titles(cells: list[Cell], word: str = "and") -> str:
    return listed([cell.target.title for cell in cells], word)
