"""English letters to a shop, each of which can be said in other words: a meaning is drawn, then its wording.

    meaning = draw(rng)
    said(meaning, rng)                                   # 'Last Monday I bought a kettle at your shop in Leeds. …'
    reworded(meaning, rng, share=1.0, of=choice)         # every sentence in another wording, names and days as they were

Four sentences a letter, and at least three wordings of each; what differs between letters is the meaning.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PRODUCTS = (
    ("a kettle", "an electric kettle", "a water boiler"),
    ("a vacuum cleaner", "a hoover", "a machine for the carpets"),
    ("a mobile phone", "a smartphone", "a new handset"),
    ("a sofa", "a couch", "a settee"),
    ("a bicycle", "a bike", "a two-wheeler"),
    ("a lamp", "a reading light", "a light for my desk"),
    ("a refrigerator", "a fridge", "a cooling cabinet"),
    ("a pair of headphones", "a headset", "earphones"),
    ("a lawn mower", "a grass cutter", "a mower for the garden"),
    ("a coffee machine", "an espresso maker", "an appliance for coffee"),
    ("a winter coat", "a warm jacket", "a parka"),
    ("a washing machine", "a washer", "a laundry machine"),
    ("a dining table", "a table for the dining room", "a large table"),
    ("a printer", "a laser printer", "a device for printing"),
    ("a tent", "a camping tent", "a shelter for camping"),
    ("a guitar", "an acoustic guitar", "a six-string"),
)
PLACES = (
    "Leeds",
    "Bristol",
    "Cardiff",
    "Dover",
    "Exeter",
    "Glasgow",
    "Hull",
    "Ipswich",
    "Kendal",
    "Lincoln",
    "Oxford",
    "York",
)
DAYS = ("on Monday", "on Tuesday", "on Friday", "in March", "in June", "in October", "at Easter", "before Christmas")
BOUGHT = (
    "{Day} I bought {product} at your branch in {place}",
    "I purchased {product} from your shop in {place} {day}",
    "My order of {product}, picked up in your {place} store, dates from {day}",
    "Your colleagues in {place} sold me {product} {day}",
)
FAULTS = (
    ("It stopped working after a week", "Seven days later it was dead", "Within a week it gave up altogether"),
    ("It makes a terrible noise when I switch it on", "As soon as it is turned on there is an awful racket", "Starting it produces a horrible sound"),
    ("There was a deep scratch on one side", "One of its sides arrived badly scratched", "The left side shows a long ugly mark"),
    ("Two of the screws were missing from the box", "In the package a couple of screws could not be found", "The carton came without two necessary screws"),
    ("The colour is not the one that I ordered", "I asked for a different colour", "It came in the wrong shade"),
    ("It smells of burning plastic", "There is an odour of melted plastic about it", "A scent as of something on fire comes from it"),
    ("It is far too large for my flat", "My apartment is much too small for it", "There is no room at home where it would fit"),
    ("The manual was in a language that I cannot read", "I do not understand the tongue in which the instructions are written", "Its handbook came in foreign words only"),
    ("Its surface gets so hot that nobody can touch it", "One burns the fingers on the outside of it", "The casing heats up dangerously"),
    ("The wrong model was in the parcel", "Another version than the promised one was delivered", "What I unpacked was a different type"),
)  # fmt: skip
TRIED = (
    ("I have called your hotline three times without any success", "Ringing customer service thrice led to nothing", "Nobody could help me in three telephone conversations"),
    ("My neighbour, who is an engineer, could not repair it either", "Even the engineer next door failed to mend it", "A technician who lives beside us had no luck with it"),
    ("I followed every step on your website", "All the instructions of your online guide were carried out", "Each point of the troubleshooting page has been tried"),
    ("I have not opened the second box yet", "The other carton is still sealed", "So far one of the two packages remains closed"),
    ("My previous one lasted for ten years", "For a decade its predecessor did the job", "The old one served us for ten whole years"),
    ("I still have the receipt", "The bill is in my hands", "Proof of the payment can be sent at any time"),
)  # fmt: skip
WISHES = (
    ("Could you please give me my money back?", "I would like a full refund.", "Kindly return what I paid."),
    ("Please send somebody to fix it at my home.", "May a repairman visit me?", "I should like to have it mended here by one of your people."),
    ("Can I exchange it for another one?", "A replacement would be welcome.", "I want to swap it."),
    ("How do I send it back without paying for the postage?", "Is there a free way to return it?", "Please tell me the procedure for a return at your cost."),
    ("Would a discount be possible?", "I expect a reduction of the price.", "Please take something off the bill."),
    ("When will the missing parts arrive?", "I am waiting for the remaining pieces, please name a date.", "By which day can I count on the rest?"),
    ("Who is responsible for such cases in your house?", "Please name the person in charge.", "To whom may I turn about this?"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a letter says; numbers of what is in the tables above."""

    product: int
    place: str
    day: str
    fault: int
    tried: int
    wish: int


Wording = Sequence[int]
"""Which wording of the purchase, the product, the fault, what was tried, and the wish."""


def draw(rng: random.Random) -> Meaning:
    return Meaning(
        rng.randrange(len(PRODUCTS)), rng.choice(PLACES), rng.choice(DAYS), rng.randrange(len(FAULTS)),
        rng.randrange(len(TRIED)), rng.randrange(len(WISHES)),
    )  # fmt: skip


def worded(rng: random.Random) -> Wording:
    return [rng.randrange(len(BOUGHT)), *(rng.randrange(3) for _ in range(4))]


def reworded(wording: Wording, rng: random.Random, share: float) -> Wording:
    """That share of the five parts in another wording."""
    sizes = (len(BOUGHT), 3, 3, 3, 3)
    changed = set(rng.sample(range(len(sizes)), round(share * len(sizes))))
    return [
        (now + rng.randrange(1, size)) % size if part in changed else now
        for part, (now, size) in enumerate(zip(wording, sizes, strict=True))
    ]


def said(meaning: Meaning, wording: Wording) -> str:
    bought, product, fault, tried, wish = wording
    values: Mapping[str, str] = {
        "product": PRODUCTS[meaning.product][product],
        "place": meaning.place,
        "day": meaning.day,
        "Day": meaning.day.capitalize(),
    }
    opening = BOUGHT[bought].format_map(values)
    return f"{opening}. {FAULTS[meaning.fault][fault]}. {TRIED[meaning.tried][tried]}. {WISHES[meaning.wish][wish]}"


def letter(rng: random.Random) -> str:
    return said(draw(rng), worded(rng))
