"""Rendering: a verdict with its rows as a terminal table, Markdown for a pull request and one HTML page.

>>> from harness.report import gather, to_html
>>> page = to_html(gather(evidence))                                # doctest: +SKIP
"""

from harness.report.gather import gather
from harness.report.gathered import Gathered
from harness.report.html import to_html
from harness.report.markdown import to_markdown
from harness.report.terminal import to_terminal

__all__ = ["Gathered", "gather", "to_html", "to_markdown", "to_terminal"]
