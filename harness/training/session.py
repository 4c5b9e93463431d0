"""What all methods share around TRL's trainers: arguments, checkpoints, progress, and the finished adapter's folder.

    session = Session(job, say)
    session.run(lambda: session.trainer("SFTTrainer")(model=session.base(), …))

A training that was killed goes on from its last whole checkpoint in ``<out>.work/`` and ends with the weights that it
would have had. The folder ``<out>`` appears in one step, finished.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, need
from harness.models.base import load_base, on_gpu, quiet, release, window
from harness.models.chat import Chat, load_chat
from harness.models.weights import identity, locate, revision
from harness.training import parallel
from harness.training.job import Job, Say, examples, publish
from harness.training.lessons import Lesson, kept, lessons
from harness.trial import Training

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate")
LARGE = 500_000_000
"""Parameters from which activations are computed twice (checkpointing) to save a GPU's memory."""
SMALLEST = {"kto": 2}
"""Rows that a batch of a method needs."""
NOT_AN_ADAPTER = ("ref", "README.md", "training_args.bin", "chat_template.jinja")
FirstLoss = Callable[["Session", float], None]


class Session:
    """One job being trained. ``unpack`` as in ``load_base``: on a CPU the NF4 weights are trained on unpacked. ``before`` are
    the seconds that went into it already.
    """

    def __init__(
        self,
        job: Job,
        say: Say,
        *,
        first_loss: FirstLoss | None = None,
        unpack: bool | None = None,
        before: float = 0.0,
    ) -> None:
        need("torch", extra="train")
        self.job, self.say, self.first_loss, self.unpack, self.before = job, say, first_loss, unpack, before
        self.on_gpu = on_gpu()
        self.spent = 0.0
        self.found: list[Lesson] = []
        self.batch, self.accumulate = job.recipe.batch_size, job.recipe.accumulate
        self.notes: list[str] = []

    def run(self, make: Callable[[], Any]) -> Training:
        """Train with the trainer that ``make`` gives, from a checkpoint when there is one; returns the record."""
        import torch

        if self.job.threads is not None:
            torch.set_num_threads(self.job.threads)
        started = time.perf_counter()
        with quiet(), closing_memory():
            self.found = lessons(examples(self.job), self.chat)
            trainer = self._trained(make)
            return self._finish(trainer, seconds=self.spent + time.perf_counter() - started)

    def _trained(self, make: Callable[[], Any]) -> Any:
        """The trainer when it has come to its end; with smaller batches where the memory is too small for the recipe's."""
        import torch

        while True:
            checkpoint = last_checkpoint(self.job.work)
            self.spent = self.before + _spent(checkpoint)
            trainer = make()
            try:
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            except torch.OutOfMemoryError as error:
                if parallel.world() > 1:  # the others would wait for it
                    raise HarnessError(
                        f"{self.job.named}: out of memory with batches of {self.share}: raise processes"
                    ) from error
                del trainer
                self._halve(error)
                release()
            else:
                trainer.accelerator.wait_for_everyone()
                return trainer

    def _halve(self, error: Exception) -> None:
        """Half the batch and twice the accumulation: the same rows go into an update.

        Raises:
            HarnessError: when the batch cannot be halved.
        """
        if self.batch % 2 or self.batch // 2 < SMALLEST.get(self.job.recipe.method, 1):
            raise HarnessError(
                f"{self.job.named}: out of memory with batches of {self.batch}: lower max_length, take a smaller model or "
                f"adapter, or a GPU with more memory ({str(error).splitlines()[0][:120]})"
            ) from error
        self.batch, self.accumulate = self.batch // 2, self.accumulate * 2
        self.notes.append(
            f"out of memory: trained in batches of {self.batch} with {self.accumulate} accumulated, the same rows an update"
        )

    @cached_property
    def chat(self) -> Chat:
        model = self.job.model
        return load_chat(locate(model), revision=revision(model), trust_remote_code=model.trust_remote_code)

    @cached_property
    def lessons(self) -> list[Lesson]:
        """What is trained on; needs ``base`` to know the context."""
        return kept(self.found, self.job, context=window(self._config, self.chat.tokenizer))

    @cached_property
    def _config(self) -> Any:
        from transformers import AutoConfig

        model = self.job.model
        return AutoConfig.from_pretrained(
            locate(model), revision=revision(model) or "main", trust_remote_code=model.trust_remote_code
        )

    def base(self) -> Any:
        """The frozen base model, once all rows have been found good."""
        assert self.lessons
        base = load_base(self.job.model, unpack=self.unpack)
        base.config.use_cache = False
        return base

    def dataset(self, rows: Sequence[dict[str, Any]]) -> Any:
        from datasets import Dataset

        return Dataset.from_list(list(rows))

    def arguments(self) -> dict[str, Any]:
        """What every method's config has in common; accumulation and batch size as the recipe says."""
        recipe = self.job.recipe
        return {
            "output_dir": str(self.job.work),
            "seed": self.job.seed,
            "data_seed": self.job.seed,
            "learning_rate": recipe.rate,
            "num_train_epochs": recipe.epochs,
            "per_device_train_batch_size": self.share,
            "gradient_accumulation_steps": self.accumulate,
            "lr_scheduler_type": "cosine",
            "warmup_steps": recipe.warmup,
            "weight_decay": recipe.weight_decay,
            "use_cpu": not self.on_gpu,
            "bf16": self.on_gpu,
            "gradient_checkpointing": self.on_gpu and self._parameters >= LARGE,
            "logging_steps": 1,
            "logging_nan_inf_filter": False,
            "save_strategy": "steps",
            "save_steps": recipe.save_steps,
            "save_total_limit": 2,
            "dataloader_num_workers": 0,
            "dataloader_pin_memory": self.on_gpu,
            "report_to": "none",
            "disable_tqdm": True,
            **parallel.shared(self.on_gpu),
        }

    @property
    def share(self) -> int:
        """This process's part of a batch."""
        return self.batch // parallel.world()

    def trainer(self, wanted: Any) -> Callable[..., Any]:
        """TRL's trainer of that name (or a class of one's own), with our progress, without cards, prints and telemetry."""
        import trl
        from transformers import PrinterCallback

        base: Any = getattr(trl, wanted) if isinstance(wanted, str) else wanted
        session = self

        class Quiet(base):  # type: ignore[misc]
            def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
                return dataset  # it is tokenised and measured already

            def _get_train_sampler(self, *given: Any) -> Any:
                updates = ceil(ceil(len(session.lessons) / session.batch) / session.accumulate)
                sampler = super()._get_train_sampler(*given)
                return parallel.in_step(sampler, session.job.seed, lambda: self.state.global_step // updates)

            def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
                return session.chat.encode(prompts), None, {}  # they are rendered already

            def create_model_card(self, *_: Any, **__: Any) -> None: ...

            def _send_telemetry(self) -> None: ...

            def floating_point_ops(self, *_: Any) -> int:
                return 0  # nobody reads it, and counting parameters took 15 ms of a step of 80

        def make(*, model: Any, **options: Any) -> Any:
            # TRL turns adapters of a base that says so to bfloat16: in it a late learning rate's small steps are lost,
            # and DPO's policy is rounded but not its reference
            model.is_loaded_in_4bit = False
            made = Quiet(model=model, **options)
            made.model.create_or_update_model_card = lambda *_: None
            made.remove_callback(PrinterCallback)
            made.add_callback(_progress(self))
            return made

        return make

    @property
    def _parameters(self) -> int:
        """About how many the base has."""
        text = self._config.get_text_config()
        return int(12 * text.num_hidden_layers * text.hidden_size**2 + text.vocab_size * text.hidden_size)

    def _finish(self, trainer: Any, *, seconds: float) -> Training:
        job, state = self.job, trainer.state
        training = job.record(
            seconds=seconds,
            steps=state.global_step,
            rows_in=len(self.found),
            rows_kept=len(self.lessons),
            tokens=round(sum(lesson.all_tokens for lesson in self.lessons) * job.recipe.epochs),
            losses=_losses(state.log_history),
            versions={package: version(package) for package in PACKAGES},
            base=identity(job.model),
            notes=self.notes,
        )
        if parallel.rank():
            return training
        made = job.work / "finished"
        self._save(trainer.model, made)
        _drop(made)
        return publish(made, job, training)

    def _save(self, model: Any, folder: Path) -> None:
        """The adapter, as one that fits the base as it was; a model that was trained whole, with its tokenizer."""
        if self.job.recipe.adapter.kind == "full" and not hasattr(model, "peft_config"):
            model.save_pretrained(str(folder))
            self.chat.tokenizer.save_pretrained(str(folder))
            return
        options: dict[str, Any] = {}
        if self.initial.exists():
            options["path_initial_model_for_weight_conversion"] = str(self.initial)
        model.save_pretrained(str(folder), selected_adapters=["default"], **options)

    @property
    def initial(self) -> Path:
        """Where an adapter lies as it began, when it has taken something out of the base (PiSSA)."""
        return self.job.work / "initial"


@contextmanager
def closing_memory() -> Iterator[None]:
    """Leaves no model behind: the next work of this process may be a large one."""
    try:
        yield
    finally:
        release()


def last_checkpoint(work: Path) -> Path | None:
    """The newest checkpoint that was written to its end; what a kill left half-written is removed."""
    found = sorted(work.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    for path in found:
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(path)
            continue
        return path
    return None


def _progress(session: Session) -> Any:
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        started = time.perf_counter()

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
            if not logs or "loss" not in logs:
                return
            loss = float(logs["loss"])
            if not math.isfinite(loss):
                raise HarnessError(
                    f"{session.job.named}: the loss of step {state.global_step} is {loss}: lower learning_rate"
                )
            if state.global_step == 1 and session.first_loss:
                session.first_loss(session, loss)
            session.say(state.global_step, state.max_steps, loss)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if parallel.rank():
                return
            spent = session.spent - session.before + time.perf_counter() - self.started
            path = Path(args.output_dir) / f"checkpoint-{state.global_step}" / "seconds.json"
            path.write_text(json.dumps(spent), encoding="utf-8")

    return Progress()


def _losses(history: Sequence[dict[str, float]]) -> list[tuple[int, float, float, float]]:
    logged = [entry for entry in history if "loss" in entry]
    return [(int(e["step"]), float(e["loss"]), float(e["learning_rate"]), float(e["grad_norm"])) for e in logged]


def _spent(checkpoint: Path | None) -> float:
    """Seconds that an interrupted training had taken."""
    try:
        return float(json.loads((checkpoint / "seconds.json").read_text())) if checkpoint else 0.0
    except (OSError, ValueError):
        return 0.0


def _drop(folder: Path) -> None:
    for name in NOT_AN_ADAPTER:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
