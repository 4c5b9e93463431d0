"""Who judged, what the contenders run on, and who wrote their training data: models grade their own family's answers kindly.

    [kinship]
    judges = ["openai:gpt-5-mini"]
    models = ["Qwen/Qwen3-8B"]
    teachers = { sft = ["openai:gpt-5"] }

Rows do not say it: a policy does, and an experiment knows it (`harness.evidence`). That models prefer their own answers is
measured in Panickssery, Bowman and Feng 2024 (arXiv:2404.13076), and that they prefer their family's in Spiliopoulou et al.
2025 (arXiv:2508.06709).

A family is read from the words of a model's name (``FAMILIES``): ``openai:gpt-5``, ``anthropic:claude-opus-5``,
``org/Llama-3.1-8B-GPTQ``, a path. A model may be of two: ``DeepSeek-R1-Distill-Qwen-7B`` learnt from one and is made of the
other. Where the name does not say it, or says it wrongly, ``{ id = "acme-7b", family = "acme" }`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import Field

from harness.declaration import Declaration

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "claude": ("claude", "anthropic"),
    "command": ("command", "aya", "cohere", "cohereforai", "c4ai"),
    "deepseek": ("deepseek",),
    "embedded": ("embedded",),
    "ernie": ("ernie",),
    "exaone": ("exaone",),
    "falcon": ("falcon",),
    "gemini": ("gemini", "gemma", "codegemma", "medgemma", "paligemma", "shieldgemma", "palm"),
    "glm": ("glm", "chatglm"),
    "gpt": ("gpt", "chatgpt", "codex", "davinci", "o1", "o3", "o4"),
    "granite": ("granite",),
    "grok": ("grok",),
    "hunyuan": ("hunyuan",),
    "internlm": ("internlm",),
    "jamba": ("jamba",),
    "kimi": ("kimi", "moonshot", "moonshotai", "moonlight"),
    "llama": ("llama", "codellama", "alpaca", "vicuna"),
    "minimax": ("minimax", "minimaxai"),
    "mistral": (
        *("mistral", "mistralai", "mixtral", "ministral", "magistral", "mathstral"),
        *("codestral", "devstral", "pixtral", "voxtral", "zephyr"),
    ),
    "nemotron": ("nemotron",),
    "nova": ("nova",),
    "olmo": ("olmo", "olmoe"),
    "phi": ("phi",),
    "qwen": ("qwen", "codeqwen", "qwq", "qvq"),
    "smollm": ("smollm",),
    "yi": ("yi",),
}
"""Family → words of names that are of it. A word counts alone or before a figure (``qwen3``, ``gpt4o``), never inside another
(``gptq``, ``dolphin``)."""

FAMILY_OF = {word: family for family, some in FAMILIES.items() for word in some}
PROTOCOL = re.compile(r"^(openai:|anthropic:(?=.*@https?://))|@https?://.*$")
"""How a model is reached, which says nothing about it: any server may speak OpenAI's protocol, or be at an address."""


class Kin(Declaration):
    """A model, and its family where the name does not say it."""

    id: str = Field(min_length=1)
    family: str | None = Field(default=None, min_length=1)

    @property
    def families(self) -> frozenset[str]:
        """What it is of; empty when that cannot be told."""
        return frozenset({self.family.casefold()}) if self.family else families(self.id)

    def like(self, other: Kin) -> frozenset[str]:
        """The families that both are of; of two models of one name, that name."""
        same = frozenset({self.id}) if self.id.casefold() == other.id.casefold() else frozenset()
        return self.families & other.families or same


class Kinship(Declaration):
    """``judges`` graded what rows call ``judge``; every contender runs on one of ``models``; ``teachers`` wrote a contender's
    training data. All may be left out: then nothing can be told.
    """

    judges: tuple[str | Kin, ...] = ()
    models: tuple[str | Kin, ...] = ()
    teachers: Mapping[str, tuple[str | Kin, ...]] = Field(default_factory=dict)

    @property
    def jury(self) -> tuple[Kin, ...]:
        """Each judge."""
        return tuple(map(_kin, self.judges))

    def behind(self, contenders: Mapping[str, bool]) -> Iterator[tuple[Kin, str]]:
        """(model, what it is to them) of all that the contenders owe their answers to; ``contenders`` says which are tuned.

        On a guard, ``sft@triage`` is the ``sft`` that was trained for ``triage``.
        """
        for model in self.models:
            yield _kin(model), "is what the contenders run on"
        for name in sorted(contenders):
            known = name if name in self.teachers else name.partition("@")[0]
            for teacher in self.teachers.get(known, ()) if contenders[name] else ():
                yield _kin(teacher), f"wrote the training data of {known}"

    def joined(self, other: Kinship) -> Kinship:
        """What both say."""
        names = {**self.teachers, **other.teachers}
        teachers = {name: (*self.teachers.get(name, ()), *other.teachers.get(name, ())) for name in names}
        return Kinship(judges=(*self.judges, *other.judges), models=(*self.models, *other.models), teachers=teachers)


def families(name: str) -> frozenset[str]:
    """The families that a model's name speaks of; empty when it speaks of none.

    >>> sorted(families("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B")), sorted(families("openai:mine@http://localhost/v1"))
    (['deepseek', 'qwen'], [])
    """
    words = re.findall(r"[a-z0-9]+", PROTOCOL.sub("", name.casefold()))
    said = {part for word in words for part in (word, re.split(r"\d", word, maxsplit=1)[0])}
    return frozenset(FAMILY_OF[word] for word in said if word in FAMILY_OF)


def _kin(said: str | Kin) -> Kin:
    return said if isinstance(said, Kin) else Kin(id=said)
