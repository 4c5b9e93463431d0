"""What a token of a served model costs in an experiment, and where that stands.

    >>> Tariff(experiment).price(Model(id="openai:gpt-5.4-mini"))
    Price(input=7.5e-07, output=4.5e-06, source='litellm 1.109.1, …, 2026-11-22')

A price is the model's own in the experiment, else that of the experiment's ``prices``, else the dated snapshot's; of a range,
its dearer end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from harness.experiment import Experiment, Model
from harness.models.account import Price
from harness.verdict.economics import Prices, load_prices


@dataclass
class Tariff:
    """The prices that hold in one experiment; the list is read when it is first needed."""

    experiment: Experiment

    def price(self, model: Model) -> Price | None:
        """None where nobody says; a server of one's own is in no list.

        Raises:
            BadInput: for a list of prices that cannot be read.
        """
        if model.input_cost_per_token is not None and model.output_cost_per_token is not None:
            return Price(model.input_cost_per_token, model.output_cost_per_token, "the experiment's price")
        row = None if "@" in model.id else self._list.model(model.id)
        if row is None:
            return None
        source = ", ".join(filter(None, (row.source or self._list.name, row.date)))
        return Price(row.input.high, row.output.high, source)

    @cached_property
    def _list(self) -> Prices:
        own = self.experiment.prices
        return load_prices(self.experiment.folder / own if own else None)


def unpriced(model: Model) -> str:
    """What to do where no price is known."""
    return (
        f"{model.id}: no price known: give the model input_cost_per_token and output_cost_per_token, or the "
        "experiment a list of prices"
    )
