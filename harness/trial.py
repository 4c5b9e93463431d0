"""The rows: what is asked, what came back, what it scored.

Trial       one contender's attempt at one case: everything that can change the answer, under one id
Generation  what came back for a trial
Output      what a metric is given of it
Score       one metric's number for a generation

They are not frozen: a frozen one takes twice as long to make, and there is one of each for every case and cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.fingerprint import fingerprints
from harness.suite import Case

Message = dict[str, str]
PASSAGE = "passage"
"""``choice_by`` of a trial in which nothing is written or chosen: how likely the passage is that it has as its reference."""


@dataclass(slots=True)
class Trial:
    """One cell's attempt at one case. ``id`` says what is asked of which weights (see ``ask_ids``): two contenders that ask
    the same of the same weights share an answer, so nothing is generated twice, and renaming costs nothing.

    ``adapter`` is the fingerprint of the trained adapter (recipe, data, seed, base), None for the base model itself.
    ``choices`` is set where the answer is the likeliest choice, by its ``letter``, by its ``text``, or as they stand; ``schema`` (JSON) where
    nothing may be written that it does not allow. At a ``temperature`` of 0 decoding is greedy. ``reference`` is set where it
    is asked how likely that text is as the answer, or as a ``PASSAGE``.
    """

    id: str
    suite: str
    contender: str
    technique: str
    model: str
    case_id: str
    split: str
    cluster: str
    messages: tuple[Message, ...]
    max_new_tokens: int
    training_seed: int | None = None
    repeat: int = 0
    adapter: str | None = None
    documents: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    choice_by: str = "letter"
    schema: str | None = None
    temperature: float = 0.0
    reference: str | None = None


def ask_ids(
    *,
    model: str,
    adapter: str | None,
    max_new_tokens: int,
    choice_by: str = "letter",
    schema: str | None = None,
    temperature: float = 0.0,
    likelihood: bool = False,
) -> Callable[[Sequence[Message], Case, int], str]:
    """A function from messages, case and repeat to the fingerprint of everything that can change an answer or its score.

    ``model`` is the hash of weights, template and quantisation, not a name. Device, batch size and retries are not in it, nor
    is the repeat of a greedy answer, which is the same each time.
    """
    decoding = {"max_new_tokens": max_new_tokens, "temperature": temperature, "choice_by": choice_by, "schema": schema}
    if likelihood:
        decoding["likelihood"] = True
    fingerprint = fingerprints(model, adapter, decoding)
    if temperature:
        return lambda messages, case, repeat: fingerprint((messages, case.input, case.reference, case.choices, repeat))
    return lambda messages, case, repeat: fingerprint((messages, case.input, case.reference, case.choices))


@dataclass(slots=True)
class Generation:
    """What came back for a trial: text and its cost, or ``error`` when nothing could be measured.

    ``seconds`` is the trial's share of its batch's wall time; ``finish`` is ``stop``, ``length``, ``refusal``, ``choice`` or ``passage``;
    ``cost`` in USD. ``served`` is the model's name as a vendor's reply has it. ``logprob`` is the natural logarithm of the
    probability that the model gives the case's reference as its answer, a text of ``logprob_tokens`` tokens.
    """

    trial_id: str
    text: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float | None = None
    finish: str | None = None
    error: str | None = None
    cost: float | None = None
    served: str | None = None
    logprob: float | None = None
    logprob_tokens: int | None = None


@dataclass(slots=True)
class Output:
    """An answer with all that is known of it, as in ``Generation``; ``documents`` are the ids of those in its prompt, the best
    first.
    """

    text: str
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None
    finish: str | None = None
    documents: Sequence[str] = ()
    logprob: float | None = None
    logprob_tokens: int | None = None


def output_of(generation: Generation, documents: Sequence[str] = ()) -> Output:
    """What a metric is given of a generation that is no error."""
    return Output(  # in the order of its fields: by their names it takes longer
        generation.text or "",
        generation.prompt_tokens,
        generation.output_tokens,
        generation.seconds,
        generation.cost,
        generation.finish,
        documents,
        generation.logprob,
        generation.logprob_tokens,
    )


@dataclass(slots=True)
class Score:
    """One finite number for a generation by one metric, more is better; ``metric_hash`` changes with the metric. ``served``
    are the models, as vendors name them, whose replies a judge's score was read from.
    """

    trial_id: str
    metric: str
    metric_hash: str
    value: float | None
    error: str | None = None
    served: tuple[str, ...] | None = None


DIVERGED = "diverged: "
"""How the note begins of a training that a search tried, and that came to nothing."""


class Step(NamedTuple):
    """One step of a training under way, as it is told: the ``step`` of ``total``, and the tokens a second that it took in."""

    step: int
    total: int
    loss: float | None = None
    learning_rate: float | None = None
    gradient: float | None = None
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What the weights after ``step`` steps were worth: the mean ``score`` of their answers to dev, where those were asked
    for, and the mean of -ln p a token of ``rows`` training answers and of as many dev references.
    """

    step: int
    score: float | None = None
    train_loss: float | None = None
    dev_loss: float | None = None
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Training:
    """One finished training: which adapter it made, from what, at what cost.

    ``losses`` are (step, loss, learning rate, gradient norm); ``rows_in`` and ``rows_kept`` count training rows before and
    after truncation. ``base`` is the hash of the model that it was trained on, and answers with; ``notes`` say what went
    otherwise than declared. ``speed`` is in tokens a second, ``looks`` are in the order of their steps, the first before
    any, and ``kept`` is the step whose weights the adapter has, where dev chose it.
    """

    adapter: str
    recipe: str
    suite: str
    model: str
    seed: int
    path: str
    seconds: float
    steps: int
    rows_in: int
    rows_kept: int
    tokens: int
    losses: list[tuple[int, float, float, float]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    base: str = ""
    notes: list[str] = field(default_factory=list)
    speed: float | None = None
    looks: list[Look] = field(default_factory=list)
    kept: int | None = None

    @property
    def diverged(self) -> bool:
        """Whether it left no weights, because its loss was no number."""
        return any(note.startswith(DIVERGED) for note in self.notes)
