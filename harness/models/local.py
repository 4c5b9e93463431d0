"""Answers trials with a model on this machine: one load of the base serves every contender, adapters switched on it.

    local = Local(Model(id="embedded:tiny"), home=Path(".harness"))
    for generations in local.generate(trials):
        store.add_generations(generations)

Trials are grouped by adapter and contender, sorted by length and packed into batches by a budget of tokens; where trials
are for several adapters, a batch holds rows for up to ``at_once`` of them (``harness.models.mix``). A trial with choices is answered by the likeliest one
(``harness.regression``), all others greedily, or by samples at the trial's temperature.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import BadInput, HarnessError, Incomplete, need
from harness.experiment import Model
from harness.models.batch import Encoded, pack
from harness.models.mix import AT_ONCE, is_plain_lora, names, together
from harness.models.weights import identity, locate, refuse_foreign, revision
from harness.trial import PASSAGE, Generation, Message, Trial

if TYPE_CHECKING:
    from harness.models.constrain import Guides
    from harness.models.decode import Sampler

CPU_TOKENS = 8192
"""Tokens of a batch on a CPU, prompts and answers together; with 1 M parameters, 2,048 take 1.6 times as long."""
GPU_SHARE = 0.5
"""Share of a GPU's free memory that a batch's keys and values may take."""
GPU_TOKENS = 131072
NAMED = 3
"""How many of the prompts that are too long are named."""


class Local:
    """A base model and its adapters. Nothing heavy is loaded before the first count or answer.

    Attributes:
        name: The model as declared.
        hash: Fingerprint of everything in it that can change an answer.
    """

    def __init__(self, model: Model, *, home: Path, batch_tokens: int | None = None, at_once: int = AT_ONCE) -> None:
        self.declared, self.home = model, home
        self.name, self.hash = model.id, identity(model)
        self._batch_tokens, self._at_once = batch_tokens, at_once
        self._host: Any = None
        self._whole: tuple[str, Any] | None = None
        self._worn: tuple[str, ...] = ()

    def count(self, messages: Sequence[Message]) -> int:
        """How many tokens a prompt has."""
        return len(self.chat.prompts([messages])[0])

    def check(self, trials: Sequence[Trial]) -> None:
        """Refuse prompts for which the context is too short, before anything is paid for.

        Raises:
            BadInput: naming the first of them and what to do.
        """
        self._fitting(trials)

    def generate(self, trials: Sequence[Trial]) -> Iterator[list[Generation]]:
        """The answers, a finished batch at a time, in the order that is fastest.

        Raises:
            BadInput: when a prompt is too long (nothing has been generated then).
            Incomplete: when an adapter is not there.
        """
        encoded = self._fitting(trials)
        chosen = [item.trial for item in encoded if item.trial.choices]
        for alike in ([i for i in encoded if i.read], [i for i in encoded if not (i.read or i.trial.choices)]):
            for adapters, group in together(alike, at_once=self._at_once, mixable=self._mixable):
                batches, mixed = list(pack(group, self.batch_tokens)), len(adapters) > 1
                with self._wearing_all(adapters) if mixed else self.wearing(adapters[0]) as model:
                    for batch in batches:
                        yield from self._answer(model, batch, mixed=mixed)
        if chosen:
            from harness.regression.choice import answer_choices

            yield from answer_choices(self, chosen)

    def close(self) -> None:
        """Give the memory back."""
        self._host = self._whole = None
        self._worn = ()
        self.__dict__.pop("batch_tokens", None)
        self.__dict__.pop("_guides", None)
        if self.__dict__.pop("_base", None) is not None:
            from harness.models.base import release

            release()

    @contextmanager
    def wearing(self, adapter: str | None) -> Iterator[Any]:
        """The model with one adapter on it, or as it was trained (None)."""
        if adapter is None:
            if self._host is None:
                yield self._base
            else:
                with self._host.disable_adapter():
                    yield self._host
            return
        folder = self._folder(adapter)
        if not (folder / "adapter_config.json").is_file():
            yield self._trained_whole(adapter, folder)
            return
        self._put_on({adapter: folder})
        yield self._host

    @contextmanager
    def _wearing_all(self, adapters: Sequence[str | None]) -> Iterator[Any]:
        """The model with several adapters on it; every row of a batch names its own."""
        self._put_on({adapter: self._folder(adapter) for adapter in adapters if adapter is not None})
        yield self._host

    def _mixable(self, adapter: str) -> bool:
        return is_plain_lora(self._folder(adapter))

    @cached_property
    def chat(self) -> Any:
        from harness.models.chat import load_chat

        need("transformers", extra="train")
        return load_chat(
            locate(self.declared), revision=revision(self.declared), trust_remote_code=self.declared.trust_remote_code
        )

    @cached_property
    def context(self) -> int:
        """How many tokens a prompt and its answer may have together."""
        from transformers import AutoConfig

        from harness.models.base import window

        source, commit = locate(self.declared), revision(self.declared)
        config = AutoConfig.from_pretrained(
            source, revision=commit or "main", trust_remote_code=self.declared.trust_remote_code
        )
        return window(config, self.chat.tokenizer)

    @cached_property
    def batch_tokens(self) -> int:
        """The budget of a batch: as declared, or what the device has room for."""
        if self._batch_tokens is not None:
            return self._batch_tokens
        if not self._on_gpu:
            return CPU_TOKENS
        import torch

        free, _ = torch.cuda.mem_get_info()
        return max(self.context, min(GPU_TOKENS, int(GPU_SHARE * free / _bytes_a_token(self._base.config))))

    @cached_property
    def _base(self) -> Any:
        from harness.models.base import load_base

        return load_base(self.declared)

    @cached_property
    def _guides(self) -> Guides:
        from harness.models.constrain import Guides

        vocabulary = self._base.config.get_text_config().vocab_size
        return Guides(self.chat.tokenizer, vocabulary=vocabulary, stops=self.chat.stops)

    @property
    def _on_gpu(self) -> bool:
        from harness.models.base import on_gpu

        return on_gpu()

    def _folder(self, adapter: str) -> Path:
        folder = self.home / "adapters" / adapter
        if not ((folder / "adapter_config.json").is_file() or (folder / "config.json").is_file()):
            raise Incomplete(f"adapter {adapter} is not in {folder.parent}: run again, it will be trained")
        return folder

    def _trained_whole(self, adapter: str, folder: Path) -> Any:
        """A model that full fine-tuning has made, in the place of the base; one at a time."""
        from harness.models.base import load_base, release

        if self._whole is None or self._whole[0] != adapter:
            refuse_foreign(folder, self.hash, self.name)
            self._whole = None
            release()
            trained = self.declared.model_copy(update={"id": str(folder), "revision": None, "quantization": "none"})
            self._whole = adapter, load_base(trained)
        return self._whole[1]

    def _put_on(self, folders: Mapping[str, Path]) -> None:
        """Load adapters and forget those before, so that memory stays flat however many there are; the first is the active one."""
        wanted, worn = tuple(folders), self._worn
        if wanted == worn:
            return
        from peft import PeftModel

        from harness.models.base import quiet

        self._clear_for(next(iter(folders.values())))
        worn = self._worn
        with quiet():
            for adapter in (name for name in wanted if name not in worn):
                refuse_foreign(folders[adapter], self.hash, self.name)
                _refuse_pickle(folders[adapter])
                if self._host is None:
                    self._host = PeftModel.from_pretrained(self._base, folders[adapter], adapter_name=adapter)
                else:
                    self._host.load_adapter(folders[adapter], adapter_name=adapter)
                self._worn = (*self._worn, adapter)
            self._host.set_adapter(wanted[0], inference_mode=True)
            for adapter in (name for name in worn if name not in wanted):
                self._host.delete_adapter(adapter)
        self._host.eval()
        self._worn = wanted

    def _clear_for(self, folder: Path) -> None:
        """PEFT has adapters of one kind on a model at a time: those of another are taken off, which leaves the base as it was."""
        if self._host is None or self._host.peft_type.value == _kind_of(folder):
            return
        if not self._host.active_peft_config.is_prompt_learning:
            self._host.unload()
        self._host, self._worn = None, ()

    def _fitting(self, trials: Sequence[Trial]) -> list[Encoded]:
        from harness.regression.choice import ids_before

        chosen = [trial for trial in trials if trial.choices]
        read = [trial for trial in trials if trial.choice_by == PASSAGE]
        written = [trial for trial in trials if not trial.choices and trial.choice_by != PASSAGE]
        ids = ids_before(self.chat, chosen) + self.chat.prompts([t.messages for t in written])
        encoded = [
            Encoded(trial, row, self._reference(trial)) for trial, row in zip(chosen + written, ids, strict=True)
        ]
        encoded += [Encoded(trial, *self.chat.passage(trial.reference or "")) for trial in read]
        long = [item for item in encoded if item.tokens > self.context]
        if long:
            named = "\n".join(self._too_long(item) for item in long[:NAMED])
            others = f"\nand {len(long) - NAMED} more" if len(long) > NAMED else ""
            raise BadInput(
                f"{named}{others}\nuse fewer examples or documents, shorten the prompt, lower the suite's "
                "max_new_tokens, or take a model with a longer context"
            )
        return encoded

    def _reference(self, trial: Trial) -> Sequence[int]:
        """Token ids of the reference as the answer, its end included; none where nobody asks how likely it is."""
        return () if trial.reference is None else self.chat.example(trial.messages, trial.reference)[1]

    def _too_long(self, item: Encoded) -> str:
        trial = item.trial
        long = f"the prompt has {len(item.ids)} tokens and the answer may have {item.answer}"
        if item.read:
            long = f"the passage has {item.answer} tokens"
        return (
            f"suite {trial.suite!r}, contender {trial.contender!r}, case {trial.case_id!r}: {long}, but model {self.name!r} "
            f"has a context of {self.context}"
        )

    def _answer(self, model: Any, batch: Sequence[Encoded], *, mixed: bool) -> Iterator[list[Generation]]:
        """One batch; on a GPU too small for it, its halves."""
        import torch

        started = time.perf_counter()
        try:
            answers = [[] for _ in batch] if batch[0].read else self._decode(model, batch, mixed)
            seconds = (time.perf_counter() - started) / len(batch)
            likely = self._likelihoods(model, batch, mixed)
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            if len(batch) == 1:
                raise HarnessError(f"{self._too_long(batch[0])}, and the GPU's memory is too small for it") from error
            half = len(batch) // 2
            yield from self._answer(model, batch[:half], mixed=mixed)
            yield from self._answer(model, batch[half:], mixed=mixed)
            return
        rows = zip(batch, answers, likely, strict=True)
        yield [self._generation(item, ids, seconds, logprob) for item, ids, logprob in rows]

    def _decode(self, model: Any, batch: Sequence[Encoded], mixed: bool) -> list[list[int]]:
        from harness.models.decode import decode

        prompts, limits = [item.ids for item in batch], [item.trial.max_new_tokens for item in batch]
        schemas = [item.trial.schema for item in batch]
        guides = [self._guides.of(schema) if schema else None for schema in schemas] if any(schemas) else []
        samplers = [_sampler(item.trial, model.device) for item in batch] if any(map(_sampled, batch)) else []
        stops, pad = self.chat.stops, self.chat.pad
        adapters = names(batch) if mixed else ()
        return decode(model, prompts, limits, stops=stops, pad=pad, guides=guides, samplers=samplers, adapters=adapters)

    def _likelihoods(self, model: Any, batch: Sequence[Encoded], mixed: bool) -> list[float | None]:
        """The logarithm of each reference's probability as the answer; None where nobody asks."""
        asked = [item for item in batch if item.reference]
        if not asked:
            return [None] * len(batch)
        from harness.models.likelihood import log_likelihoods

        prompts, references = [item.ids for item in asked], [item.reference for item in asked]
        adapters = names(asked) if mixed else ()
        found = iter(log_likelihoods(model, prompts, references, pad=self.chat.pad, adapters=adapters))
        return [next(found) if item.reference else None for item in batch]

    def _generation(self, item: Encoded, ids: list[int], seconds: float, logprob: float | None) -> Generation:
        return Generation(
            trial_id=item.trial.id,
            text=self.chat.decode(ids),
            prompt_tokens=len(item.ids),
            output_tokens=len(ids),
            seconds=seconds,
            finish=PASSAGE if item.read else "stop" if ids[-1] in self.chat.stops else "length",
            logprob=logprob,
            logprob_tokens=len(item.reference) or None,
        )


def _refuse_pickle(folder: Path) -> None:
    if not (folder / "adapter_model.safetensors").is_file():
        raise BadInput(
            f"{folder}: has no adapter_model.safetensors: other weights can run code when they are read: remove the folder, and "
            "it is trained again"
        )


def _kind_of(folder: Path) -> str | None:
    """What PEFT calls an adapter's kind; None where its folder does not say."""
    try:
        kind: str | None = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8")).get("peft_type")
    except (OSError, ValueError, AttributeError):
        return None
    return kind


def _sampled(item: Encoded) -> bool:
    return item.trial.temperature > 0


def _sampler(trial: Trial, device: Any) -> Sampler | None:
    """Seeded by what is asked, the sample's number included: the same answer whatever batch it is in."""
    if not trial.temperature:
        return None
    import torch

    from harness.models.decode import Sampler

    seed = int.from_bytes(trial.id.encode()[:8], "big") >> 1
    return Sampler(trial.temperature, torch.Generator(device).manual_seed(seed))


def _bytes_a_token(config: Any) -> int:
    """Keys and values of one token, in 16 bits."""
    text = config.get_text_config()
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return int(2 * 2 * text.num_hidden_layers * heads * width)
