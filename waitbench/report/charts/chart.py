"""One chart."""

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
    """A whole document: it can stand alone as a file."""

    @property
    def inline(self) -> str:
        """For a page that holds several: no declaration, names of its own, and the page's style sheet in place of its
        own two (the palette, and how lines end), since the page's policy allows no other."""
        body = re.sub(r"<style[^>]*>.*?</style>", "", self.svg[self.svg.index("<svg") :], flags=re.DOTALL)
        body = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{self.name}-", body)
        return body.replace("<svg ", f'<svg role="img" aria-label="{escape(for_html(self.caption))}" ', 1)
