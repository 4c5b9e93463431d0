"""Draws the shipped suites from the embedded model's world: held-out names, values, labels and styles.

    python -m harness.embedded.suites suites

Only the data files are written (cases, training rows, preferences, documents); declarations are written by hand. The
draws share the world's towns and phrases with pretraining, never its random stream.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from harness.embedded.lexicon import ACTIONS, LETTERS, QUESTIONS, TOWN_QUESTIONS, TOWN_VALUES
from harness.embedded.world import Ticket, World, capitalised

Row = dict[str, Any]

SEED = 20_261
REPLAYED = 40
"""Towns whose facts may be replayed in training."""
SCHEME = {
    "billing": ("velor", "R2"),
    "delivery": ("dunak", "R2"),
    "damage": ("brisol", "R3"),
    "login": ("kemun", "R1"),
    "noise": ("brisol", "R4"),
    "leak": ("kemun", "R3"),
    "heat": ("velor", "R1"),
    "manual": ("trapis", "R4"),
    "parts": ("dunak", "R3"),
    "praise": ("trapis", "R2"),
}
"""The house's scheme: kind of ticket to desk and rank. Nothing in a note names either."""
EXTRACTED = ("name", "order", "town")
HOUSE = "{Action}, {name}. Your {product} matters to us. Orrin and Vale"
CHATTY = "Dear {name}, what a day for your {product}! {Action}. We hope you smile again soon. Goodbye"


def case(number: int, name: str, split: str, asked: str, reference: str, **more: Any) -> Row:
    return {"id": f"{name}-{number:04d}", "split": split, "input": asked, "reference": reference, **more}


def lesson(asked: str, answer: str) -> Row:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}


def splits(dev: int, test: int) -> list[str]:
    return ["dev"] * dev + ["test"] * test


def triage(world: World, rng: random.Random) -> dict[str, Iterable[Row]]:
    """Notes labelled by a house scheme that no instruction names."""

    def pair() -> tuple[str, str]:
        note = world.note(rng)
        desk, rank = SCHEME[note.kind]
        return note.text, json.dumps({"desk": desk, "rank": rank})

    return {
        "cases.jsonl": [case(i, "triage", s, *pair()) for i, s in enumerate(splits(80, 300), 1)],
        "train.jsonl": [lesson(*pair()) for _ in range(360)],
    }


def handbook(world: World, rng: random.Random) -> dict[str, Iterable[Row]]:
    """Questions about pages; the lessons ask about pages that no case asks about."""
    pages: list[tuple[str, str, str, dict[str, str]]] = []
    seen: set[str] = set()
    while len(pages) < 220:
        ((entity, text, values),) = world.pages(rng, 1)
        if entity not in seen:
            seen.add(entity)
            pages.append((f"page-{len(pages) + 1:03d}", entity, text, values))
    asked, taught = pages[:160], pages[160:]

    def questions(chosen: list[tuple[str, str, str, dict[str, str]]]) -> list[tuple[str, str, str]]:
        drawn = [
            (page, rng.choice(QUESTIONS[attribute]).format(e=entity), value)
            for page, entity, _, values in chosen
            for attribute, value in values.items()
        ]
        rng.shuffle(drawn)
        return drawn

    dev, test = questions(asked[:40])[:80], questions(asked[40:])[:220]
    marked = [("dev", q) for q in dev] + [("test", q) for q in test]
    return {
        "cases.jsonl": [
            case(i, "handbook", s, q, a, cluster=page, documents=[page])
            for i, (s, (page, q, a)) in enumerate(marked, 1)
        ],
        "train.jsonl": [lesson(q, a) for _, q, a in questions(taught)],
        "documents.jsonl": [{"id": page, "text": text} for page, _, text, _ in asked],
    }


def extract(world: World, rng: random.Random) -> dict[str, Iterable[Row]]:
    """Fields of a ticket as JSON: the model knows how, once it is told which."""

    def pair() -> tuple[str, str]:
        ticket = world.ticket(rng)
        return ticket.text, json.dumps({key: ticket.fields[key] for key in EXTRACTED})

    return {
        "cases.jsonl": [case(i, "extract", s, *pair()) for i, s in enumerate(splits(80, 300), 1)],
        "train.jsonl": [lesson(*pair()) for _ in range(200)],
    }


def styled(style: str, note: Ticket) -> str:
    action = ACTIONS[note.kind]
    return style.format(Action=capitalised(action), action=action, **note.fields)


def reply(world: World, rng: random.Random) -> dict[str, Iterable[Row]]:
    """Replies in a house style; the logged replies to learn from are mostly in another, the preferences say which is better."""

    def note() -> Ticket:
        return world.note(rng)

    def logged() -> Row:
        written = note()
        return lesson(written.text, styled(HOUSE if rng.random() < 0.35 else CHATTY, written))

    def preference() -> Row:
        asked = note()
        return {"prompt": asked.text, "chosen": styled(HOUSE, asked), "rejected": styled(CHATTY, asked)}

    def answered(number: int, split: str) -> Row:
        asked = note()
        return case(number, "reply", split, asked.text, styled(HOUSE, asked))

    return {
        "cases.jsonl": [answered(i, s) for i, s in enumerate(splits(60, 240), 1)],
        "train.jsonl": [logged() for _ in range(320)],
        "preferences.jsonl": [preference() for _ in range(240)],
    }


def coin(world: World, rng: random.Random) -> dict[str, Iterable[Row]]:
    """A label that nothing in the input predicts."""

    def pair() -> tuple[str, str]:
        return world.note(rng).text, rng.choice(("yes", "no"))

    return {
        "cases.jsonl": [case(i, "coin", s, *pair()) for i, s in enumerate(splits(80, 600), 1)],
        "train.jsonl": [lesson(*pair()) for _ in range(200)],
    }


def general(world: World, rng: random.Random) -> dict[str, Iterable[Row]]:
    """One four-choice question for every fact about the towns that no replay names."""

    def asked(number: int, town: str, relation: str, right: str) -> Row:
        choices = rng.sample([v for v in TOWN_VALUES[relation] if v != right], len(LETTERS) - 1)
        choices.insert(rng.randrange(len(LETTERS)), right)
        question = rng.choice(TOWN_QUESTIONS[relation]).format(t=town)
        return case(number, "general", "test", question, right, choices=choices, cluster=town)

    facts = (
        (town, relation, right) for (town, relation), right in world.facts.items() if town in world.towns[REPLAYED:]
    )
    return {"cases.jsonl": [asked(i, *fact) for i, fact in enumerate(facts, 1)]}


def replay(world: World, rng: random.Random) -> list[Row]:
    """Short general chat to mix into training: what keeps a candidate from forgetting.

    Three quarters ask about towns, the first ``REPLAYED`` of them; the guard asks about the others alone.
    """
    known = [(town, relation) for town in world.towns[:REPLAYED] for relation in TOWN_VALUES]
    drawn = (world.question_about_town(rng, rng.choice(known)) if i % 4 else world.kind_named(rng) for i in range(600))
    return [{"messages": list(draw.messages)} for draw in drawn]


SUITES: dict[str, Callable[[World, random.Random], dict[str, Iterable[Row]]]] = {
    "triage": triage,
    "handbook": handbook,
    "extract": extract,
    "reply": reply,
    "coin": coin,
    "general": general,
}


def write(path: Path, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_suites(out: Path, seed: int = SEED) -> None:
    """Write the data files of every shipped suite, and the replay rows, below ``out``."""
    world = World()
    for number, (name, draw) in enumerate(SUITES.items()):
        for file, rows in draw(world, random.Random(seed + number)).items():
            write(out / name / file, rows)
    write(out / "replay.jsonl", replay(world, random.Random(seed + len(SUITES))))


if __name__ == "__main__":
    write_suites(Path(sys.argv[1]))
