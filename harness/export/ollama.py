"""The merged model for Ollama, with a Modelfile that says the same template and the same stop tokens.

Exported models that write gibberish or never stop have lost one of the two. The template is a program in Jinja, and Ollama's
is another language; so what it does to each role is found out by rendering, written in Ollama's words, and held against the
model's own rendering of other conversations. A template that does more than that is refused.

    TEMPLATE \"\"\"{{- range .Messages }}{{ if eq .Role "user" }}<|im_start|>user
    {{ .Content }}<|im_end|>…
    PARAMETER stop \"\"\"<|im_end|>\"\"\"

What Ollama reads was looked up in its source (commit fb30760, August 2026): parser/parser.go, template/template.go,
convert/convert.go and convert/tokenizer.go.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.export import gguf, merged
from harness.export.trained import Trained
from harness.trial import Message

SYSTEM, USER, ANSWER, NEXT = "s3a8 system", "u1c7 user", "a9d2 answer", "n4b6 next"
QUOTES = '"""'
LEAST = 4096
"""Tokens of context: Ollama's default."""
KEPT = "\n\r\t"
"""Of what cannot be printed, what Ollama's reader of a Modelfile keeps."""
SPLITS = (
    "d98f9631be1e9607a9848c26c1f9eac1aa9fc21ac6ba82a2fc0741af9780a48f",
    "03df5c5863ad70781dcfdef491ead25140f895fe8010964be0daefe27be32b02",
    "21cde974d587f0d54dc8d56b183cc1e6239600172035c68fbd6d4b9f8da0576e",
    "1ff7f41064896984db5d1bb6ff64fa4bc29007d08c1b439e505b7392777a319e",
    "00431aed57e696b747435f734d1e3b9b1bfd931a121fb5cac7129e97c181e9ba",
    "b92c0824a58e1d8dc3221cf3e12c433c3a86f57e46d57229993489f0798e7702",
)
"""SHA-256 of the patterns by which tokenizers cut text before merging, that ``ollama create`` knows of a folder: Llama 3's, two of
DeepSeek's, two of Qwen's, Laguna's. Any other byte-level tokenizer becomes its default one."""


@dataclass(frozen=True, slots=True)
class Turns:
    """What a template writes around each role's words; ``unasked`` stands where there is no system prompt."""

    first_token: str
    unasked: str
    before_system: str
    after_system: str
    before_user: str
    after_user: str
    after_answer: str

    def render(self, messages: Sequence[Message]) -> str:
        """A conversation that ends with a user's words."""
        around = {
            "system": (self.before_system, self.after_system),
            "user": (self.before_user, self.after_user),
            "assistant": ("", self.after_answer),
        }
        said = "".join(
            before + message["content"] + after for message in messages for before, after in [around[message["role"]]]
        )
        return self.first_token + ("" if messages[0]["role"] == "system" else self.unasked) + said

    def template(self) -> str:
        """The same in Ollama's language, which writes the first token of a text itself."""
        return (
            f"{{{{- if .System }}}}{self.before_system}{{{{ .System }}}}{self.after_system}{{{{ else }}}}{self.unasked}{{{{ end }}}}"
            '{{- range .Messages }}{{ if eq .Role "user" }}'
            f"{self.before_user}{{{{ .Content }}}}{self.after_user}"
            '{{ else if eq .Role "assistant" }}'
            f"{{{{ .Content }}}}{self.after_answer}"
            "{{ end }}{{ end }}"
        )


def write(trained: Sequence[Trained], folder: Path, options: dict[str, Any]) -> list[str]:
    """``model/`` and ``Modelfile``; with llama.cpp at hand ``model.gguf`` in the place of the folder.

    Raises:
        BadInput: when the template does what Ollama's cannot say, or a Modelfile would lose characters.
    """
    from harness.models.chat import load_chat
    from harness.models.weights import locate, revision

    (one,) = trained
    model = one.job.model
    chat = load_chat(locate(model), revision=revision(model), trust_remote_code=model.trust_remote_code)
    turns = find_turns(chat, one.name)
    stops = sorted(chat.tokenizer.decode([token]) for token in chat.stops)
    system = one.task.suite.prompt(one.job.recipe.prompt)
    source = "./model" if options.get("llama_cpp") is None else "./model.gguf"
    try:
        text = modelfile(turns, stops, system, context=_context(one, chat), source=source)
    except ValueError as error:
        raise BadInput(f"{one.name}: {error}") from error
    said = _weights(trained, folder, options)
    (folder / "Modelfile").write_text(text, encoding="utf-8")
    return [*said, f"next: ollama create {one.name.replace('@', '-')} -f Modelfile"]


def _weights(trained: Sequence[Trained], folder: Path, options: dict[str, Any]) -> list[str]:
    """The merged model, as one file where llama.cpp's converter is named."""
    if options.get("llama_cpp") is not None:
        return gguf.write(trained, folder, options)
    (folder / "model").mkdir()
    said = merged.write(trained, folder / "model", options)
    if not knows_split(folder / "model"):
        said.append(
            "ollama create does not know by which pattern this tokenizer cuts text, and takes its default without a word: name llama.cpp "
            "(--llama-cpp DIR), whose converter refuses what it does not know, or hold its answers against these (harness export check)"
        )
    return said


def knows_split(model: Path) -> bool:
    """Whether ``ollama create`` reads the tokenizer of a folder as it is: SentencePiece's, or one cut by a pattern that it knows."""
    if (model / merged.SENTENCEPIECE).is_file():
        return True
    declared = json.loads((model / "tokenizer.json").read_text(encoding="utf-8")).get("pre_tokenizer") or {}
    parts = declared.get("pretokenizers", [])
    patterns = [part["pattern"].get("Regex", "") for part in parts if part["type"] == "Split"]
    return hashlib.sha256("".join(patterns).encode()).hexdigest() in SPLITS


def _context(one: Trained, chat: Any) -> int:
    """Room for the longest of the suite's prompts with its answer, of which Ollama's own default would cut off the beginning
    without a word; no more than the model has.
    """
    from transformers import AutoConfig

    from harness.models.base import window
    from harness.models.weights import locate, revision

    model, trials = one.job.model, merged.compared(one)
    longest = max(map(len, chat.prompts([trial.messages for trial in trials]))) + trials[0].max_new_tokens
    config = AutoConfig.from_pretrained(
        locate(model), revision=revision(model) or "main", trust_remote_code=model.trust_remote_code
    )
    return min(window(config, chat.tokenizer), max(LEAST, 1 << (longest - 1).bit_length()))


def modelfile(turns: Turns, stops: Sequence[str], system: str, *, context: int, source: str = "./model") -> str:
    """Greedy, as it was evaluated, with the system prompt that it was trained with.

    Raises:
        ValueError: for a text that Ollama would read as another.
    """
    lines = [f"FROM {source}", f"TEMPLATE {_quoted(turns.template(), 'the template')}", "PARAMETER temperature 0"]
    lines.append(f"PARAMETER num_ctx {context}")
    lines += [f"PARAMETER stop {_quoted(stop, 'a stop token')}" for stop in stops]
    if system:
        lines.append(f"SYSTEM {_quoted(system, 'the system prompt')}")
    return "\n".join(lines) + "\n"


def _quoted(text: str, what: str) -> str:
    """As a Modelfile has it: between three quotation marks, with no way to escape a character."""
    if QUOTES in text:
        raise ValueError(
            f"{what} has three quotation marks together, which end a text in a Modelfile: write it without them"
        )
    lost = sorted({char for char in text if not char.isprintable() and char not in KEPT})
    if lost:
        named = ", ".join(f"U+{ord(char):04X}" for char in lost)
        raise ValueError(
            f"{what} has {named}, which Ollama's reader of a Modelfile drops: write it without, or export gguf"
        )
    return f"{QUOTES}{text}{QUOTES}"


def find_turns(chat: Any, named: str) -> Turns:
    """What the model's own template writes around each role.

    Raises:
        BadInput: when it does more than that.
    """
    try:
        turns = _read(chat)
    except ValueError as error:
        raise BadInput(
            f"{named}: the chat template cannot be said in Ollama's language ({error}): export merged"
        ) from error
    for conversation in _CONVERSATIONS:
        if turns.render(conversation) != chat.render(conversation):
            raise BadInput(
                f"{named}: the chat template treats a conversation of {len(conversation)} messages in a way that Ollama's "
                "language cannot say: export it as merged, and serve it with vLLM"
            )
    return turns


def _said(role: str, content: str) -> Message:
    return {"role": role, "content": content}


_CONVERSATIONS: tuple[tuple[Message, ...], ...] = (
    (_said("user", "Where is Mira?"),),
    (_said("system", "Be brief."), _said("user", "Where is Mira?")),
    (_said("user", "Hello"), _said("assistant", "Good day"), _said("user", "Where is\n\nMira?")),
    (
        _said("system", "Be brief."),
        *(_said("user", "One"), _said("assistant", "Two")) * 2,
        _said("user", "Three"),
    ),
)


def _read(chat: Any) -> Turns:
    alone, with_system, twice = (
        chat.render(messages)
        for messages in (
            [_said("user", USER)],
            [_said("system", SYSTEM), _said("user", USER)],
            [_said("user", USER), _said("assistant", ANSWER), _said("user", NEXT)],
        )
    )
    first, after_user = _split(alone, USER)
    _, rest = _split(twice, USER)
    _, rest = _split(rest, ANSWER)
    between, _ = _split(rest, NEXT)
    before_user = _common_end(first, between)
    start, rest = _split(with_system, SYSTEM)
    middle, _ = _split(rest, USER)
    if not middle.endswith(before_user):
        raise ValueError("the system's words change what is written around the user's")
    token = chat.tokenizer.bos_token or ""
    first_token = token if alone.startswith(token) else ""
    turns = Turns(
        first_token=first_token,
        unasked=first.removesuffix(before_user).removeprefix(first_token),
        before_system=start.removeprefix(first_token),
        after_system=middle.removesuffix(before_user),
        before_user=before_user,
        after_user=after_user,
        after_answer=between.removesuffix(before_user),
    )
    if any("{{" in part or QUOTES in part for part in astuple(turns)):
        raise ValueError("it writes what would be read as a command there")
    return turns


def _common_end(one: str, other: str) -> str:
    same = takewhile(lambda pair: pair[0] == pair[1], zip(reversed(one), reversed(other), strict=False))
    return one[len(one) - sum(1 for _ in same) :]


def _split(text: str, mark: str) -> tuple[str, str]:
    before, found, after = text.partition(mark)
    if not found:
        raise ValueError("it does not write what it is given")
    return before, after
