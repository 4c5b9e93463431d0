"""From contender and case to chat messages: instruction, examples, documents.

    >>> Prompter(task, contender, seed=1).ask(case).messages
    ({'role': 'system', 'content': 'Label the note.'}, {'role': 'user', 'content': 'My parcel …'})

The same rendering serves every base model; the chat template is the model's own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from harness.contender import Contender
from harness.data.skip import Skips, load_skips
from harness.errors import BadInput, suggest
from harness.fingerprint import fingerprint, fingerprint_files
from harness.formats.portable import training_rows
from harness.retrieval import Document, load_documents, load_retriever
from harness.suite import Case, Suite, Task
from harness.trial import Message

VERSION = 1
"""Raised when rendering changes, so that old answers are not taken for new ones."""

STEPS = "Think step by step, then write 'Answer:' and the answer."
DEFAULT_DOCUMENTS = "Answer from the documents."


class Ask(NamedTuple):
    """What is sent for one case, and the ids of the documents in it."""

    messages: tuple[Message, ...]
    documents: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prompter:
    """Renders one contender's prompts for one task; ``seed`` picks the fixed examples."""

    task: Task
    contender: Contender
    seed: int = 0

    @cached_property
    def content(self) -> str:
        """Fingerprint of everything that decides the prompts of this contender on this task."""
        suite, contender = self.task.suite, self.contender
        files = []
        if contender.shots:
            files += [suite.path(name) for name in (examples_file(suite), suite.skip) if name]
        if contender.retrieves and suite.documents:
            documents = suite.path(suite.documents)
            files += [p for p in documents.rglob("*") if p.is_file()] if documents.is_dir() else [documents]
        if contender.technique == "constrain" and suite.schema_file:
            files.append(suite.path(suite.schema_file))
        asked = contender.model_dump(mode="json", exclude={"name", "recipe", "share"})
        return fingerprint(
            VERSION, asked, self.task.content, fingerprint_files(*files), self.seed if contender.shots else 0
        )

    def ask_all(self, cases: Sequence[Case]) -> list[Ask]:
        """The prompts of many cases; retrieval runs once for all of them."""
        queries = [case.input for case in cases]
        documents = self._gold(cases) if self.contender.gold else self._documents(queries)
        rows = zip(cases, documents, self._shots(queries), strict=True)
        return [self._ask(case, documents, shots) for case, documents, shots in rows]

    def _ask(self, case: Case, documents: Sequence[Document], shots: Sequence[tuple[Message, Message]]) -> Ask:
        user = case.input
        if documents:
            listed = "\n".join(f"[{i}] {document.text}" for i, document in enumerate(documents, 1))
            user = f"Documents:\n{listed}\n\nQuestion: {case.input}"
        if self.contender.think:
            user = f"{user}\n{STEPS}"
        opening = self._opening_with_documents if documents else self._opening
        examples = chain.from_iterable(shots) if shots else ()
        messages = (*opening, *examples, {"role": "user", "content": user})
        return Ask(messages, tuple(document.id for document in documents) if documents else ())

    @cached_property
    def _opening(self) -> tuple[Message, ...]:
        return _system(self.task.suite.prompt(self.contender.prompt))

    @cached_property
    def _opening_with_documents(self) -> tuple[Message, ...]:
        suite, name = self.task.suite, self.contender.prompt
        if name == "default" and "documents" in suite.prompts:
            return _system(suite.prompts["documents"])
        return _system(suite.prompt(name) or DEFAULT_DOCUMENTS)

    def _documents(self, queries: list[str]) -> Sequence[Sequence[Document]]:
        retrieve, suite = self.contender.retrieve, self.task.suite
        if retrieve is None or self.contender.technique == "golden":
            return [()] * len(queries)
        if not suite.documents:
            raise BadInput(
                f"{suite.folder}/suite.toml: contender {self.contender.name!r} retrieves, but the suite names no documents"
            )
        retriever = load_retriever(retrieve.retriever, load_documents(suite.path(suite.documents)))
        return retriever.find_many(queries, retrieve.k)

    def _gold(self, cases: Sequence[Case]) -> Sequence[Sequence[Document]]:
        """The documents that each case says hold its answer."""
        suite = self.task.suite
        known = {document.id: document for document in load_documents(suite.path(suite.documents or ""))}
        for case in cases:
            for name in case.documents:
                if name not in known:
                    raise BadInput(
                        f"{suite.path(suite.cases)}: case {case.id!r}: documents: no document {name!r} in "
                        f"{suite.path(suite.documents or '')}: {suggest(name, known)}"
                    )
        return [[known[name] for name in case.documents] for case in cases]

    def _shots(self, queries: list[str]) -> Sequence[Sequence[tuple[Message, Message]]]:
        count = self.contender.shots
        if not count:
            return [()] * len(queries)
        examples = self.examples
        if self.contender.technique == "golden" and self.contender.retrieve:
            numbered = [Document(id=str(i), text=pair[0]["content"]) for i, pair in enumerate(examples)]
            found = load_retriever(self.contender.retrieve.retriever, numbered).find_many(queries, count)
            # the likest example last, nearest to the question
            return [[examples[int(document.id)] for document in reversed(row)] for row in found]
        return [examples] * len(queries)

    @cached_property
    def examples(self) -> list[tuple[Message, Message]]:
        """(question, answer) of all that it may show: those that everybody is shown, or all that are looked among."""
        if not self.contender.shots:
            return []
        found = load_examples(self.task.suite)
        if self.contender.technique == "golden" and self.contender.retrieve:
            return found
        return random.Random(self.seed).sample(found, min(self.contender.shots, len(found)))


def _system(text: str) -> tuple[Message, ...]:
    return ({"role": "system", "content": text},) if text else ()


def examples_file(suite: Suite) -> str:
    """What is shown as examples: the golden set, or the training rows where none is named."""
    name = suite.golden or suite.train
    if name is None:
        raise BadInput(f"{suite.folder}/suite.toml: examples are asked for, but neither 'golden' nor 'train' is named")
    return name


def load_examples(suite: Suite) -> list[tuple[Message, Message]]:
    """(question, answer) of every golden example, or of every training row where no golden set is named; without those on
    the suite's skip list.

    Raises:
        BadInput: for a row that is no example, or when all are skipped.
    """
    path = suite.path(examples_file(suite))
    skip = load_skips(suite.path(suite.skip)) if suite.skip else Skips()
    found = [(_pair(values, where), values.get("intent")) for where, values in training_rows(path)]
    kept = [pair for pair, intent in found if not skip.has(pair[0]["content"], intent)]
    if found and not kept:
        raise BadInput(f"{path}: every example is on the skip list {suite.skip}: there is none to show")
    return kept


def _pair(values: dict[str, Any], where: str) -> tuple[Message, Message]:
    if isinstance(values.get("prompt"), str) and isinstance(values.get("completion"), str):
        return {"role": "user", "content": values["prompt"]}, {"role": "assistant", "content": values["completion"]}
    messages = [m for m in values.get("messages") or [] if isinstance(m, dict) and m.get("role") != "system"]
    if len(messages) < 2 or messages[-1].get("role") != "assistant" or messages[-2].get("role") != "user":
        raise BadInput(f"{where}: an example needs 'messages' that end with a user's and an assistant's")
    return messages[-2], messages[-1]


def final_answer(contender: Contender, text: str) -> str:
    """What is scored: the part after the last ``Answer:`` where the contender was told to think first."""
    return text.rpartition("Answer:")[2].strip() if contender.think else text
