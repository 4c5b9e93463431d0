"""What an answer took, and how long it is: amounts, negative so that more is better, and whether it came to its end.

    seconds 0.21, 87 tokens read, 12 written    latency -0.21, prompt_tokens -87, output_tokens -12
    "In the lighthouse", finish "stop"          words -3, characters -17, stopped 1

What a served model does not tell is an error, never a zero.
"""

from __future__ import annotations

from harness.errors import Incomplete
from harness.suite import Case
from harness.trial import Output


def latency(case: Case, output: Output) -> float:
    """Seconds until the answer was there; of a batch, the answer's share."""
    return -_known(output.seconds, "how long it took", "an imported or cut-off answer has no time")


def cost(case: Case, output: Output) -> float:
    """USD."""
    return -_known(
        output.cost,
        "what it cost",
        "give the model's input_cost_per_token and output_cost_per_token, or leave 'cost' out for a model that runs here",
    )


def prompt_tokens(case: Case, output: Output) -> float:
    """Tokens read, as the model counts them."""
    return -_known(output.prompt_tokens, "how many tokens it read", "the server did not count them")


def output_tokens(case: Case, output: Output) -> float:
    """Tokens written, as the model counts them; the one that ends the answer is among them."""
    return -_known(output.output_tokens, "how many tokens it wrote", "the server did not count them")


def words(case: Case, text: str) -> float:
    """What white space separates."""
    return -float(len(text.split()))


def characters(case: Case, text: str) -> float:
    """Code points, white space at both ends aside: the length where a script has no spaces."""
    return -float(len(text.strip()))


def stopped(case: Case, output: Output) -> float:
    """0 where the limit of tokens cut the answer off, else 1."""
    return float(output.finish != "length")


def _known(value: float | None, what: str, why: str) -> float:
    if value is None:
        raise Incomplete(f"it is not known {what}: {why}")
    return float(value)
