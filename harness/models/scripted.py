"""A model that answers by script: the double for tests, the demonstration of the API, the floor of a comparison.

    scripted:echo              says the user's last message back
    scripted:constant=TEXT     always says TEXT
    scripted:answers.jsonl     {"input": "My parcel …", "text": "{…}"} a line: the answer to prompts that ask this input
    scripted:judge.py:strict   what the function ``strict`` of that file makes of a trial: a model, or a judge, by rules

    >>> model = Scripted(lambda trial: trial.messages[-1]["content"].upper())
    >>> next(model.generate([trial]))[0].text
    'WHAT IS THE CAPITAL OF FRANCE?'

A path is taken from the folder where the command runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness.declaration import read_jsonl
from harness.errors import BadInput, suggest
from harness.experiment import Model
from harness.fingerprint import fingerprint, fingerprint_files
from harness.module import function_of, run
from harness.trial import Generation, Message, Trial

Script = Callable[[Trial], str]

BATCH = 8192


class Scripted:
    """Answers every trial with ``function(trial)``; an exception becomes an error row. Tokens are words.

    Args:
        function: What is said.
        name: Decides the identity too: two functions of one name share their answers in a store.
    """

    context: int | None = None

    def __init__(self, function: Script, *, name: str = "scripted:function", hash: str | None = None) -> None:
        self._function = function
        self.name = name
        self.hash = hash or fingerprint("scripted", name)

    def count(self, messages: Sequence[Message]) -> int:
        return sum([len(message["content"].split()) for message in messages])

    def generate(self, trials: Sequence[Trial]) -> Iterator[list[Generation]]:
        for start in range(0, len(trials), BATCH):
            yield [self._answer(trial) for trial in trials[start : start + BATCH]]

    def close(self) -> None:
        pass

    def _answer(self, trial: Trial) -> Generation:
        try:
            text = self._function(trial)
        except Exception as error:
            return Generation(trial.id, error=f"{type(error).__name__}: {error}")
        return Generation(
            trial.id,
            text=text,
            prompt_tokens=self.count(trial.messages),
            output_tokens=len(text.split()),
            seconds=0.0,
            finish="choice" if trial.choices else "stop",
        )


def load(model: Model, *, home: Path) -> Scripted:
    """The scripted model that an id names.

    Raises:
        BadInput: for an unknown script or a broken line of a file.
    """
    return Scripted(_script(model.id), name=model.id, hash=identity(model))


def identity(model: Model) -> str:
    """Fingerprint of the script; of a file, its content."""
    path, function = _path(model.id)
    return fingerprint("scripted", fingerprint_files(path), function) if path else fingerprint("scripted", model.id)


def _path(name: str) -> tuple[Path | None, str]:
    """The file that an id names, and the function in it where it is a program."""
    script = name.partition(":")[2]
    program, _, function = script.rpartition(":")
    if script.startswith("constant=") or not (script.endswith(".jsonl") or program.endswith(".py")):
        return None, ""
    path, function = (Path(program), function) if program.endswith(".py") else (Path(script), "")
    if not path.is_file():
        raise BadInput(f"model {name!r}: no such file: {path.absolute()}")
    return path, function


def _script(name: str) -> Script:
    path, function = _path(name)
    if path and function:
        return function_of(run(path), function, called=path.name)
    if path:
        return _Answers(path)
    script = name.partition(":")[2]
    if script == "echo":
        return _last
    if script.startswith("constant="):
        return lambda trial: script.removeprefix("constant=")
    raise BadInput(
        f"model {name!r}: unknown script: {suggest(script, ['echo', 'constant=TEXT', 'PATH.jsonl', 'PATH.py:FUNCTION'])}"
    )


def _last(trial: Trial) -> str:
    for message in reversed(trial.messages):
        if message["role"] == "user":
            return message["content"]
    return ""


class _Answers:
    """Answers by input. A prompt asks the input that ends last in its last message, the longest of those."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: dict[str, str] = {}
        for number, values in read_jsonl(path):
            given, text = values.get("input"), values.get("text")
            if not isinstance(given, str) or not given or not isinstance(text, str):
                raise BadInput(f"{path}:{number}: every line needs strings 'input' and 'text'")
            if self._texts.setdefault(given, text) != text:
                raise BadInput(f"{path}:{number}: another answer to the same input stands above")

    def __call__(self, trial: Trial) -> str:
        asked = _last(trial)
        if asked in self._texts:
            return self._texts[asked]
        found = [(asked.rfind(given) + len(given), len(given), given) for given in self._texts if given in asked]
        if not found:
            raise LookupError(f"{self._path} has no answer to {asked[-60:]!r}")
        return self._texts[max(found)[2]]
