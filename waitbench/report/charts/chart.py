"""A chart of a report."""

import re
from dataclasses import dataclass

from markupsafe import escape

from waitbench.records.text import for_html


@dataclass(frozen=True)
class Chart:
    name: str
    section: str
    caption: str
    svg: str
    """A complete SVG document, which also works as a file of its own."""

    @property
    def inline(self) -> str:
        """The SVG for a page with several charts: without a declaration, and with ids of its own.

        Its two style sheets (palette and line ends) are removed, because the page's policy allows only its own.
        """
        body = re.sub(r"<style[^>]*>.*?</style>", "", self.svg[self.svg.index("<svg") :], flags=re.DOTALL)
        body = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{self.name}-", body)
        return body.replace("<svg ", f'<svg role="img" aria-label="{escape(for_html(self.caption))}" ', 1)
