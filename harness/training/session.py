"""What all methods share around TRL's trainers: arguments, checkpoints, progress, and the finished adapter's folder.

    session = Session(job, say)
    session.run(lambda: session.trainer("SFTTrainer")(model=session.base(), …))

A training that was killed goes on from its last whole checkpoint in ``<out>.work/`` and ends with the weights that it
would have had. The folder ``<out>`` appears in one step, finished.
"""

from __future__ import annotations

import errno
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
from harness.machine import room
from harness.models.base import bare, load_base, on_gpu, quiet, ran_out, release, window
from harness.models.chat import Chat, load_chat
from harness.models.weights import identity, locate, revision
from harness.recipe import Optimizer
from harness.training import parallel
from harness.training.checkpoint import STATE, last_checkpoint, spent
from harness.training.job import Job, Say, examples, publish
from harness.training.lean import Lean
from harness.training.lessons import Lesson, kept, lessons
from harness.training.looks import Looks
from harness.training.sampler import BY_LENGTH, by_length, repeated
from harness.training.told import Pace, losses, progress
from harness.training.track import forget, named, tracking
from harness.trial import Training

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate")
OPTIMIZERS: dict[Optimizer, str] = {
    "adamw_8bit": "adamw_bnb_8bit",
    "paged_adamw": "paged_adamw_32bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
}
"""bitsandbytes' under the names of transformers, which has ``adamw`` by default."""
SMALLEST = {"kto": 2}
"""Rows that a batch of a method needs."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a system says when there is no room: of the disk, of a user's share, of a file."""
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
        self.started, self.spent = time.perf_counter(), spent(last_checkpoint(job.work))
        self.found: list[Lesson] = []
        self.batch, self.accumulate = job.recipe.batch_size, job.recipe.accumulate
        self.notes: list[str] = []
        self.pace = Pace()
        self.lean = Lean()

    def run(self, make: Callable[[], Any]) -> Training:
        """Train with the trainer that ``make`` gives, from a checkpoint when there is one; returns the record.

        Raises:
            BadInput: for rows that are broken or too long.
            HarnessError: when the training went wrong, or what it makes could not be written; what was written before stays.
        """
        import torch

        if self.job.threads is not None:
            torch.set_num_threads(self.job.threads)
        with quiet(), closing_memory(), tracking(self.job), self._full():
            self.found = lessons(examples(self.job), self.chat)
            made, state = self._best(make) if self.looks.choosing else self._last(make)
            return self._finish(made, state)

    @property
    def seconds(self) -> float:
        """What the training took so far, in this process and in those that were killed."""
        return self.spent + time.perf_counter() - self.started

    @cached_property
    def looks(self) -> Looks:
        return Looks(self.job, self.chat, lambda: self.lessons, context=lambda: self.context)

    def _last(self, make: Callable[[], Any]) -> tuple[Path, Any]:
        """The folder of the weights that the last step leaves, and the trainer's state."""
        trainer = self._trained(make)
        made = self.job.work / "finished"
        self.write(trainer.model, made)
        self.looks.end(trainer.model, trainer.state.global_step)
        return made, trainer.state

    def _best(self, make: Callable[[], Any]) -> tuple[Path, Any]:
        """The folder of the weights that answered dev best, and the trainer's state. With patience the training goes from one
        look to the next, each time from its last checkpoint, as after a kill.
        """
        from transformers import TrainerState

        while True:
            self.looks.score()
            if self.looks.over:
                break
            trainer = self._trained(make)
            self.looks.total = trainer.state.max_steps
            self.looks.keep()
            del trainer
            release()
        state = TrainerState.load_from_json(str(self._checkpoint() / STATE))
        return self.looks.folder(self.looks.best.step), state

    def _checkpoint(self) -> Path:
        checkpoint = last_checkpoint(self.job.work)
        if checkpoint is None:
            raise HarnessError(f"{self.job.named}: no checkpoint is left in {self.job.work}: remove it and run again")
        return checkpoint

    def _trained(self, make: Callable[[], Any]) -> Any:
        """The trainer when it has come to its end; with smaller batches where the memory is too small for the recipe's."""
        import torch

        while True:
            checkpoint = last_checkpoint(self.job.work)
            trainer = make()
            if checkpoint is None:
                self.looks.begin(trainer.model)
            try:
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            except torch.OutOfMemoryError as error:
                if parallel.world() > 1:  # the others would wait for it
                    raise HarnessError(
                        f"{self.job.named}: out of memory with batches of {self.share}: raise processes"
                    ) from error
                del trainer
                if not self.lean.save():
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
                f"adapter, or a GPU with more memory ({ran_out(error)})"
            ) from error
        self.batch, self.accumulate = self.batch // 2, self.accumulate * 2
        forget(self.job)
        self.notes.append(
            f"out of memory: trained in batches of {self.batch} with {self.accumulate} accumulated, the same rows an update"
        )

    @cached_property
    def chat(self) -> Chat:
        model = self.job.model
        return load_chat(locate(model), revision=revision(model), trust_remote_code=model.trust_remote_code)

    @cached_property
    def lessons(self) -> list[Lesson]:
        """What is trained on."""
        return kept(self.found, self.job, context=self.context)

    @property
    def context(self) -> int:
        """How many tokens the model takes."""
        return window(self._config, self.chat.tokenizer)

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
            "gradient_checkpointing": self.on_gpu and recipe.adapter.kind != "prefix",  # where it is needed: Lean
            "logging_steps": 1,
            "logging_nan_inf_filter": False,
            "save_strategy": "steps",
            "save_steps": recipe.save_steps,
            "save_total_limit": 2,
            "dataloader_num_workers": 0,
            "dataloader_pin_memory": self.on_gpu,
            "report_to": list(self.job.report_to) or "none",
            "run_name": named(self.job),
            "disable_tqdm": True,
            **({"optim": OPTIMIZERS[recipe.optimizer]} if recipe.optimizer in OPTIMIZERS else {}),
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
                if self.args.train_sampling_strategy == BY_LENGTH:
                    sampler = by_length([lesson.tokens for lesson in session.lessons], self.args)
                else:
                    sampler = repeated(super()._get_train_sampler(*given))
                return parallel.in_step(sampler, session.job.seed, lambda: self.state.global_step // updates)

            def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
                return session.chat.encode(prompts), None, {}  # they are rendered already

            def _save_checkpoint(self, *given: Any, **options: Any) -> None:
                folder = session.job.work / f"checkpoint-{self.state.global_step}"
                with session.writing(folder):
                    super()._save_checkpoint(*given, **options)

            def create_model_card(self, *_: Any, **__: Any) -> None: ...

            def _send_telemetry(self) -> None: ...

            def floating_point_ops(self, *_: Any) -> int:
                return 0  # nobody reads it, and counting parameters took 15 ms of a step of 80

        def make(*, model: Any, **options: Any) -> Any:
            # TRL turns adapters of a base that says so to bfloat16: in it a late learning rate's small steps are lost,
            # and DPO's policy is rounded but not its reference
            model.is_loaded_in_4bit = False
            if not bare(model).supports_gradient_checkpointing:
                options["args"].gradient_checkpointing = False
            made = Quiet(model=model, **options)
            made.model.create_or_update_model_card = lambda *_: None
            made.remove_callback(PrinterCallback)
            made.add_callback(progress(self))
            session.lean.watch(made.model, recompute=made.args.gradient_checkpointing)
            return made

        return make

    def write(self, model: Any, folder: Path) -> None:
        """The weights as a candidate's, whole or not at all; of several processes the first writes."""
        if folder.exists() or parallel.rank():
            return
        import torch

        draft = folder.with_name(f"{folder.name}.new")
        with (
            self.writing(draft),
            torch.random.fork_rng(),
        ):  # PiSSA's difference is made by an adapter more, drawn at first
            shutil.rmtree(draft, ignore_errors=True)
            self._save(model, draft)
            _drop(draft)
            draft.replace(folder)

    @contextmanager
    def writing(self, folder: Path) -> Iterator[None]:
        """Whatever goes wrong while a folder is written, a full disk most often: half of it is no use, and the checkpoints before
        it stay.

        Raises:
            HarnessError: naming the folder, why, and what is left.
        """
        try:
            yield
        except HarnessError:
            raise
        except Exception as error:  # safetensors, torch and the system each have their own
            shutil.rmtree(folder, ignore_errors=True)
            raise self._unwritten(folder, error) from error

    @contextmanager
    def _full(self) -> Iterator[None]:
        """A disk that fills while something small is written: a look, a time, a tracker's line."""
        try:
            yield
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise self._unwritten(Path(error.filename or self.job.work), error) from error

    def _unwritten(self, folder: Path, error: Exception) -> HarnessError:
        return HarnessError(
            f"{self.job.named}: {folder} could not be written ({_reason(error)}): {room(self.job.work)}; make room and run "
            f"again: {self.left}"
        )

    @property
    def left(self) -> str:
        """What a run that ended too early finds again."""
        checkpoint = last_checkpoint(self.job.work)
        if checkpoint is None:
            return "it begins anew, since there was no checkpoint yet"
        return f"it goes on from {checkpoint}"

    def _finish(self, made: Path, state: Any) -> Training:
        job, steps = self.job, state.global_step
        share = steps / max(1, state.max_steps)
        training = job.record(
            seconds=self.before + self.seconds,
            steps=steps,
            rows_in=len(self.found),
            rows_kept=len(self.lessons),
            tokens=round(sum(lesson.all_tokens for lesson in self.lessons) * job.recipe.epochs * share),
            losses=losses(state.log_history),
            versions={package: version(package) for package in PACKAGES},
            base=identity(job.model),
            notes=self.notes,
            speed=self.pace.mean,
            looks=self.looks.seen,
            kept=self.looks.best.step if self.looks.choosing else None,
        )
        if parallel.rank():
            return training
        try:
            return publish(made, job, training)
        except OSError as error:
            raise self._unwritten(job.out, error) from error

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


def _reason(error: BaseException) -> str:
    """The first line of what failed at the bottom."""
    while error.__context__ is not None:
        error = error.__context__
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _drop(folder: Path) -> None:
    for name in NOT_AN_ADAPTER:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
