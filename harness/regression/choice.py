"""Multiple-choice trials through lm-eval, as MMLU is scored (arXiv 2009.03300): by letter, by the options' text, or as they stand.

    What animal stands for Lena?
    A. bear
    B. lynx
    Answer:                         by letter: log-likelihood of " A", " B", …; no chat template, no examples

    <|im_start|>user
    What animal stands for Lena?<|im_end|>
    <|im_start|>assistant           by text: log-likelihood of "bear", "lynx", …; the model's own chat template

    Q: What animal stands for Lena? A:      raw: log-likelihood of " bear", " lynx", …, as an lm-eval task writes it; normed: by character;
                                            mass: that of all options as the answer; greedy: whether the one option is what comes next;
                                            written: what the model writes, until one of the choices

    Lena saw the lynx, and the lynx         before: log-likelihood of " fled." after each of the options

Batch size and padding are the same for every contender, and no cache of lm-eval's is used: its response cache is keyed
by the prompt alone, so that one adapter would be given another's answers.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import string
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import BadInput, HarnessError, need
from harness.trial import Generation, Trial

if TYPE_CHECKING:
    from harness.models.chat import Chat
    from harness.models.local import Local

TASK = "harness_choice"
YAML = f"""
task: {TASK}
dataset_path: json
dataset_kwargs:
  data_files: {{test: DOCS}}
  cache_dir: CACHE
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{text}}}}"
doc_to_choice: options
doc_to_target: 0
target_delimiter: ""
num_fewshot: 0
metric_list:
  - metric: acc
metadata:
  version: 1.0
"""
FORMS = {
    "before": {
        "output_type: multiple_choice": "output_type: multiple_choice",
        'doc_to_text: "{{text}}"': "doc_to_text: gold",
        "doc_to_target: 0": 'doc_to_target: "{{text}}"',
    },
    "greedy": {
        "output_type: multiple_choice": "output_type: loglikelihood",
        "doc_to_choice: options\n": "",
        "doc_to_target: 0": 'doc_to_target: "{{options[0]}}"',
    },
    "written": {
        "output_type: multiple_choice": "output_type: generate_until\ngeneration_kwargs: KWARGS",
        "doc_to_choice: options\n": "",
        "doc_to_target: 0": 'doc_to_target: "{{text}}"',
        "metric: acc": "metric: exact_match",
    },
}
"""What differs in the task for other kinds of choices."""
AS_IT_STANDS = ("raw", "normed", "mass", "greedy", "written")
LARGE_VOCABULARY = 32768
"""lm-eval keeps the logits of every place of a batch: 8 rows of 1,024 tokens and 150,000 words are 5 GB."""


def question(trial: Trial) -> str:
    """A trial's question as the model reads it.

    Raises:
        BadInput: for more choices than letters.
    """
    letters = _letters(trial)
    asked = trial.messages[-1]["content"].strip()
    lines = [f"{letter}. {choice}" for letter, choice in zip(letters, trial.choices, strict=True)]
    return "\n".join([asked, *lines, "Answer:"])


def ids_before(chat: Chat, trials: Sequence[Trial]) -> list[list[int]]:
    """Token ids of what stands before each trial's options."""
    letters = chat.plain([question(trial) for trial in trials if trial.choice_by == "letter"])
    texts = chat.prompts([trial.messages for trial in trials if trial.choice_by == "text"])
    as_is = chat.plain([trial.messages[-1]["content"] for trial in trials if trial.choice_by in AS_IT_STANDS])
    options = chat.plain([trial.choices[0] for trial in trials if trial.choice_by == "before"])
    by = {"letter": iter(letters), "text": iter(texts), "before": iter(options)} | dict.fromkeys(
        AS_IT_STANDS, iter(as_is)
    )
    return [next(by[trial.choice_by]) for trial in trials]


def _document(chat: Chat, trial: Trial) -> dict[str, Any]:
    """A trial as lm-eval's task reads it."""
    if trial.choice_by in AS_IT_STANDS:
        return {"text": trial.messages[-1]["content"], "options": list(trial.choices)}
    if trial.choice_by == "before":
        return {"text": trial.messages[-1]["content"], "options": list(trial.choices), "gold": 0}
    if trial.choice_by == "text":
        return {"text": chat.render(trial.messages), "options": list(trial.choices)}
    return {"text": question(trial), "options": [f" {letter}" for letter in _letters(trial)]}


def answer_choices(local: Local, trials: Sequence[Trial]) -> Iterator[list[Generation]]:
    """The likeliest choice of every trial, a contender's at a time; ``text`` is the choice itself, not its letter. By ``mass`` it is
    a list of all choices' log-likelihoods; by ``greedy`` nothing, where the model would write something else; ``written`` is what it writes.

    Raises:
        MissingExtra: without lm-eval.
        HarnessError: when lm-eval gives other than one result a trial.
    """
    need("lm_eval", extra="lm-eval")
    ordered = sorted(trials, key=lambda trial: (trial.adapter or "", _form(trial), trial.id))
    for (adapter, _), group in groupby(ordered, key=lambda trial: (trial.adapter, _form(trial))):
        with local.wearing(adapter) as model:
            yield _evaluated(local, model, list(group))


def _form(trial: Trial) -> tuple[str, ...]:
    """Trials of one form are one task of lm-eval; what is written ends as the task says."""
    if trial.choice_by == "written":
        return trial.choice_by, str(trial.max_new_tokens), *trial.choices
    return (trial.choice_by,) if trial.choice_by in FORMS else ()


def _evaluated(local: Local, model: Any, trials: list[Trial]) -> list[Generation]:
    from harness.models.base import quiet

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, quiet(), silent():
        samples = _run(model, local, _write_task(Path(folder), local.chat, trials), Path(folder))
    if len(samples) != len(trials):
        raise HarnessError(f"lm-eval gave {len(samples)} results for {len(trials)} trials")
    seconds = (time.perf_counter() - started) / len(trials)
    tokens = [len(ids) for ids in ids_before(local.chat, trials)]
    answers = [_answer(samples[i], trial) for i, trial in enumerate(trials)]
    written = trials[0].choice_by == "written"
    count = [len(ids) for ids in local.chat.plain(answers)] if written else [1] * len(trials)
    return [
        Generation(
            trial_id=trial.id,
            text=answers[i],
            prompt_tokens=tokens[i],
            output_tokens=count[i],
            seconds=seconds,
            finish="stop" if written else "choice",
        )
        for i, trial in enumerate(trials)
    ]


def _write_task(folder: Path, chat: Chat, trials: list[Trial]) -> str:
    """Writes task and questions into ``folder``; returns the task's name."""
    docs = folder / "docs.jsonl"
    with docs.open("w", encoding="utf-8") as file:
        for trial in trials:
            file.write(json.dumps(_document(chat, trial)) + "\n")
    text = YAML
    for old, new in FORMS.get(trials[0].choice_by, {}).items():
        text = text.replace(old, new)
    ends = {"until": list(trials[0].choices), "max_gen_toks": trials[0].max_new_tokens, "do_sample": False}
    text = text.replace("KWARGS", json.dumps(ends))
    text = text.replace("DOCS", json.dumps(str(docs))).replace("CACHE", json.dumps(str(folder / "cache")))
    (folder / "task.yaml").write_text(text, encoding="utf-8")
    return TASK


def _run(model: Any, local: Local, task: str, folder: Path) -> dict[int, dict[str, Any]]:
    """lm-eval's samples by number of trial, in smaller batches where a GPU is too small for the usual ones.

    Raises:
        HarnessError: when it is too small for one row.
    """
    import torch

    from harness.models.base import ran_out, release

    size = 8 if len(local.chat.tokenizer) > LARGE_VOCABULARY else 32
    while True:
        try:
            return _asked(model, local, task, folder, size)
        except torch.OutOfMemoryError as error:
            if size == 1:
                raise HarnessError(
                    f"model {local.name!r}: the GPU's memory is too small for one question with its choices: shorten them, or take "
                    f"a GPU with more memory ({ran_out(error)})"
                ) from error
            size //= 2
        release()


def _asked(model: Any, local: Local, task: str, folder: Path, size: int) -> dict[int, dict[str, Any]]:
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    lm = HFLM(
        pretrained=model,
        tokenizer=local.chat.tokenizer,
        backend="causal",
        batch_size=size,
        max_length=local.context,
    )
    tasks = TaskManager(include_path=str(folder), include_defaults=False).load([task])
    tasks["tasks"][task].set_fewshot_seed(seed=0)
    # simple_evaluate does the same, and takes another second for git and a description of the machine
    results = evaluate(lm, task_dict=tasks, bootstrap_iters=0, log_samples=True)
    return {int(sample["doc_id"]): sample for sample in results["samples"][task]}


def _answer(sample: dict[str, Any], trial: Trial) -> str:
    if trial.choice_by == "written":
        return str(sample["filtered_resps"][0])
    if trial.choice_by == "greedy":
        [(_, as_it_is)] = sample["filtered_resps"]
        return trial.choices[0] if as_it_is else ""
    likelihoods = [float(response[0]) for response in sample["filtered_resps"]]
    if trial.choice_by == "mass":
        return json.dumps(likelihoods)
    if trial.choice_by == "normed":  # acc_norm goes by the option's characters, without the blank before it
        likelihoods = [
            value / len(choice.removeprefix(" ")) for value, choice in zip(likelihoods, trial.choices, strict=True)
        ]
    return trial.choices[likelihoods.index(max(likelihoods))]


def _letters(trial: Trial) -> list[str]:
    if len(trial.choices) > len(string.ascii_uppercase):
        raise BadInput(
            f"suite {trial.suite!r}, case {trial.case_id!r}: given {len(trial.choices)} choices: there are letters for "
            f"{len(string.ascii_uppercase)}"
        )
    return list(string.ascii_uppercase[: len(trial.choices)])


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """lm-eval prints tables, bars and git's complaints; none of it is for the user."""
    import datasets

    datasets.disable_progress_bars()
    logging.disable(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
