"""Text that comes from a file or a service, made safe for each place that shows it: one function for each place.

A title may hold escape sequences, which a terminal obeys, or the characters that mean something in Markdown, in a
chart or in a spreadsheet.
"""

import re
from typing import Any

from markupsafe import Markup, escape

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff"
"""C0 and C1 except tab and newline, what changes the direction of text, surrogates, and what XML does not allow."""
_CONTROL = re.compile(f"[{_CONTROLS}]")
_MARKDOWN = re.compile(r"[\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_])")
"""An underscore is safe only between two letters or digits."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?")


def control_in(text: str) -> str:
    r"""Return the first control character, as `\x1b`; "" if there is none."""
    found = _CONTROL.search(text)
    return _escaped(found) if found else ""


def for_terminal(text: str) -> str:
    r"""Write control characters as `\x1b`. Newlines and tabs stay."""
    return _CONTROL.sub(_escaped, text)


def for_markdown(text: str) -> str:
    """Write text on one line, with nothing that Markdown or HTML would read as markup, also in a table."""
    line = " ".join(for_terminal(text).split())
    return _MARKDOWN.sub(lambda found: "\\" + found[0], str(escape(line)).replace("&#39;", "'").replace("&#34;", '"'))


def for_html(value: Any) -> Any:
    """Prepare a value for Jinja, which escapes it next. HTML allows no control characters, not even escaped."""
    return for_terminal(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def for_chart(text: str) -> str:
    """Escape a dollar sign, which would begin a formula, and a leading _, which would hide a label from a legend."""
    plain = " ".join(for_terminal(text).split()).replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def for_csv(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would read as a formula."""
    plain = for_terminal(text)
    formula = plain.startswith(("=", "+", "-", "@", "\t", "\n")) and not _NUMBER.fullmatch(plain)
    return f"'{plain}" if formula else plain


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")
