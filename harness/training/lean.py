"""What a step need not do: the same losses and weights, in less time and memory. It is decided anew before each batch.

    lean = Lean()
    lean.watch(trainer.model, recompute=trainer.args.gradient_checkpointing)        # before the first batch

- A mask that hides only what stands on the right of a row hides nothing from a causal model: without it attention takes its fast
  kernel, and keys and values that several heads share are not copied for each of them.
- Adapters are float32 beside activations in bfloat16. Under autocast a linear map takes both as they are; PEFT would widen each
  activation, and autocast narrow it again into a copy of its own.
- Activations are computed twice (gradient checkpointing) only for batches too large for the memory that is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.models.base import bare

SHARE = 0.6
"""Of the memory that is free when training begins, what activations may take; the rest is for gradients and what an allocator
cannot use.
"""
OF_HIDDEN, OF_INNER = 10, 4
"""Numbers kept of a token and a layer for the backward pass, as multiples of the layer's two widths: with bfloat16 autocast and
adapters on every linear map 8.4 to 8.6 and 4 were counted on a CPU (benchmarks/steps.py).
"""
BYTES = 2


class Lean:
    """What is spared of a training's steps."""

    def __init__(self) -> None:
        self._recompute = self._always = False
        self._room: float | None = None
        self._casting: bool | None = None

    def save(self) -> bool:
        """Memory ran out: compute all activations twice from here on; whether that is anything new."""
        new, self._always = self._recompute and not self._always, True
        return new

    def watch(self, model: Any, *, recompute: bool) -> None:
        """Look at every batch that goes into the model.

        Args:
            model: A causal model of transformers or PEFT.
            recompute: Whether its layers can compute activations twice (the trainer has turned that on).
        """
        self._recompute, self._room, self._casting = recompute, None, None
        causal = bare(model)
        body = getattr(causal, "base_model", causal)
        adapters = [module for module in model.modules() if _plain_lora(module)]
        layers = [module for module in causal.modules() if hasattr(module, "gradient_checkpointing")]

        def before(module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
            self._cast(adapters)
            if self._recompute:
                self._choose(layers, causal.config, named.get("input_ids"))
            if named.get("past_key_values") is None and _hides_nothing(causal.config, named.get("attention_mask")):
                return given, {**named, "attention_mask": None}
            return None

        body.register_forward_pre_hook(before, with_kwargs=True)

    def _cast(self, adapters: Sequence[Any]) -> None:
        """Whether PEFT widens what goes into an adapter: only where autocast does not see to it."""
        import torch

        needed = not torch.is_autocast_enabled("cuda" if torch.cuda.is_available() else "cpu")
        if needed != self._casting:
            for adapter in adapters:
                adapter.cast_input_dtype_enabled = needed
            self._casting = needed

    def _choose(self, layers: Sequence[Any], config: Any, ids: Any) -> None:
        """Whether this batch's activations are computed twice; where nothing is to be learnt, none are kept anyway."""
        import torch

        if not torch.is_grad_enabled() or ids is None:
            return
        if self._room is None:
            self._room = SHARE * free()
        twice = self._always or ids.numel() * kept_bytes(config) > self._room
        for layer in layers:
            layer.gradient_checkpointing = twice


def kept_bytes(config: Any) -> int:
    """Bytes of a token's activations that wait for the backward pass, about, when none is computed twice."""
    text = config.get_text_config()
    inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
    if several := getattr(text, "num_experts_per_tok", None):
        inner = several * (getattr(text, "moe_intermediate_size", None) or inner)
    return int(BYTES * text.num_hidden_layers * (OF_HIDDEN * text.hidden_size + OF_INNER * inner))


def free() -> int:
    """Bytes of the GPU that this process may still take: what is free, what its allocator holds unused, within its own limit."""
    import torch

    left, total = torch.cuda.mem_get_info()
    reserved, used = torch.cuda.memory_reserved(), torch.cuda.memory_allocated()
    allowed = int(torch.cuda.get_per_process_memory_fraction() * total) - reserved
    return max(0, min(left, allowed)) + reserved - used


def _hides_nothing(config: Any, mask: Any) -> bool:
    """Whether a mask [rows, tokens] has zeros only behind the ones of its row, before a kernel that is faster without."""
    both_ways = getattr(config.get_text_config(), "use_bidirectional_attention", None)
    if config._attn_implementation != "sdpa" or both_ways or mask is None or mask.dim() != 2:
        return False
    return bool((mask[:, 1:] <= mask[:, :-1]).all())


def _plain_lora(module: Any) -> bool:
    """Whether an adapter's layer does nothing with what goes in but multiply it (DoRA takes norms in the type that it is given)."""
    return hasattr(module, "lora_A") and hasattr(module, "cast_input_dtype_enabled") and not module.lora_variant
