"""Training: a recipe, data and a seed become one adapter, in a folder named by its fingerprint.

    adapters/5f0c…/  adapter_model.safetensors · adapter_config.json · training.json (the record)

A method is one file and one line in ``METHODS``.
"""

from __future__ import annotations

from harness.training.job import Job, Say, adapter_fingerprint, train

METHODS: dict[str, str] = {
    "sft": "harness.training.sft:train",
    "dpo": "harness.training.dpo:train",
    "kto": "harness.training.kto:train",
    "grpo": "harness.training.online:train",
    "rloo": "harness.training.online:train",
    "rlhf": "harness.training.rlhf:train",
    "orpo": "harness.training.experimental:orpo",
    "simpo": "harness.training.experimental:simpo",
    "external": "harness.training.adopt:external",
    "given": "harness.training.adopt:given",
    "merge": "harness.training.merge:train",
}
"""Recipe.method → ``module:function`` that trains a ``Prepared`` job."""

__all__ = ["METHODS", "Job", "Say", "adapter_fingerprint", "train"]
