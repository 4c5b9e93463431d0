"""A recipe says how a candidate is trained; the run makes one adapter of it for every training seed.

# in experiment.toml
[candidates.sft]
method = "sft"
learning_rate = 2e-4
epochs = 3

[candidates.dpo]
method = "dpo"
start_from = "sft"
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.declaration import Declaration


class Adapter(Declaration):
    """A LoRA adapter on every linear layer (arXiv 2106.09685; all-linear after arXiv 2305.14314)."""

    rank: int = Field(default=16, gt=0, le=1024)
    alpha: int = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target: str = "all-linear"


class Recipe(Declaration):
    """How a candidate is trained. ``replay`` mixes in general examples, as a share of the task's own rows."""

    method: Literal["sft", "dpo"]
    start_from: str | None = None
    prompt: str = "default"
    adapter: Adapter = Adapter()
    learning_rate: float = Field(default=2e-4, gt=0, lt=1)
    epochs: float = Field(default=3, gt=0, le=1000)
    batch_size: int = Field(default=8, gt=0)
    accumulate: int = Field(default=1, gt=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_length: int = Field(default=1024, gt=0)
    max_dropped: float = Field(default=0.0, ge=0, lt=1)
    beta: float = Field(default=0.1, gt=0)
    replay: float = Field(default=0.0, ge=0, le=10)
    replay_file: str | None = None
    save_steps: int = Field(default=50, gt=0)

    @model_validator(mode="after")
    def _needs(self) -> Recipe:
        if self.method == "dpo" and self.start_from is None:
            raise ValueError("method 'dpo' needs start_from: the recipe whose adapter it improves, for example 'sft'")
        if self.replay and not self.replay_file:
            raise ValueError('replay needs replay_file: a JSONL of general examples ({"messages": […]} a line)')
        return self
