"""What retrieval brought: only contenders that put documents into the prompt have these scores.

    gold documents ["page-008"], in the prompt ["page-003", "page-008"]    recall 1, recall:1 0, mrr 0.5

They are of cases that say which documents hold their answer (``documents`` in cases.jsonl); the others have no such score, as
in trec_eval.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import BadInput
from harness.metrics import Measure
from harness.suite import Case, Suite
from harness.trial import Output


def make_recall(suite: Suite, argument: str) -> tuple[Measure, Sequence[str]]:
    """Share of the gold documents among the first ``argument`` documents of the prompt, or among all of them."""
    if argument and not (argument.isascii() and argument.isdigit() and int(argument)):
        raise BadInput(f"given {argument!r}: write how many documents count, as in recall:5, or nothing for all")
    first = int(argument) if argument else None

    def recall(case: Case, output: Output) -> float:
        found, gold = set(output.documents[:first]), set(case.documents)
        return len(found & gold) / len(gold)

    return recall, ()


def mrr(case: Case, output: Output) -> float:
    """1 / the rank of the first gold document in the prompt, 0 where there is none; its mean is MRR (Voorhees 1999)."""
    ranks = (rank for rank, name in enumerate(output.documents, start=1) if name in case.documents)
    return 1 / next(ranks, float("inf"))
