"""Every format of a report, made from one comparison and so from a run's files alone."""

from collections.abc import Callable, Iterator

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.loading import load_comparison
from waitbench.errors import Unwritable
from waitbench.records.folder import RunFolder
from waitbench.records.whole_file import write_whole
from waitbench.report.contents import Report, report_of
from waitbench.report.formats import csv_files, html, markdown, svg

Exporter = Callable[[Report], Iterator[tuple[str, str]]]
"""Yields the name and the text of each file of one format. A name is relative to the run's folder."""
EXPORTERS: tuple[Exporter, ...] = (html.files, markdown.files, csv_files.files, svg.files)
"""All formats. The pages come first: they have everything, and the disk may be full."""


def write_report(folder: RunFolder) -> Comparison:
    """Write every format into the run's folder. Raises Unwritable if the folder cannot be written to."""
    comparison = load_comparison(folder)
    save_report(folder, comparison)
    return comparison


def save_report(folder: RunFolder, comparison: Comparison) -> None:
    """Write every format, each file whole or not at all.

    If a file cannot be written, the others are still written. Then Unwritable names the missing files.
    """
    missing, reason = [], ""
    report = report_of(comparison)
    for name, text in (file for exporter in EXPORTERS for file in exporter(report)):
        try:
            write_whole(folder.path / name, text)
        except OSError as error:
            missing.append(name)
            reason = error.strerror or type(error).__name__
    if missing:
        more = f" and {len(missing) - 3} more files" if len(missing) > 3 else ""
        raise Unwritable(
            f"cannot write the report to {folder.path}: {reason} ({', '.join(missing[:3])}{more}). Free some space "
            f"there or fix its permissions, then run `waitbench report {folder.path}`"
        )
