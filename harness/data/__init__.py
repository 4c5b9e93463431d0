"""What can be said of a suite's data before a model sees it: which cases stand in training data (`leakage`).

`words` (normalised text) → `grams` (an inverted index) → `copies` (word for word), `candidates` → `alignment` and `surprise`
(edited copies) → `leakage`. In other words: `meaning`; documents that give a case away: `answered`. What it is worth: `audit`. What
becomes of it: `split` deals rows, `feedback` (with `alias`) → `signals` (with `skip` and `advice`) makes rows of what people said;
`invent` and `fresh` are for those of a teacher (`harness.distill`).
"""

from __future__ import annotations

from harness.data.leakage import VERSION, Compared, Match, Row, overlaps

__all__ = ["VERSION", "Compared", "Match", "Row", "overlaps"]
