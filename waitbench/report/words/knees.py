"""The result of a search for the knee: its line at the top of the report, and the words in its table."""

from waitbench.analysis.knee.found import Knee, KneeSection
from waitbench.records.words import listed

KNEE_SHOWS = (
    "It shows the highest request rate that a stack sustains within the p99 objective (the knee). The knee lies "
    "between two rates: every repeat met the objective at the lower rate and missed it at the higher rate. The other "
    "figures in the table are those of the lower rate."
)


def knee_answer(section: KneeSection) -> str:
    """The highest rate that each contender sustains within the objective."""
    known = sorted((knee for knee in section.knees if knee.low is not None), key=lambda knee: -(knee.low or 0))
    if not known:
        return f"{section.title}: no contender has a confirmed rate."
    most, *others = known
    parts = [f"{most.target.title} sustains {'the highest rate, ' if others else ''}{_rates(most)}"]
    parts += [
        f"{knee.target.title} {_rates(knee)}"
        + ("" if section.verdict(knee) == "slower" else f", not distinguishable from {most.target.title}")
        for knee in others
    ]
    unknown = [knee.target.title for knee in section.knees if knee.low is None]
    parts += [f"unknown for {listed(unknown)}"] if unknown else []
    return f"{section.title}: {'; '.join(parts)}."


def _rates(knee: Knee) -> str:
    return f"{knee.low:,.0f} to {knee.high:,.0f}/s" if knee.high is not None else f"{knee.low:,.0f}/s or more"


def knee_word(section: KneeSection, knee: Knee) -> str:
    """How the knee of a contender compares with the highest one, in a few words."""
    if doubt := knee_doubt(knee):
        return doubt
    if knee is section.most:
        behind = [section.verdict(other) for other in section.knees]
        return "highest" if "slower" in behind or len(section.knees) == 1 else "highest, intervals overlap"
    best = section.most
    if best is None or best.low is None or knee.low is None or section.verdict(knee) != "slower":
        return "intervals overlap"
    return f"{knee.low / best.low:.2f}x best"


def knee_interval(knee: Knee) -> str:
    """`1200–1320`, or `1200 or more` if one bound is unknown."""
    if knee.low is None:
        return f"below {knee.high:g}" if knee.high is not None else ""
    return f"{knee.low:g}–{knee.high:g}" if knee.high is not None else f"{knee.low:g} or more"


def knee_doubt(knee: Knee) -> str:
    """The reason why a bound of the knee is unknown; "" if both are known."""
    if knee.low is not None and knee.high is not None:
        return ""
    if not knee.finished:
        return "the search was not finished"
    limit = f"limited by {knee.limit}, not by the service" if knee.limit else ""
    if knee.low is None:
        return "; ".join(filter(None, ["no rate met the objective in every repeat", limit]))
    return limit or "no rate missed it in every repeat"
