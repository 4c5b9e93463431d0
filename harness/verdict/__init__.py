"""Rows and a policy in, a verdict out.

>>> from harness.verdict import decide, describe
>>> print("\\n".join(describe(decide("scores.parquet", "policy.toml"))))      # doctest: +SKIP
"""

from harness.verdict.decide import decide, merge_losses
from harness.verdict.describe import describe, describe_suite
from harness.verdict.economics import CostPolicy
from harness.verdict.kinship import Kin, Kinship
from harness.verdict.lock import History, Lock, Look
from harness.verdict.merges import Loss
from harness.verdict.policy import Policy, SuitePolicy, load_policy
from harness.verdict.rows import Rows, load_rows
from harness.verdict.summary import Summary, paired, summaries
from harness.verdict.verdict import Claim, Gate, Reason, SuiteVerdict, Verdict

__all__ = [
    "Claim",
    "CostPolicy",
    "Gate",
    "History",
    "Kin",
    "Kinship",
    "Lock",
    "Look",
    "Loss",
    "Policy",
    "Reason",
    "Rows",
    "SuitePolicy",
    "SuiteVerdict",
    "Summary",
    "Verdict",
    "decide",
    "describe",
    "describe_suite",
    "load_policy",
    "load_rows",
    "merge_losses",
    "paired",
    "summaries",
]
