"""Prints lines to a terminal. Text from files and services is shown as plain text."""

from rich.console import Console
from rich.text import Text

from waitbench.records.text import for_terminal


def tell(console: Console, *parts: str | tuple[str, str], soft_wrap: bool = False) -> None:
    """Print a line of plain text. A pair is a text with its style.

    Markup, emoji codes and control characters are shown as they are written.
    """
    line = Text()
    for part in parts:
        text, style = (part, "") if isinstance(part, str) else part
        line.append(for_terminal(text), style=style)
    console.print(line, soft_wrap=soft_wrap)
