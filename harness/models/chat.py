"""From chat messages to token ids, by the model's own chat template; the same for answering and for training.

    <|im_start|>user\nWhere is Mira?<|im_end|>\n<|im_start|>assistant\n          prompt
    In the lighthouse<|im_end|>                                              completion, ends with a stop token

A tokenizer without a template gets a plain rendering, ``User: …\nAssistant:``, and what it writes is cut where the next
``User:`` begins. A template that knows no system role (Gemma's) gets the system's words before the first user's.
Reasoning templates are asked not to think: what a contender may think is said in its prompt, alike for all models.

What is said to a model is text and no token of its template: ``<|im_end|>`` in a document, or in an answer that a judge is to
grade, becomes ``< |im_end|>``, which ends no turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.trial import Message

ENDS_OF_TURN = ("<|im_end|>", "<|eot_id|>", "<|end_of_turn|>", "<end_of_turn>", "<|end|>", "<turn|>")
"""Tokens with which templates end an assistant's turn, which not every ``generation_config`` names."""
NAMES = {"system": "System", "user": "User", "assistant": "Assistant"}
NEXT_TURN = "\nUser:"
PROBE = "8d1f probe"


class Chat:
    """Renders messages for one tokenizer. ``stops`` are the token ids that end an answer."""

    def __init__(self, tokenizer: Any, *, stops: Iterable[int] = ()) -> None:
        self.tokenizer = tokenizer
        self.templated = bool(getattr(tokenizer, "chat_template", None))
        self.stops = frozenset(stops) | _ends(tokenizer)
        self._special = _special(tokenizer)
        self._merges_system = self.templated and not self._knows_system()

    @property
    def special(self) -> tuple[str, ...]:
        """Texts that are one token of the tokenizer's own, and no text in what is said."""
        return self._special

    @property
    def ends(self) -> bool:
        """Whether the template itself ends an answer with a stop token."""
        asked: list[Message] = [{"role": "user", "content": PROBE}]
        prompt = self.render(asked)
        whole = self._template([*asked, {"role": "assistant", "content": PROBE}], prompt=False)
        ids: list[int] = self.tokenizer(whole.removeprefix(prompt), add_special_tokens=False)["input_ids"]
        return any(token in self.stops for token in ids)

    @property
    def pad(self) -> int:
        """The id that fills up a batch; it is masked, so that any will do."""
        pad = self.tokenizer.pad_token_id
        return int(pad) if pad is not None else min(self.stops, default=0)

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt's text, up to where the assistant's answer begins.

        Raises:
            BadInput: when the template refuses the messages.
        """
        said = [self._disarmed(message) for message in messages]
        if not self.templated:
            return "".join(_line(message) for message in said) + "Assistant:"
        return self._template(self._merged(said), prompt=True)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of rendered prompts. A template writes its own first token, plain text gets the tokenizer's."""
        if not texts:
            return []
        ids: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return ids if self.templated else [self._first_token + row for row in ids]

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts that are no chat, as the tokenizer gives them: lm-eval's way."""
        ids: list[list[int]] = self.tokenizer(list(texts))["input_ids"] if texts else []
        return ids

    def prompts(self, conversations: Sequence[Sequence[Message]]) -> list[list[int]]:
        """Token ids of conversations that the assistant is to go on with."""
        return self.encode([self.render(messages) for messages in conversations])

    def example(self, messages: Sequence[Message], answer: str) -> tuple[list[int], list[int]]:
        """(prompt ids, completion ids) of one answer, as training sees them: tokenised apart, as when generating, and
        the completion ends with the stop token, whatever the template writes after it.
        """
        prompt = self.render(messages)
        if self.templated:
            answered = [*map(self._disarmed, messages), {"role": "assistant", "content": answer}]
            whole = self._template(self._merged(answered), prompt=False)
            rest = whole.removeprefix(prompt) if whole.startswith(prompt) else answer
        else:
            rest = f" {answer}"
        completion: list[int] = self.tokenizer(rest, add_special_tokens=False)["input_ids"]
        return self.encode([prompt])[0], self._ended(completion)

    def passage(self, text: str) -> tuple[list[int], list[int]]:
        """(first token, ids) of a text whose likelihood is read: what stands before it is the tokenizer's first token or, where it
        has none, its last, as in lm-eval.
        """
        first = self.tokenizer.bos_token_id if self.tokenizer.bos_token_id is not None else self.tokenizer.eos_token_id
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [self.pad if first is None else int(first)], ids

    def decode(self, ids: Sequence[int]) -> str:
        """An answer's text without special tokens."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text if self.templated else text.partition(NEXT_TURN)[0].strip()

    def _ended(self, completion: list[int]) -> list[int]:
        """Up to the last stop token; one is added where the template writes none."""
        last = max((i for i, token in enumerate(completion) if token in self.stops), default=None)
        if last is not None:
            return completion[: last + 1]
        end = self.tokenizer.eos_token_id
        return completion if end is None else [*completion, int(end)]

    @property
    def _first_token(self) -> list[int]:
        first = self.tokenizer.bos_token_id
        return [int(first)] if first is not None and first in self.tokenizer("")["input_ids"] else []

    def _template(self, messages: Sequence[Message], *, prompt: bool) -> str:
        import jinja2

        try:
            text: str = self.tokenizer.apply_chat_template(
                [dict(m) for m in messages], tokenize=False, add_generation_prompt=prompt, enable_thinking=False
            )
        except (jinja2.TemplateError, ValueError, TypeError) as error:
            roles = [message["role"] for message in messages]
            raise BadInput(f"the model's chat template refuses messages with the roles {roles}: {error}") from error
        return text

    def _disarmed(self, message: Message) -> Message:
        """The message without special tokens, which are the template's to write."""
        content = message["content"]
        for token in self._special:
            if token in content:
                content = content.replace(token, f"{token[0]} {token[1:]}")
        return {**message, "content": content}

    def _knows_system(self) -> bool:
        try:
            text = self._template([{"role": "system", "content": PROBE}, {"role": "user", "content": "x"}], prompt=True)
        except BadInput:
            return False
        return PROBE in text

    def _merged(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages, the system's words put before the first user's where the template knows no system."""
        if not self._merges_system or not messages or messages[0]["role"] != "system":
            return messages
        system, first, *others = [*messages, {"role": "user", "content": ""}] if len(messages) == 1 else messages
        return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *others]


def load_chat(source: Path | str, *, revision: str | None = None, trust_remote_code: bool = False) -> Chat:
    """The chat of a model's folder or Hub id, without its weights.

    Raises:
        BadInput: when there is no tokenizer that ``transformers`` reads.
    """
    from transformers import AutoTokenizer, GenerationConfig

    options = {"revision": revision or "main", "trust_remote_code": trust_remote_code}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
    except (OSError, ValueError, ImportError) as error:
        raise BadInput(f"model {str(source)!r}: its tokenizer cannot be read: {error}") from error
    try:
        ends = GenerationConfig.from_pretrained(source, revision=revision or "main").eos_token_id
    except OSError:
        ends = None
    return Chat(tokenizer, stops=ends if isinstance(ends, list) else [] if ends is None else [ends])


def _ends(tokenizer: Any) -> frozenset[int]:
    vocabulary = tokenizer.get_vocab()
    ends = {vocabulary[token] for token in ENDS_OF_TURN if token in vocabulary}
    return frozenset(ends if tokenizer.eos_token_id is None else ends | {tokenizer.eos_token_id})


def _special(tokenizer: Any) -> tuple[str, ...]:
    """Texts that the tokenizer reads as one special token wherever they stand."""
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    named = {*getattr(tokenizer, "all_special_tokens", ()), *(token.content for token in added if token.special)}
    return tuple(sorted(token for token in named if len(token) > 1))


def _line(message: Message) -> str:
    return f"{NAMES.get(message['role'], message['role'].title())}: {message['content']}\n"
