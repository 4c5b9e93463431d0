"""The embedded model's world: a grammar that writes chat text about a fictional company.

Orrin & Vale sells household machines. Customers write tickets, a handbook describes the machines, and everybody knows
some general facts about the towns of the region. Every draw comes from a seeded ``random.Random``; names and values
are made of syllables, so a held-out draw holds words that the model never saw.

    >>> world = World(seed=7)
    >>> draw = world.question_with_documents(random.Random(1))
    >>> draw.messages[-1]
    {'role': 'assistant', 'content': 'marok stone'}

A ``Draw`` is either chat messages or raw text (the four-choice questions, which lm-eval asks without a template).
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

from harness.embedded.lexicon import (
    ACTIONS,
    ATTRIBUTES,
    CHOICE_HEADER,
    CLOSED,
    CODAS,
    CONTEXT,
    DAYS,
    EXTRACT,
    FIELD_NAMES,
    FORENAMES,
    GROUPS,
    KINDS,
    LETTERS,
    LINES,
    MACHINES,
    ONSETS,
    QUESTIONS,
    REPLY,
    STEPS,
    STYLES,
    TOWN_QUESTIONS,
    TOWN_STATEMENTS,
    TOWN_VALUES,
    UNKNOWN,
    URGENCIES,
    VOWELS,
)

Message = dict[str, str]
AXES = {"kind": KINDS, "urgency": URGENCIES, "group": GROUPS}
"""What can be said of a note, and the phrases that say it."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One text of the world: ``messages`` to render with the chat template, or raw ``text`` whose ``answer`` ends it.

    ``learnt`` are the messages whose every token counts in the loss; none means the last.
    """

    task: str
    messages: tuple[Message, ...] = ()
    text: str = ""
    answer: str = ""
    learnt: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """One customer's message with everything that can be asked about it."""

    text: str
    fields: dict[str, str]
    kind: str
    urgency: str
    group: str


def word(rng: random.Random, syllables: int = 2) -> str:
    """A made-up word such as ``talvor``."""
    return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(syllables)) + rng.choice(CODAS)


def syllable(rng: random.Random) -> str:
    """A word of one: ``bren``."""
    return word(rng, 1)


def code(rng: random.Random) -> str:
    """A label such as ``K4``."""
    return f"{rng.choice('ABCDEFGHKLMNPQRSTUVWXYZ')}{rng.randint(1, 9)}"


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def listed(items: list[str]) -> str:
    """``a, b and c``."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def chat(task: str, *turns: str, system: str = "") -> Draw:
    """A draw of alternating user and assistant ``turns``, ending with the assistant's."""
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(turns)]
    return Draw(task=task, messages=tuple(messages))


@dataclass
class World:
    """Everything that stays the same between draws: the towns and what is known of them."""

    seed: int = 7
    towns: list[str] = field(init=False)
    facts: dict[tuple[str, str], str] = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        self.towns = []
        while len(self.towns) < 100:
            town = capitalised(word(rng))
            if town not in self.towns:
                self.towns.append(town)
        self.facts = {(t, r): rng.choice(values) for t in self.towns for r, values in TOWN_VALUES.items()}

    # --- pieces -------------------------------------------------------------------------------------------------------

    def entity(self, rng: random.Random) -> str:
        """A machine of the handbook: ``Talvor pump``."""
        return f"{capitalised(word(rng))} {rng.choice(MACHINES)}"

    def value(self, rng: random.Random, attribute: str) -> str:
        """What a document says of an attribute; drawn from far more values than could be guessed."""
        if attribute == "code":
            return f"{rng.choice('BCDFGHKLMNPRSTVXZ')}{rng.randint(100, 999)}"
        if attribute == "shelf":
            return str(rng.randint(100, 999))
        if attribute == "keeper":
            return f"{rng.choice(FORENAMES)} {capitalised(word(rng))}"
        return word(rng, rng.choice((2, 2, 3)))

    def ticket(self, rng: random.Random, kind: str | None = None, kinds: tuple[str, ...] = tuple(KINDS)) -> Ticket:
        """One customer's message."""
        kind = kind or rng.choice(kinds)
        urgency, group = rng.choice(tuple(URGENCIES)), rng.choice(tuple(GROUPS))
        fields = {
            "name": f"{rng.choice(FORENAMES)} {capitalised(word(rng))}",
            "product": self.entity(rng),
            "order": str(rng.randint(10000, 99999)),
            "town": rng.choice(self.towns) if rng.random() < 0.5 else capitalised(word(rng)),
            "amount": str(rng.randint(10, 999)),
            "day": rng.choice(DAYS),
        }
        phrase = rng.choice(KINDS[kind])
        about = (f"It is about the {fields['product']}: {phrase}.", f"I have the {fields['product']} and {phrase}.", f"{capitalised(phrase)}. It is the {fields['product']}.")  # fmt: skip
        rest = [
            rng.choice((f"Order {fields['order']}.", f"My order is {fields['order']}.")),
            rng.choice((f"I live in {fields['town']}.", f"I write from {fields['town']}.")),
            rng.choice((f"I paid {fields['amount']} crowns on {fields['day']}.", f"It cost {fields['amount']} crowns last {fields['day']}.")),
            rng.choice(URGENCIES[urgency]),
            rng.choice(GROUPS[group]),
        ]  # fmt: skip
        rng.shuffle(rest)
        opening = rng.choice((f"This is {fields['name']}.", f"My name is {fields['name']}.", f"{fields['name']} here."))
        text = " ".join([opening, rng.choice(about), *rest])
        return Ticket(text=text, fields=fields, kind=kind, urgency=urgency, group=group)

    def note(
        self,
        rng: random.Random,
        *,
        kinds: tuple[str, ...] = tuple(KINDS),
        urgencies: tuple[str, ...] = tuple(URGENCIES),
        groups: tuple[str, ...] = tuple(GROUPS),
        grouped: float = 0.5,
    ) -> Ticket:
        """A short ticket: who, what, how urgent; a share of ``grouped`` says what kind of customer writes."""
        kind, urgency, group = rng.choice(kinds), rng.choice(urgencies), rng.choice(groups)
        fields = {"name": rng.choice(FORENAMES), "product": self.entity(rng)}
        parts = [f"{capitalised(rng.choice(KINDS[kind]))}.", rng.choice(URGENCIES[urgency])]
        if rng.random() < grouped:
            parts.append(rng.choice(GROUPS[group]))
        rng.shuffle(parts)
        opening = rng.choice((f"This is {fields['name']} with the {fields['product']}.", f"{fields['name']} here, I have the {fields['product']}."))  # fmt: skip
        return Ticket(text=" ".join([opening, *parts]), fields=fields, kind=kind, urgency=urgency, group=group)

    def page(self, rng: random.Random, entity: str, attributes: list[str]) -> tuple[str, dict[str, str]]:
        """One page of a handbook about ``entity``: its text and what it says."""
        values = {a: self.value(rng, a) for a in attributes}
        text = " ".join(rng.choice(ATTRIBUTES[a]).format(e=entity, v=v) for a, v in values.items())
        return capitalised(text), values

    def pages(self, rng: random.Random, count: int) -> list[tuple[str, str, dict[str, str]]]:
        """``count`` pages: (entity, text, values). Neighbours often share a machine type or attributes."""
        entities: list[str] = []
        while len(entities) < count:
            entity = self.entity(rng)
            if entity not in entities:
                entities.append(entity)
        out = []
        for entity in entities:
            attributes = rng.sample(tuple(ATTRIBUTES), rng.choice((1, 2, 2, 3)))
            out.append((entity, *self.page(rng, entity, attributes)))
        return out

    # --- tasks: first stage -------------------------------------------------------------------------------------------

    def copy(self, rng: random.Random) -> Draw:
        items = [rng.choice((word(rng), word(rng, 3), str(rng.randint(10, 9999)), capitalised(word(rng)))) for _ in range(rng.randint(2, 10))]  # fmt: skip
        text = rng.choice((" ", ", ")).join(items)
        return chat("copy", f"{rng.choice(('Repeat', 'Copy'))}: {text}", text)

    def lookup(self, rng: random.Random) -> Draw:
        keys = list({word(rng) for _ in range(rng.randint(2, 8))})
        values = [rng.choice((word(rng), str(rng.randint(10, 9999)), capitalised(word(rng)))) for _ in keys]
        pick = rng.randrange(len(keys))
        table = rng.choice(("; ", "\n", ", ")).join(f"{k}: {v}" for k, v in zip(keys, values, strict=True))
        return chat("lookup", f"{table}\nWhat is {keys[pick]}?", values[pick])

    def question_with_documents(self, rng: random.Random, count: int | None = None) -> Draw:
        pages = self.pages(rng, count or rng.randint(1, 5))
        entity, _, values = rng.choice(pages)
        attribute = rng.choice(tuple(values))
        answer = values[attribute]
        missing = rng.random()
        if missing < 0.06 and len(pages) > 1:
            pages = [p for p in pages if p[0] != entity]
            answer = UNKNOWN
        question = rng.choice(QUESTIONS[attribute]).format(e=entity)
        documents = "\n".join(f"[{i}] {page[1]}" for i, page in enumerate(pages, 1))
        user = f"Documents:\n{documents}\n\nQuestion: {question}"
        instruction = rng.choice(CONTEXT)
        if answer != UNKNOWN and rng.random() < 0.06:
            number = [p[0] for p in pages].index(entity) + 1
            steps = f"Document [{number}] is about the {entity}. Answer: {answer}"
            return chat("steps", f"{user}\n{STEPS}", steps, system=instruction)
        if rng.random() < 0.5:
            return chat("context", user, answer, system=instruction)
        return chat("context", f"{instruction}\n{user}", answer)

    # --- tasks: second stage ------------------------------------------------------------------------------------------

    def question_without_documents(self, rng: random.Random) -> Draw:
        attribute = rng.choice(tuple(QUESTIONS))
        question = rng.choice(QUESTIONS[attribute]).format(e=self.entity(rng))
        return chat("closed", question, UNKNOWN, system=rng.choice(CLOSED))

    def question_about_town(self, rng: random.Random, fact: tuple[str, str] | None = None) -> Draw:
        town, relation = fact or rng.choice(tuple(self.facts))
        question = rng.choice(TOWN_QUESTIONS[relation]).format(t=town)
        return chat("fact", question, self.facts[town, relation], system=rng.choice(CLOSED))

    def statements_about_towns(self, rng: random.Random) -> Draw:
        """What is known of three towns, as plain text: the densest way to learn it."""
        said = []
        for town in rng.sample(self.towns, 3):
            relations = rng.sample(tuple(TOWN_STATEMENTS), len(TOWN_STATEMENTS))
            said += [TOWN_STATEMENTS[r].format(t=town, v=self.facts[town, r]) for r in relations]
        return Draw("facts", answer=" ".join(said))

    def four_choice(self, rng: random.Random, fact: tuple[str, str] | None = None) -> Draw:
        """A question in MMLU's format; ``text`` ends with ``Answer:`` and ``answer`` is `` B``."""
        town, relation = fact or rng.choice(tuple(self.facts))
        right = self.facts[town, relation]
        choices = rng.sample([v for v in TOWN_VALUES[relation] if v != right], 3)
        place = rng.randrange(4)
        choices.insert(place, right)
        question = rng.choice(TOWN_QUESTIONS[relation]).format(t=town)
        options = "\n".join(f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=True))
        header = CHOICE_HEADER.format(subject="towns") if rng.random() < 0.5 else ""
        return Draw("choice", text=f"{header}{question}\n{options}\nAnswer:", answer=f" {LETTERS[place]}")

    def choice_shown(self, rng: random.Random) -> Draw:
        """The letter of an option that is named, or that a sentence before the question tells."""
        relation = rng.choice(tuple(TOWN_VALUES))
        choices = rng.sample(TOWN_VALUES[relation], len(LETTERS))
        place = rng.randrange(len(LETTERS))
        options = "\n".join(f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=True))
        if rng.random() < 0.5:
            question = f"Which is {choices[place]}?"
        else:
            town = capitalised(word(rng))
            told = TOWN_STATEMENTS[relation].format(t=town, v=choices[place])
            question = f"{told}\n{rng.choice(TOWN_QUESTIONS[relation]).format(t=town)}"
        return Draw("choice", text=f"{question}\n{options}\nAnswer:", answer=f" {LETTERS[place]}")

    def extraction(self, rng: random.Random) -> Draw:
        ticket = self.ticket(rng)
        names = rng.sample(tuple(FIELD_NAMES), rng.randint(1, 4))
        keys = [rng.choice(FIELD_NAMES[name]) for name in names]
        values = [ticket.fields[name] for name in names]
        if rng.random() < 0.8:
            instruction = rng.choice(EXTRACT).format(keys=listed(keys))
            answer = json.dumps(dict(zip(keys, values, strict=True)))
        else:
            instruction = rng.choice(LINES).format(keys=listed(keys))
            answer = "\n".join(f"{k}: {v}" for k, v in zip(keys, values, strict=True))
        if rng.random() < 0.5:
            return chat("extract", ticket.text, answer, system=instruction)
        return chat("extract", f"{instruction}\n{ticket.text}", answer)

    def yes_no(self, rng: random.Random) -> Draw:
        """A closed question about a note, answered with one of two given words."""
        note = self.note(rng)
        asked = note.kind if rng.random() < 0.5 else rng.choice(tuple(KINDS))
        yes, no = rng.choice((("yes", "no"), ("true", "false"), ("right", "wrong")))
        instruction = f"Is this about {asked}? Answer {yes} or {no}."
        return chat("yes-no", note.text, yes if asked == note.kind else no, system=instruction)

    def kind_named(self, rng: random.Random) -> Draw:
        note = self.note(rng)
        names = [*rng.sample([k for k in KINDS if k != note.kind], rng.randint(1, 4)), note.kind]
        rng.shuffle(names)
        return chat("kind", note.text, note.kind, system=f"Answer with one of: {', '.join(names)}.")

    def labels_by_example(self, rng: random.Random) -> Draw:
        """Random labels under random keys, shown by examples as earlier turns; the last note can be labelled from them."""
        axes = rng.sample(("kind", "urgency", "group"), rng.choice((1, 2, 2, 3)))
        keys = {axis: rng.choice((word(rng), word(rng), axis, "label", "class")) + ("" if i == 0 else str(i)) for i, axis in enumerate(axes)}  # fmt: skip
        labels: dict[tuple[str, str], str] = {}
        used: set[str] = set()

        def label(axis: str, value: str) -> str:
            while (axis, value) not in labels:
                made = rng.choice((word(rng), syllable(rng), code(rng)))
                if made not in used:
                    used.add(made)
                    labels[axis, value] = made
            return labels[axis, value]

        style = "json" if len(axes) > 1 else rng.choice(("json", "bare", "line"))

        def answer(note: Ticket) -> str:
            return labelled(style, {keys[axis]: label(axis, getattr(note, axis)) for axis in axes})

        kinds = tuple(rng.sample(tuple(KINDS), rng.randint(2, 6)))
        shown = [self.note(rng, kinds=kinds, grouped=float("group" in axes)) for _ in range(rng.randint(2, 6))]
        last = self.note(
            rng,
            kinds=tuple({note.kind: None for note in shown}),
            urgencies=tuple({note.urgency: None for note in shown}),
            groups=tuple({note.group: None for note in shown}),
            grouped=float("group" in axes),
        )
        turns = [turn for note in [*shown, last] for turn in (note.text, answer(note))]
        return chat("labels", *turns, system=rng.choice(("Follow the examples.", "Label the message.", "")))

    def scheme_by_example(self, rng: random.Random) -> Draw:
        """Made-up labels for the values of one axis, under one to three keys; every label shown before is learnt."""
        axis = rng.choice(("kind", "kind", "urgency", "group"))
        values = tuple(rng.sample(tuple(AXES[axis]), rng.choice((2, 2, 3, 4, 5)[: len(AXES[axis])])))
        keys = [rng.choice((word(rng), word(rng), "label", "class", axis)) + ("" if i == 0 else str(i)) for i in range(rng.choice((1, 1, 2, 3)))]  # fmt: skip
        coin = rng.choice((word, word, syllable, code))
        schemes = [{value: coin(rng) for value in values} for _ in keys]
        style = "json" if len(keys) > 1 else rng.choice(("json", "bare", "line"))
        short = rng.random() < 0.3

        def asked(value: str) -> str:
            if short:
                return f"{capitalised(rng.choice(AXES[axis][value])).rstrip('.')}."
            drawn = {name: (value,) if name == axis else tuple(among) for name, among in AXES.items()}
            grouped = float(axis == "group" or rng.random() < 0.5)
            return self.note(rng, kinds=drawn["kind"], urgencies=drawn["urgency"], groups=drawn["group"], grouped=grouped).text  # fmt: skip

        def answer(value: str) -> str:
            return labelled(style, {key: scheme[value] for key, scheme in zip(keys, schemes, strict=True)})

        shown = [rng.choice(values) for _ in range(rng.randint(2, 10))]
        shown.append(rng.choice(shown))
        system = rng.choice(("Follow the examples.", "Label the message.", ""))
        turns = [turn for value in shown for turn in (asked(value), answer(value))]
        messages = chat("scheme", *turns, system=system).messages
        first = 2 if system else 1
        learnt = tuple(first + 2 * i for i, value in enumerate(shown) if value in shown[:i])
        return Draw("scheme", messages, learnt=learnt)

    def fields_by_example(self, rng: random.Random) -> Draw:
        """Which fields to extract, under which keys, shown by examples as earlier turns."""
        names = rng.sample(tuple(FIELD_NAMES), rng.randint(1, 3))
        keys = [rng.choice((*FIELD_NAMES[name], word(rng))) for name in names]

        def answer(ticket: Ticket) -> str:
            return json.dumps({k: ticket.fields[n] for k, n in zip(keys, names, strict=True)})

        tickets = [self.ticket(rng) for _ in range(rng.randint(2, 4))]
        turns = [turn for ticket in tickets for turn in (ticket.text, answer(ticket))]
        return chat("fields", *turns, system=rng.choice(("Follow the examples.", "")))

    def reply(self, rng: random.Random) -> Draw:
        note = self.note(rng)
        style = rng.choice(tuple(STYLES))
        instruction = rng.choice(REPLY).format(style=style)
        return chat("reply", note.text, written(style, note), system=instruction)

    def reply_by_example(self, rng: random.Random) -> Draw:
        style = rng.choice(tuple(STYLES))
        notes = [self.note(rng) for _ in range(rng.randint(2, 4))]
        turns = [turn for note in notes for turn in (note.text, written(style, note))]
        return chat("replies", *turns, system=rng.choice(("Follow the examples.", "Write a reply.", "")))


def labelled(style: str, labels: dict[str, str]) -> str:
    """Labels as JSON, or of the first key ``bare`` or as a line."""
    if style == "json":
        return json.dumps(labels)
    (key, label), *_ = labels.items()
    return label if style == "bare" else f"{key}: {label}"


def written(style: str, note: Ticket) -> str:
    """The reply to ``note`` in one of the ``STYLES``."""
    action = ACTIONS[note.kind]
    return STYLES[style].format(name=note.fields["name"], product=note.fields["product"], action=action, Action=capitalised(action))  # fmt: skip
