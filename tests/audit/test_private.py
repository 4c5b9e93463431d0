"""What is private is found by its form and its check digits, and masked; what only looks like it is not."""

from __future__ import annotations

import random
import string

import pytest

from harness.data.audit import Entry
from harness.data.audit.private import FORMS, Private, is_card, is_iban, masked, private
from harness.data.limits import Limits
from harness.formats.record import Record

BODY = string.ascii_letters + string.digits


def body(count: int, of: str = BODY) -> str:
    draw = random.Random(count)
    return "".join(draw.choices(of, k=count))


def planted() -> dict[str, str]:
    """One of each form, made here: a key in a repository is found by other people's scanners too."""
    return {
        "private key": f"-----BEGIN RSA PRIVATE KEY-----\n{body(200)}\n-----END RSA PRIVATE KEY-----",
        "AWS key": "AKIA" + body(16, string.ascii_uppercase + "234567"),
        "Anthropic key": "sk-ant-" + "api03-" + body(60),
        "OpenAI key": "sk-proj-" + body(48),
        "GitHub token": "ghp_" + body(36),
        "GitLab token": "glpat-" + body(20),
        "Slack token": "xoxb-" + body(30),
        "Google key": "AIza" + body(35),
        "Hugging Face token": "hf_" + body(34),
        "Stripe key": "sk_live_" + body(24),
        "npm token": "npm_" + body(36),
        "PyPI token": "pypi-AgE" + body(80),
        "SendGrid key": f"SG.{body(22)}.{body(43)}",
        "JSON web token": f"eyJ{body(20)}.eyJ{body(30)}.{body(43)}",
        "Azure key": "AccountKey=" + body(86) + "==",
        "password in an address": "postgres://bob:" + body(12) + "@db.example.org/x",
        "e-mail": "ann.b+c@mail.example.org",
        "IBAN": "DE89 3704 0044 0532 0130 00",
        "card": "4111-1111-1111-1111",
        "phone": "+49 (30) 1234-5678",
    }


def test_every_form_is_planted_here() -> None:
    assert list(planted()) == [form.name for form in FORMS]


@pytest.mark.parametrize("name", planted())
def test_a_form_is_found_alone_and_in_a_text_and_nothing_of_it_is_left(name: str) -> None:
    text = planted()[name]
    for whole in (text, f"Please use {text}, thanks.", f"«{text}»\n"):
        assert [form.name for form, _ in private(whole)] == [name], whole
        assert masked(whole) == whole.replace(kept(text), f"[{name}]")
    assert masked(masked(text)) == masked(text)


def kept(text: str) -> str:
    """What is masked: not the sign before an Azure key, nor the address around a password."""
    text = text.removeprefix("AccountKey=")
    return text.removeprefix("postgres://").removesuffix("@db.example.org/x")


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111111111111112 of 2026-11-26, 10:20:30.",
        "1234-5678-9012-3456 and 3.14159265358979323846",
        "DE00 3704 0044 0532 0130 00",
        "a@b, @home, x @ y.z, user@localhost",
        "sk-learn-contrib-is-a-long-package-name, AKIAIOSFODNN7EXAMPLE, sk-xxxxxxxxxxxxxxxxxxxxxxxx",
        "https://example.org:8080/a@b",
        "call 555-1234 or 12 34 56 78",
        "hf_dataset_name npm_config_cache SG.1.2 eyJ",
        "+1 is more than +2, and 3+4567=4570",
    ],
)
def test_what_only_looks_private_is_left(text: str) -> None:
    assert masked(text) == text


def test_check_digits() -> None:
    good = ["5555555555554444", "378282246310005", "6011111111111117", "3530111333300000", "4222222222222"]
    assert all(map(is_card, good))
    assert not any(is_card(f"{card[:-1]}{(int(card[-1]) + 1) % 10}") for card in good)
    assert not is_card("0" * 16)
    assert is_iban("GB82 WEST 1234 5698 7654 32")
    assert not is_iban("GB82 WEST 1234 5698 7654 33")


def test_places_are_named_and_shares_are_held_against_the_policy() -> None:
    check = Private(Limits(personal=0.5))
    for number in range(4):
        said = "Write to ann@example.org" if number < 2 else planted()["AWS key"] if number == 3 else "Hello"
        messages = ({"role": "system", "content": said}, {"role": "user", "content": "hi"})
        check.add(Entry.of(f"a:{number}", Record(messages, ({"role": "assistant", "content": "x"},))))
    secrets, personal = check.findings()
    assert (secrets.level, secrets.places) == ("fail", ("a:3: AWS key",))
    assert (personal.level, personal.places) == ("warn", ("a:0: e-mail", "a:1: e-mail"))
    assert personal.said == "2 of 4 rows hold personal data: 2 × e-mail (50.0%, allowed are 50%)"
    assert personal.line is not None
    assert (personal.line.key, personal.line.source) == ("data.personal", "the policy")
