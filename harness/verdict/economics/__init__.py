"""When tuning pays: cost of a request on both arms, break-even, net present value over ranges, what it hangs on.

>>> economics(policy.cost, tuned, base, gain)["npv_usd"]                  # doctest: +SKIP
8210.0

``harness verdict --scores FILE --policy FILE`` with a ``[cost]`` table in the policy; explained in docs/economics.md.
"""

from harness.verdict.economics.cost import CostPolicy, located
from harness.verdict.economics.economics import SURE, economics, pays
from harness.verdict.economics.prices import Prices, load_prices
from harness.verdict.economics.quantity import Quantity

__all__ = ["SURE", "CostPolicy", "Prices", "Quantity", "economics", "load_prices", "located", "pays"]
