"""The first lines of a report: the result of each workload, and how certain these results are."""

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.statistics import PRACTICAL
from waitbench.records.run import Target
from waitbench.records.words import counted, listed
from waitbench.report.words import claims, factors, knees, scenarios, sections
from waitbench.report.words.levels import servers_words
from waitbench.report.words.repeats import of_cells, repeats_words, stopping

CERTAINTY = "How certain is this?"
"""The heading of `certainty`."""
MOST_TITLES = 6
"""The most contenders that the first sentence names."""


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


def introduction(comparison: Comparison) -> list[str]:
    """Sentences on what the run compares, for a reader who has never seen a report."""
    contenders = [target for target in comparison.variants if target.kind == "contender"]
    titles = [target.title for target in contenders or comparison.variants]
    shown = listed(titles) if len(titles) <= MOST_TITLES else f"{len(titles)} contenders"
    one_core = all(_on_one_core(target) for target in comparison.variants)
    return [
        f"This run {'compares' if len(titles) > 1 else 'measures'} {shown}.",
        *servers_words(comparison),
        *(["Each service has one process on one core."] if one_core else []),
        "A good response is complete and correct.",
        "p99 is the latency that 99 of 100 requests do not exceed.",
    ]


def _on_one_core(target: Target) -> bool:
    workers = (target.budget_read or target.budget).get("workers")
    return workers == 1 and len(target.info.get("cores", [])) == 1


def certainty(comparison: Comparison) -> list[str]:
    """Sentences on how certain the results are; none if nothing is compared."""
    chance = comparison.chance
    if not chance.comparisons:
        return stopping(comparison)
    lines = [
        *([f"Each row has {_trials(comparison)}."] if comparison.cells else []),
        "CI is the 95 % confidence interval over the repeats.",
        *stopping(comparison),
        f"A difference is significant only if the CI excludes 1 and the difference is at least {PRACTICAL * 100:g} %.",
        "Not significant means that this run cannot tell, not that there is no difference.",
    ]
    if any(point.ranked for section in comparison.sections for point in section.points):
        lines.append(
            "Each contender is compared only with the best one at its load, or on its server: at 0.50x, it has half "
            "its figure."
        )
    tested = counted(chance.comparisons, "comparison", "comparisons")
    calls = dict.fromkeys(f"{calls:.2g}" for calls in (chance.least, chance.most))
    lines.append(
        f"Not corrected for multiple comparisons: if all contenders were equal, expect about {' to '.join(calls)} "
        f"false positives among {tested}."
    )
    return [*lines, "Trust differences that repeat in another run."]


def _trials(comparison: Comparison) -> str:
    """`3 trials of 2 s`."""
    return f"{repeats_words(comparison)} trials of {of_cells(comparison.run.plan, 'measure_s')} s"
