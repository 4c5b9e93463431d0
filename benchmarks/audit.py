"""Does ``harness data check`` find what was planted, and nothing else, and how long does it take?

    python -m benchmarks.audit                       # recall, precision, alarms on templates, and 100,000 rows
    python -m benchmarks.audit --rows 0              # without the long run

Rows of made-up prose hold so many planted duplicates, near duplicates, contradictions, secrets and personal data of each kind, beside
look-alikes (dates, hashes, numbers with wrong check digits); rows of templates hold nothing planted. What the check says of each file is
held against what was planted, row by row. Times are CPU seconds of one process, memory is its peak.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import string
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.planted import leaks
from harness.check import Report, check
from harness.data.audit import finding
from harness.data.audit.private import FORMS
from harness.plural import plural

RESULTS = Path(__file__).parent / "results"
EACH = 200
"""Rows planted of each kind."""
LABELS = ("late", "broken", "return", "praise")
LENGTHS = (15, 25, 50, 100)
EDITS = (0.0, 0.05, 0.10, 0.20, 0.30)
LOOK_ALIKES = 2000
Row = dict[str, Any]


@dataclass
class Corpus:
    """Rows, and what was planted where: kind → numbers of rows, counted from 1."""

    rows: list[Row] = field(default_factory=list)
    planted: dict[str, set[int]] = field(default_factory=dict)

    def add(self, asked: str, answer: str, *kinds: str) -> None:
        self.rows.append({"prompt": asked, "completion": answer})
        for kind in kinds:
            self.planted.setdefault(kind, set()).add(len(self.rows))

    def write(self, path: Path) -> Path:
        path.write_text("".join(json.dumps(row) + "\n" for row in self.rows), encoding="utf-8")
        return path


def edited(rng: random.Random, text: str, share: float) -> str:
    """So many of its words changed, left out, doubled or misspelt, one at least."""
    words = text.split()
    for place in sorted(rng.sample(range(len(words)), max(1, round(share * len(words)))), reverse=True):
        way = rng.randrange(4)
        if way == 0:
            words[place] = rng.choice(leaks.LANGUAGE)
        elif way == 1:
            del words[place]
        elif way == 2:
            words.insert(place, rng.choice(leaks.LANGUAGE))
        else:
            spot = rng.randrange(len(words[place]))
            words[place] = words[place][:spot] + rng.choice(string.ascii_lowercase) + words[place][spot + 1 :]
    return " ".join(words)


def prose(rng: random.Random) -> Corpus:
    """Labelled prose with copies, edited copies and contradictions of some of its rows."""
    corpus = Corpus()
    texts = [leaks.prose(rng, length) for length in LENGTHS for _ in range(EACH * 2 * len(EDITS) + 2000)]
    rng.shuffle(texts)
    answers = [rng.choice(LABELS) for _ in texts]
    by_length: dict[int, list[int]] = {length: [] for length in LENGTHS}
    for number, text in enumerate(texts):
        corpus.add(text, answers[number])
        by_length[len(text.split())].append(number)
    for length, numbers in by_length.items():
        for share in EDITS:
            for other in (False, True):
                for _ in range(EACH):
                    number = numbers.pop()
                    text = edited(rng, texts[number], share) if share else f"  {texts[number].upper()} "
                    answer = rng.choice([x for x in LABELS if x != answers[number]]) if other else answers[number]
                    sort = "contradiction" if other else "duplicate"
                    how = f"{share:.0%} edited" if share else "exact"
                    corpus.add(text, answer, f"{sort}, {how}, {length} words")
    return corpus


def templates(rng: random.Random) -> dict[str, Corpus]:
    """Independent rows of one template each, their answers given by their slots; texts that came out the same twice are left out."""
    kinds: Mapping[str, tuple[Callable[[random.Random], str], Callable[[str], str]]] = {
        "notes, a label": (leaks.note, _label),
        "tickets, a label": (leaks.ticket, _label),
        "letters, a label": (leaks.letter, _label),
        "questions, a word": (leaks.question, _fact),
        "towns, a word": (leaks.town, _fact),
        "sums, a number": (leaks.sums, _number),
        "forms, a label": (leaks.form, _label),
    }
    made = {}
    for name, (write, answer) in kinds.items():
        corpus = Corpus()
        for text in dict.fromkeys(write(rng) for _ in range(2000)):
            corpus.add(text, answer(text))
        made[name] = corpus
    return made


def _label(text: str) -> str:
    """A label that the whole text decides: rows that differ in a slot may well differ in it."""
    return random.Random(text).choice(LABELS)


def _fact(text: str) -> str:
    return random.Random(text).choice(leaks.LANGUAGE)


def _number(text: str) -> str:
    return str(random.Random(text).randint(2, 999))


def _of(rng: random.Random, count: int, signs: str = string.ascii_letters + string.digits) -> str:
    return "".join(rng.choices(signs, k=count))


def _card(rng: random.Random, *, good: bool = True) -> str:
    digits = [4, *(rng.randrange(10) for _ in range(14))]
    total = sum(d if i % 2 else (2 * d - 9 * (d > 4)) for i, d in enumerate(digits))
    last = (-total) % 10 if good else (1 - total) % 10
    text = "".join(map(str, [*digits, last]))
    return rng.choice(
        (text, " ".join(text[i : i + 4] for i in range(0, 16, 4)), "-".join(text[i : i + 4] for i in range(0, 16, 4)))
    )


def _iban(rng: random.Random, *, good: bool = True) -> str:
    account = _of(rng, 18, string.digits)
    check = 98 - int(f"{account}131400") % 97
    text = f"DE{check if good else (check + 1) % 100:02d}{account}"
    return rng.choice((text, " ".join(text[i : i + 4] for i in range(0, 22, 4))))


def secrets(rng: random.Random) -> dict[str, Callable[[], str]]:
    """What makes one of each form."""
    base64 = string.ascii_letters + string.digits + "+/"
    return {
        "private key": lambda: f"-----BEGIN {rng.choice(('RSA ', 'EC ', '', 'OPENSSH '))}PRIVATE KEY-----\n{_of(rng, 300, base64)}\n-----END PRIVATE KEY-----",
        "AWS key": lambda: "AKIA" + _of(rng, 16, string.ascii_uppercase + "234567"),
        "Anthropic key": lambda: "sk-ant-api03-" + _of(rng, 90),
        "OpenAI key": lambda: rng.choice(("sk-", "sk-proj-")) + _of(rng, 48),
        "GitHub token": lambda: rng.choice(("ghp_", "gho_", "ghs_")) + _of(rng, 36),
        "GitLab token": lambda: "glpat-" + _of(rng, 20),
        "Slack token": lambda: f"xoxb-{_of(rng, 11, string.digits)}-{_of(rng, 24)}",
        "Google key": lambda: "AIza" + _of(rng, 35),
        "Hugging Face token": lambda: "hf_" + _of(rng, 34, string.ascii_letters),
        "Stripe key": lambda: "sk_live_" + _of(rng, 24),
        "npm token": lambda: "npm_" + _of(rng, 36),
        "PyPI token": lambda: "pypi-AgE" + _of(rng, 120),
        "SendGrid key": lambda: f"SG.{_of(rng, 22)}.{_of(rng, 43)}",
        "JSON web token": lambda: f"eyJ{_of(rng, 33)}.eyJ{_of(rng, 60)}.{_of(rng, 43)}",
        "Azure key": lambda: f"AccountKey={_of(rng, 86, base64)}==",
        "password in an address": lambda: f"postgres://{_of(rng, 6)}:{_of(rng, 12)}@db.example.org/main",
        "e-mail": lambda: f"{rng.choice(('ann', 'bo.lee', 'c-d', 'e_f+g'))}@{rng.choice(('example.org', 'mail.example.co.uk', 'x1.example.de'))}",
        "IBAN": lambda: _iban(rng),
        "card": lambda: _card(rng),
        "phone": lambda: rng.choice(("+49 {a} {b}", "+1-{c}-{d}-{e}", "({c}) {d}-{e}", "{c}-{d}-{e}", "+44{a}{b}")).format(a=rng.randint(20, 899), b=rng.randint(100000, 9999999), c=rng.randint(201, 989), d=rng.randint(201, 989), e=rng.randint(1000, 9999)),
    }  # fmt: skip


LOOKS: tuple[Callable[[random.Random], str], ...] = (
    lambda rng: str(uuid.UUID(int=rng.getrandbits(128))),
    lambda rng: f"{rng.getrandbits(160):040x}",
    lambda rng: f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d} {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}",
    lambda rng: _card(rng, good=False),
    lambda rng: _iban(rng, good=False),
    lambda rng: f"order {rng.randint(10**9, 10**12)}",
    lambda rng: f"version {rng.randint(1, 20)}.{rng.randint(0, 20)}.{rng.randint(0, 99)}, {rng.random():.17f}",
    lambda rng: f"https://example.org/{_of(rng, 24)}?id={rng.randint(10**6, 10**8)}",
    lambda rng: f"sk-{rng.choice(leaks.LANGUAGE)}-{rng.choice(leaks.LANGUAGE)}-{rng.choice(leaks.LANGUAGE)}-{rng.choice(leaks.LANGUAGE)}",
    lambda rng: f"@{rng.choice(leaks.LANGUAGE)} wrote at 12 @ 3 in {rng.choice(leaks.LANGUAGE)}@home",
    lambda rng: f"{rng.randint(100, 999)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)} {rng.randint(10, 99)} {rng.randint(10, 99)} {rng.randint(10, 99)} {rng.randint(10, 99)}",
)  # fmt: skip


def private(rng: random.Random) -> Corpus:
    """Prose with a key or personal data in it, and prose with what looks like it."""
    corpus = Corpus()
    for name, make in secrets(rng).items():
        for _ in range(EACH):
            corpus.add(_within(rng, make()), "ok", name)
    for number in range(LOOK_ALIKES):
        corpus.add(_within(rng, LOOKS[number % len(LOOKS)](rng)), "ok")
    return corpus


def _within(rng: random.Random, planted: str) -> str:
    words = leaks.prose(rng, 30).split()
    place = rng.randrange(len(words) + 1)
    return " ".join([*words[:place], planted, *words[place:]])


def said(report: Report, *names: str) -> Iterator[int]:
    """The numbers of the rows that findings of these names show."""
    for one in report.findings:
        if one.name in names:
            yield from (int(pair.second.where.rpartition(":")[2]) for pair in one.pairs)
            yield from (int(place.split(": ")[0].rpartition(":")[2]) for place in one.places)


def copies(folder: Path, rng: random.Random) -> list[dict[str, Any]]:
    """Recall of each kind, and precision of each finding."""
    corpus = prose(rng)
    (report,) = check([corpus.write(folder / "prose.jsonl")]).files
    rows = []
    for sort, names in (
        ("duplicate", ("duplicates", "near duplicates")),
        ("contradiction", ("contradictions", "near contradictions")),
    ):
        found = set(said(report, *names))
        planted = {kind: places for kind, places in corpus.planted.items() if kind.startswith(sort)}
        true = set().union(*planted.values())
        rows.append(
            {
                "kind": f"{sort}s",
                "precision": len(found & true) / len(found),
                "found": len(found),
                "rows": len(corpus.rows),
            }
        )
        rows += [
            {"kind": kind, "recall": len(found & places) / len(places), "planted": len(places)}
            for kind, places in planted.items()
        ]
    return rows


def alarms(folder: Path, rng: random.Random) -> list[dict[str, Any]]:
    """What is said of independent rows of a template."""
    rows = []
    for name, corpus in templates(rng).items():
        (report,) = check([corpus.write(folder / "templates.jsonl")]).files
        counts = {
            kind: len(set(said(report, kind))) / len(corpus.rows) for kind in ("near duplicates", "near contradictions")
        }
        rows.append({"kind": name, "rows": len(corpus.rows), **counts})
    return rows


def marks(folder: Path, rng: random.Random) -> list[dict[str, Any]]:
    """Recall of each form, precision of all together and in rows of look-alikes alone."""
    corpus = private(rng)
    (report,) = check([corpus.write(folder / "private.jsonl")]).files
    found = set(said(report, "secrets", "personal data"))
    named = Counter[str]()
    for one in report.findings:
        if one.name in ("secrets", "personal data"):
            for place in one.places:
                where, _, names = place.partition(": ")
                number = int(where.rpartition(":")[2])
                named.update(name for name in names.split(", ") if number in corpus.planted[name]) if number <= len(
                    FORMS
                ) * EACH else None
    true = set().union(*corpus.planted.values())
    rows = [{"kind": name, "recall": named[name] / EACH, "planted": EACH} for name in corpus.planted]
    return [
        {"kind": "all", "precision": len(found & true) / len(found), "found": len(found), "rows": len(corpus.rows)},
        *rows,
    ]


SPEED = """
import json, resource, sys, time
from pathlib import Path
from harness.check import Asked, check
from harness.experiment import Model
from harness.tokens import Tokens
tokens = Tokens(Model(id="embedded:tiny")) if sys.argv[2:] else None
begun, wall = time.process_time(), time.perf_counter()
report = check([Path(sys.argv[1])], Asked(tokens=tokens)).files[0]
near = [one.said.partition(" of ")[0] for one in report.findings if one.name == "near duplicates"]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps({"cpu": time.process_time() - begun, "wall": time.perf_counter() - wall, "mib": peak, "near": near[0] if near else "0"}))
"""


def speed(folder: Path, rng: random.Random, count: int) -> list[dict[str, Any]]:
    """Seconds and memory, each in a process of its own."""
    texts = [leaks.prose(rng, 50) for _ in range(max(count // 100, 1))]
    kinds: Mapping[str, Callable[[], tuple[str, str]]] = {
        "prose of 50 words": lambda: (leaks.prose(rng, 50), leaks.reply(rng)),
        "notes": lambda: (leaks.note(rng), leaks.reply(rng)),
        "a hundred edited copies of each text": lambda: (edited(rng, rng.choice(texts), 0.05), "We will look into it."),
    }
    rows = []
    for name, write in kinds.items():
        path = folder / "many.jsonl"
        with path.open("w", encoding="utf-8") as out:
            for _ in range(count):
                asked, answer = write()
                said = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
                out.write(json.dumps({"messages": said}) + "\n")
        for more in ([], ["tokens"]) if name == "notes" else ([],):
            ran = subprocess.run(
                [sys.executable, "-c", SPEED, str(path), *more], capture_output=True, text=True, check=True
            )
            told = name + (", in tokens too" if more else "")
            rows.append(
                {"kind": told, "rows": count, "bytes": path.stat().st_size, **json.loads(ran.stdout.splitlines()[-1])}
            )
    return rows


def table(title: str, rows: list[dict[str, Any]]) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    head = [f"| {' | '.join(keys)} |", f"|{'|'.join('---' if key == 'kind' else '---:' for key in keys)}|"]
    return "\n".join(
        [f"\n### {title}\n", *head, *(f"| {' | '.join(_cell(key, row.get(key)) for key in keys)} |" for row in rows)]
    )


def _cell(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key == "bytes":
        return f"{value / 1e6:.0f} MB"
    if key in ("cpu", "wall"):
        return f"{value:.1f} s"
    return f"{value:.1%}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the long run; 0 leaves it out")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    finding.SHOWN = 10**9  # every row that is found, not the first five
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {
            "Copies": copies(folder, random.Random(given.seed)),
            "Templates": alarms(folder, random.Random(given.seed + 1)),
            "Private": marks(folder, random.Random(given.seed + 2)),
        }
        if given.rows:
            found[f"{plural(given.rows, 'row')}"] = speed(folder, random.Random(given.seed + 3), given.rows)
    made = {
        "date": str(date.today()),
        "python": platform.python_version(),
        "datasketch": version("datasketch"),
        "seed": given.seed,
    }
    text = "\n".join(
        [
            f"{', '.join(f'{key} {value}' for key, value in made.items())}",
            *(table(title, rows) for title, rows in found.items()),
        ]
    )
    print(text)
    (RESULTS / "audit.json").write_text(json.dumps({**made, **found}, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "audit.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
