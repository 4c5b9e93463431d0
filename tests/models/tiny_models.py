"""Random models of two layers, built on disk in a second: Llama, Qwen3 and Gemma 3, each with a tokenizer of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.models.base import quiet

WORDS = (
    "User System Assistant Which city is the capital of the land where Mira keeps her seven boats and the old red "
    "lighthouse stands label the message answer with one word as json desk rank Ada Otto Uma {} [] : , . ? A. B. C. D. "
)
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
QWEN3 = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}"
    "{% if m['role'] == 'assistant' and loop.last %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}"
    "{{ m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' + m['content'] | trim"
    " + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)
SPECIALS = {
    "llama": ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    "qwen3": ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    "gemma": ("<pad>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
}
TEMPLATES = {"llama": CHATML, "qwen3": QWEN3, "gemma": GEMMA}
KINDS = tuple(TEMPLATES)


def build_tiny(kind: str, path: Path, *, chat_template: bool = True, context: int = 256) -> Path:
    """A model folder as ``transformers`` saves it; the same weights every time."""
    import torch

    tokenizer = _tokenizer(kind, context)
    if chat_template:
        tokenizer.chat_template = TEMPLATES[kind]
    torch.manual_seed(11)
    model = _model(kind, len(tokenizer), context, tokenizer)
    with torch.no_grad():  # random weights of the usual size say one token for ever, and cannot be sure of any
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=0.6 if "embed" in name else 0.25)
    with quiet():
        model.save_pretrained(path)
        tokenizer.save_pretrained(path)
    return path


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _tokenizer(kind: str, context: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    specials = SPECIALS[kind]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([WORDS] * 4, trainer)
    if kind == "gemma":
        bpe.post_processor = processors.TemplateProcessing(
            single="<bos> $A", special_tokens=[("<bos>", bpe.token_to_id("<bos>"))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=specials[0],
        bos_token="<bos>" if kind == "gemma" else None,
        eos_token="<eos>" if kind == "gemma" else "<|im_end|>",
        model_max_length=context,
    )


def _model(kind: str, vocabulary: int, context: int, tokenizer: Any) -> Any:
    from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig, Qwen3Config

    size: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": context,
        "tie_word_embeddings": True,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if kind == "llama":
        return AutoModelForCausalLM.from_config(LlamaConfig(**size))
    if kind == "qwen3":
        return AutoModelForCausalLM.from_config(Qwen3Config(**size))
    layers = ["sliding_attention", "full_attention"]
    return AutoModelForCausalLM.from_config(Gemma3TextConfig(**size, sliding_window=16, layer_types=layers))
