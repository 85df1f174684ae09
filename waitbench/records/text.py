"""Text that comes from a file or a service, made safe for each place that shows it: one function for each place.

A title may hold escape sequences, which a terminal obeys, or the characters that mean something in Markdown, in a
chart or in a spreadsheet.
"""

import re
from typing import Any

from markupsafe import Markup, escape

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
"""C0 and C1 but tab and newline, what turns the direction of text, surrogates, and what XML does not allow."""
_CONTROL = re.compile(f"[{_CONTROLS}]")
_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
"""Of an underscore, only one between two letters or digits is safe."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?")


def control_in(text: str) -> str:
    r"""The first control character, as `\x1b`; "" where there is none."""
    found = _CONTROL.search(text)
    return _escaped(found) if found else ""


def for_terminal(text: str) -> str:
    r"""Control characters as `\x1b`. Newlines and tabs stay."""
    return _CONTROL.sub(_escaped, text)


def for_markdown(text: str) -> str:
    """On one line, with nothing that Markdown or HTML would take for markup, in a table too."""
    line = " ".join(for_terminal(text).split())
    return _MARKDOWN.sub(lambda found: "\\" + found[0], str(escape(line)).replace("&#39;", "'").replace("&#34;", '"'))


def for_html(value: Any) -> Any:
    """What Jinja is about to escape: control characters are not allowed in HTML, escaped or not."""
    return for_terminal(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def for_chart(text: str) -> str:
    """A dollar sign would begin a formula, and a label that begins with _ is left out of a legend."""
    plain = " ".join(for_terminal(text).split()).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def for_csv(text: str) -> str:
    """A spreadsheet takes what begins like a formula for one, unless an apostrophe comes first."""
    plain = for_terminal(text)
    formula = plain.startswith(("=", "+", "-", "@", "\t", "\n")) and not _NUMBER.fullmatch(plain)
    return f"'{plain}" if formula else plain


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")
