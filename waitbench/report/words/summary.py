"""The first lines of a report: the result of each workload, and how certain these results are."""

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.statistics import PRACTICAL
from waitbench.records.words import counted
from waitbench.report.words import claims, factors, knees, scenarios, sections


def answers(comparison: Comparison) -> list[str]:
    """One line for each claim, then those of `section_answers`."""
    return [*map(claims.claim_answer, comparison.claims), *section_answers(comparison)]


def section_answers(comparison: Comparison) -> list[str]:
    """One line for each section in reading order, and for each result that combines several cells or sections."""
    split = [found for section in comparison.sections if (found := comparison.factors_of(section))]
    return [
        *map(sections.answer, comparison.sections),
        *map(factors.factors_answer, split),
        *map(scenarios.remote_calls_answer, comparison.remote_call_gains),
        *map(scenarios.mixed_answer, comparison.mixed),
        *map(scenarios.burst_answer, comparison.bursts),
        *map(knees.knee_answer, comparison.knees),
    ]


def certainty(comparison: Comparison) -> list[str]:
    """Sentences on how certain the results are; none if nothing is compared."""
    chance = comparison.chance
    if not chance.comparisons:
        return []
    lines = [
        "CI is the confidence interval over the repeats.",
        f"A difference is significant only if the CI excludes 1 and the difference is at least {PRACTICAL * 100:g} %.",
    ]
    if any(point.ranked for section in comparison.sections for point in section.points):
        lines.append("Each contender is compared only with the best contender at its load.")
    tested = counted(chance.comparisons, "comparison", "comparisons")
    calls = dict.fromkeys(f"{calls:.2g}" for calls in (chance.least, chance.most))
    lines.append(
        f"Not corrected for multiple comparisons: if all contenders were equal, expect about {' to '.join(calls)} "
        f"false positives among {tested}."
    )
    if len(calls) > 1:
        lines.append("It is a range because the same figures also chose the best and the cheapest contender.")
    return [*lines, "Trust differences that repeat in another run."]
