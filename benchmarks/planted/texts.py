"""Texts to plant leaks in: prose of made-up words and templates with few or many values in their slots, and what is done to copies.

said = ticket(random.Random(1))
disguised(edited(said, 0.1, rng), rng)               # a word in ten replaced, put in or left out; in other case, say
"""

from __future__ import annotations

import random
import unicodedata

from harness.embedded.lexicon import ACTIONS, DAYS, FORENAMES, MACHINES, QUESTIONS, STYLES
from harness.embedded.world import World, capitalised, word

WORLD = World()
VOCABULARY = 20_000


def prose(rng: random.Random, length: int) -> str:
    """Sentences of made-up words, as frequent as Zipf says: the k-th of 20,000 words in proportion to 1/k."""
    said = [LANGUAGE[min(int(VOCABULARY ** rng.random()), VOCABULARY - 1)] for _ in range(length)]
    for start in range(0, length, 9):
        said[start] = capitalised(said[start])
        said[min(start + 8, length - 1)] += rng.choice((".", ".", "!", "?"))
    return " ".join(said)


def _language() -> list[str]:
    rng = random.Random(3)
    return [word(rng, rng.choice((1, 2, 2, 3))) for _ in range(VOCABULARY)]


LANGUAGE = _language()


def note(rng: random.Random) -> str:
    return WORLD.note(rng).text


def ticket(rng: random.Random) -> str:
    return WORLD.ticket(rng).text


def question(rng: random.Random) -> str:
    """About a page of the handbook."""
    return rng.choice(QUESTIONS[rng.choice(tuple(QUESTIONS))]).format(e=WORLD.entity(rng))


def town(rng: random.Random) -> str:
    return WORLD.question_about_town(rng).messages[-2]["content"]


def reply(rng: random.Random) -> str:
    """What the company writes back: one sentence of ten, in a style."""
    written = WORLD.note(rng)
    action = ACTIONS[written.kind]
    style = STYLES[rng.choice(tuple(STYLES))]
    return style.format(Action=capitalised(action), action=action, **written.fields)


LETTERS = (
    "Dear team, my name is {n} and I bought a {m} in your shop in {t} on {d}. Sadly it stopped after {k} days. Could you "
    "please tell me how I can send it back and get my money as soon as possible?",
    "Hello, I would like to book a table for {k} people in your house in {t} on {d} under the name {n}, close to the {m} if "
    "that is possible. Please confirm by mail and tell me whether there are dishes without meat.",
    "Please sum up the meeting between {n} and the sales department of {t} on {d} about the new {m}, and list the {k} most "
    "important decisions that were made there.",
)


def letter(rng: random.Random) -> str:
    """Long templates with few values in few slots."""
    values = {"n": rng.choice(FORENAMES), "m": rng.choice(MACHINES), "d": rng.choice(DAYS), "k": rng.randint(2, 30)}
    return rng.choice(LETTERS).format(t=rng.choice(WORLD.towns[:20]), **values)


def form(rng: random.Random) -> str:
    """One long template with one slot of many values."""
    return (
        f"Read the name of the machine below and say in one word, without any reason, whether it is meant for the kitchen or "
        f"for the yard: {WORLD.entity(rng)}. Write the answer in small letters."
    )


def sums(rng: random.Random) -> str:
    """A word problem: numbers and two names."""
    a, b, c = (rng.randint(2, 99) for _ in range(3))
    one, two = rng.sample(FORENAMES, 2)
    return f"{one} has {a} apples and gives {b} of them to {two}, who has {c}. How many apples has {two} now?"


def edited(text: str, share: float, rng: random.Random) -> str:
    """That share of the words, at random places, replaced, put in or left out."""
    said = text.split()
    for place in sorted(rng.sample(range(len(said)), max(round(share * len(said)), 1)), reverse=True):
        match rng.choice(("replace", "insert", "delete")):
            case "replace":
                said[place] = rng.choice(LANGUAGE)
            case "insert":
                said.insert(place, rng.choice(LANGUAGE))
            case _:
                del said[place]
    return " ".join(said)


def disguised(text: str, rng: random.Random) -> str:
    """The same words: other case, white space, punctuation and Unicode form."""
    match rng.randrange(4):
        case 0:
            return text.upper().replace(" ", "  ")
        case 1:
            return "".join(c for c in text if c not in ".,!?:").replace(" ", "\n", 3)
        case 2:
            return "“" + text.replace(" ", "\u00a0").replace(".", " …") + "”"
        case _:
            return unicodedata.normalize("NFD", text.replace(". ", " - "))
