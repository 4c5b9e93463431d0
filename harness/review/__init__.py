"""A local page on which people review answers blind: ``harness review SUITE --reviewer NAME``.

pseudonym   a reviewer's name → the id that the store knows
items       what is shown: a case and two answers side by side, or one to be rated; in which order, on which side
session     what a reviewer has said so far; every decision is in the store before the next is shown
guard       who may speak to the server
server      the page and its few requests, on loopback only
agreement   how far reviewers agree, and whether one prefers a side

Nothing that reaches the browser says whose an answer is: items are numbered in the reviewer's own order.
"""

from harness.review.agreement import agreements
from harness.review.items import Wanted
from harness.review.session import Session, open_session

__all__ = ["Session", "Wanted", "agreements", "open_session"]
