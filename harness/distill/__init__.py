"""A stronger model writes training data: ``harness data distill SUITE OUT --teacher MODEL``.

    desk = open_desk(Path("suites/reply"), Wanted(teacher="anthropic:claude-opus-5", inputs=Path("asked.jsonl")))
    made = distill(desk, Path("more.jsonl"))
    made.rows, made.left                         # 812, {'asks what a case asks': 3, 'is not what the schema allows': 9}

inputs (``inputs``), or new ones from a seed set → those that are new (``harness.data.fresh``) → answers → those of the suite's form
(``form``) → those that a judge finds good → rows that say who wrote them. Every reply is in the store the moment it is there: what was
stopped goes on, and pays for nothing twice.
"""

from harness.distill.bill import estimate
from harness.distill.desk import open_desk
from harness.distill.made import Distilled, Estimate
from harness.distill.wanted import Wanted
from harness.distill.work import distill

__all__ = ["Distilled", "Estimate", "Wanted", "distill", "estimate", "open_desk"]
