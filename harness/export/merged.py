"""One model in the place of base and adapter, and the proof that it is the one that was evaluated.

What was trained and evaluated is the quantised base with the adapter on it. So the adapter is merged into the base's quantised
values, unpacked: merging into the original weights or into NF4 itself gives another model (10 % of the logits' size on a toy
model). What is left is the rounding to 16 bits, and it is measured: dev cases answered by both, and how far their logits differ.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.errors import Incomplete
from harness.experiment import Model
from harness.export.card import card
from harness.export.trained import Trained
from harness.trial import Trial

COMPARED = 50
"""Cases that both answer."""
RECORD = "export.json"
SENTENCEPIECE = "tokenizer.model"
"""The vocabulary with its scores, which transformers 5 reads and does not write; llama.cpp's and Ollama's converters read the scores,
and cut prompts into other tokens without them."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How the exported model answers beside what was evaluated: identical answers of so many, and the largest difference of
    logits on their prompts, as a share of the largest logit.
    """

    answers: int
    identical: int
    logits: float

    def said(self) -> str:
        return (
            f"{self.identical} of {self.answers} answers are those that were evaluated, letter for letter; the logits of their "
            f"prompts differ by {self.logits:.1%} at most"
        )


def write(trained: Sequence[Trained], folder: Path, options: dict[str, Any]) -> list[str]:
    """The merged model, its tokenizer and template, a card, and the comparison."""
    (one,) = trained
    save(one, folder, dtype=options.get("dtype") or "bfloat16")
    found = compare(one, folder)
    (folder / RECORD).write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card(one), encoding="utf-8")
    return [f"{one.name}, seed {one.job.seed}: {found.said()}"]


def save(one: Trained, folder: Path, *, dtype: str) -> None:
    """Merged weights of ``dtype`` with everything that is needed to load them."""
    import torch
    from peft import PeftModel

    from harness.models.base import load_base, quiet
    from harness.models.chat import load_chat
    from harness.models.weights import locate, revision

    model = one.job.model
    with quiet():
        if one.whole:
            made = load_base(model.model_copy(update={"id": str(one.folder), "quantization": "none", "revision": None}))
        else:
            made = PeftModel.from_pretrained(load_base(model, unpack=True), str(one.folder)).merge_and_unload()
        made.to(getattr(torch, dtype))
        if hasattr(made.config, "quantization_config"):
            del made.config.quantization_config
        chat = load_chat(locate(model), revision=revision(model), trust_remote_code=model.trust_remote_code)
        made.generation_config = _greedy(chat)
        made.save_pretrained(str(folder))
        chat.tokenizer.save_pretrained(str(folder))
    for path in _unsaved(model):
        shutil.copyfile(path, folder / path.name)


def _greedy(chat: Any) -> Any:
    """As it was evaluated: greedy, without the penalties that many bases declare for sampling and servers take from there, and ended by
    every token that ends a turn.
    """
    from transformers import GenerationConfig

    tokenizer = chat.tokenizer
    return GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=tokenizer.bos_token_id, pad_token_id=tokenizer.pad_token_id, eos_token_id=sorted(chat.stops)
    )


def _unsaved(model: Model) -> Iterator[Path]:
    """Files of the base that neither model nor tokenizer writes: SentencePiece's vocabulary, and the model's own code."""
    from transformers.utils.hub import cached_file

    from harness.models.weights import locate, revision

    source = locate(model)
    if isinstance(source, Path):
        found = source / SENTENCEPIECE
        yield from [found] if found.is_file() else []
        yield from source.glob("*.py") if model.trust_remote_code else ()
    elif cached := cached_file(
        source, SENTENCEPIECE, revision=revision(model), _raise_exceptions_for_missing_entries=False
    ):
        yield Path(cached)


def compare(one: Trained, folder: Path) -> Compared:
    """Both models on cases of the candidate's suite, dev ones first."""
    from harness.models.local import Local

    trials = compared(one)[:COMPARED]
    evaluated = Local(one.job.model, home=one.matrix.experiment.home)
    exported = Local(_exported(one, folder), home=one.matrix.experiment.home)
    try:
        ours, theirs = answers(evaluated, trials), answers(exported, [_bare(trial) for trial in trials])
        logits = _apart(evaluated, exported, trials)
    finally:
        evaluated.close()
        exported.close()
    return Compared(len(trials), sum(ours[name] == theirs[name] for name in ours), logits)


def compared(one: Trained) -> list[Trial]:
    """The candidate's questions on its own suite, dev ones first.

    Raises:
        Incomplete: when nothing asks it for words.
    """
    cells = [cell for cell in one.matrix.cells if cell.adapter == one.job.adapter and cell.suite.written]
    if not cells:
        raise Incomplete(f"{one.name}: no suite asks it anything in words, so its export cannot be compared")
    return sorted(cells[0].trials(), key=lambda trial: trial.split != "dev")


def _exported(one: Trained, folder: Path) -> Model:
    return one.job.model.model_copy(update={"id": str(folder), "quantization": "none", "revision": None})


def _bare(trial: Trial) -> Trial:
    from dataclasses import replace

    return replace(trial, adapter=None)


def answers(local: Any, trials: Sequence[Trial]) -> dict[str, str | None]:
    """Texts by trial."""
    return {g.trial_id: g.text for batch in local.generate(trials) for g in batch}


def _apart(evaluated: Any, exported: Any, trials: Sequence[Trial]) -> float:
    """The largest difference of the next token's logits after a prompt, as a share of the largest logit."""
    import torch

    adapter, apart, size = trials[0].adapter, 0.0, 0.0
    with torch.inference_mode(), evaluated.wearing(adapter) as ours, exported.wearing(None) as theirs:
        for ids in evaluated.chat.prompts([trial.messages for trial in trials]):
            row = torch.tensor([ids])
            one = ours(row.to(ours.device)).logits[0, -1].float().cpu()
            other = theirs(row.to(theirs.device)).logits[0, -1].float().cpu()
            apart, size = max(apart, float((one - other).abs().max())), max(size, float(one.abs().max()))
    return apart / size if size else 0.0
