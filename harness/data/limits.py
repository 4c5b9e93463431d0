"""Where rows are no longer good enough to train on: the ``[data]`` table of a policy.

    [data]
    duplicates = 0.02
    secrets = 0.001

A limit's description is its source, and stands beside it in every output.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from harness.data.advice import ENOUGH, GOOD, PAIRS
from harness.declaration import Declaration

OWN = "this project's own line"


def _share(default: float, source: str) -> Any:
    return Field(default=default, ge=0, le=1, allow_inf_nan=False, description=source)


class Limits(Declaration):
    """Shares are of rows, or of pairs where pairs are meant; from ``examples``, ``good``, ``pairs`` and ``rare`` on there are enough."""

    examples: Annotated[int, Field(ge=1)] = Field(
        default=ENOUGH,
        description="a rule of thumb; OpenAI's fine-tuning guide asks for 50 to 100 to see an effect at all",
    )
    good: Annotated[int, Field(ge=1)] = Field(
        default=GOOD, description="a rule of thumb; LIMA got far with 1,000 careful examples (arXiv 2305.11206)"
    )
    pairs: Annotated[int, Field(ge=1)] = Field(default=PAIRS, description="a rule of thumb: under it DPO shows little")
    rare: Annotated[int, Field(ge=1)] = Field(default=10, description=OWN)
    duplicates: float = _share(0.05, OWN)
    near_duplicates: float = _share(
        0.15, "more than in any of four corpora: LM1B 4.9 %, RealNews 13.6 % (Lee et al. 2022, arXiv 2107.06499)"
    )
    similarity: float = Field(
        default=0.7,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Jaccard of 0.7, as BigCode deduplicated for SantaCoder (arXiv 2301.03988); here of runs of five characters, for rows are short",
    )
    contradictions: float = _share(0.05, OWN)
    parses: float = _share(0.98, OWN)
    longer: float = _share(0.8, f"{OWN}; preferences teach length where it tells the sides apart (arXiv 2310.03716)")
    alike: float = _share(
        0.9, f"{OWN}; DPO can lower the chosen answer too where the sides hardly differ (arXiv 2402.13228)"
    )
    worse: float = _share(0.05, OWN)
    personal: float = _share(0.05, OWN)
    secrets: float = _share(
        0.0, "models repeat what stood once in their training data (Carlini et al. 2021, arXiv 2012.07805)"
    )

    def source(self, name: str) -> str:
        """Where a limit comes from; of one that a policy changed, from there."""
        field = type(self).model_fields[name]
        return str(field.description) if getattr(self, name) == field.default else "the policy"
