"""Personal data and secrets in rows: flagged by file and line, and masked wherever a row's text is shown.

    >>> masked("Write to ann@example.org, or pay by 4111 1111 1111 1111.")
    'Write to [e-mail], or pay by [card].'

Found are texts that have a form of their own: e-mail addresses, telephone numbers (international ones, and North American ones
as they are usually written), card numbers and IBANs with the right check digits, and keys that vendors begin with a sign of their own.
Not found are names, addresses, passwords, and numbers that only their country's readers know for telephone numbers.

Libraries were looked at: detect-secrets (last release in May 2024; looks for guesses by entropy too, which fire on prose), Presidio
(brings spaCy and a model), phonenumbers (2.6 MB of rules). Forms with check digits or signs of their own need none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from harness.data.audit.entry import Entry
from harness.data.audit.finding import Finding, First, share
from harness.data.limits import Limits

Sort = Literal["personal", "secret"]


@dataclass(frozen=True, slots=True)
class Form:
    """What something private looks like. ``hints`` are what it cannot be without, which is quick to look for; ``holds`` says whether
    what looks so is it.
    """

    name: str
    sort: Sort
    pattern: re.Pattern[str]
    hints: tuple[str, ...] = ()
    holds: Callable[[str], bool] = lambda text: True

    def found(self, text: str) -> Iterator[re.Match[str]]:
        if not self.hints or any(hint in text for hint in self.hints):
            yield from (match for match in self.pattern.finditer(text) if self.holds(match[0]))


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


LUHN = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
CARDS = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}"
    r"|6(011|4[4-9]\d|5\d\d)\d{12}|35(2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
"""Issuers' first digits and lengths: Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay (ISO/IEC 7812)."""


def is_card(text: str) -> bool:
    """Whether digits are a card number: an issuer's, with Luhn's check digit."""
    digits = _digits(text)
    if not CARDS.fullmatch(digits) or len(set(digits)) < 2:
        return False
    total = sum(int(d) if i % 2 == 0 else LUHN[int(d)] for i, d in enumerate(reversed(digits)))
    return total % 10 == 0


COUNTRIES = (
    "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DJ:27 DK:18 DO:28 EE:20 "
    "EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 "
    "KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 "
    "PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 "
    "VA:22 VG:24 XK:20 YE:30"
)
IBANS = "|".join(
    rf"{country}\d\d(?: ?[A-Z0-9]){{{int(length) - 4}}}" for country, length in re.findall(r"(\w\w):(\d\d)", COUNTRIES)
)
"""IBANs by country, with how many characters they have (SWIFT's registry)."""


def is_iban(text: str) -> bool:
    """Whether what has an IBAN's letters and length is one: 1 modulo 97 (ISO 13616)."""
    plain = text.replace(" ", "")
    return int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def is_phone(text: str) -> bool:
    """Whether digits may be a telephone number: 8 to 15 of them (E.164)."""
    return 8 <= len(_digits(text)) <= 15


def is_key(text: str) -> bool:
    """Whether a key is more than a place where one would stand: ``sk-xxxxxxxx``, ``AKIA…EXAMPLE``."""
    return len(set(text)) >= 10 and "EXAMPLE" not in text.upper()


def is_random(text: str) -> bool:
    """The same of a key whose sign is so short that words begin with it: it has a digit too."""
    return is_key(text) and any(map(str.isdigit, text))


def _secret(name: str, pattern: str, *hints: str, holds: Callable[[str], bool] = is_key) -> Form:
    return Form(name, "secret", re.compile(pattern), hints, holds)


FORMS = (
    _secret("private key", r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[\s\S]{0,8192}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?", "PRIVATE KEY"),
    _secret("AWS key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b", "AKIA", "ASIA", "ABIA", "ACCA"),
    _secret("Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{20,}", "sk-ant-"),
    _secret("OpenAI key", r"\bsk-(?!ant-)(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,}", "sk-", holds=is_random),
    _secret("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    _secret("GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}", "glpat-"),
    _secret("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|https://hooks\.slack\.com/services/T\w+/B\w+/\w+", "xox", "hooks.slack.com"),
    _secret("Google key", r"\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])", "AIza"),
    _secret("Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}\b", "hf_"),
    _secret("Stripe key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}", "k_live_", "k_test_"),
    _secret("npm token", r"\bnpm_[A-Za-z0-9]{36}\b", "npm_"),
    _secret("PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{50,}", "pypi-"),
    _secret("SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", "SG."),
    _secret("JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}", "eyJ"),
    _secret("Azure key", r"(?<=AccountKey=)[A-Za-z0-9+/]{64,}={0,2}", "AccountKey="),
    _secret("password in an address", r"(?<=://)[^\s/:@]{1,64}:[^\s/:@]{3,128}(?=@)", "://", holds=lambda text: True),
    Form("e-mail", "personal", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}\b"), ("@",)),
    Form("IBAN", "personal", re.compile(rf"\b(?:{IBANS})\b"), (), is_iban),
    Form("card", "personal", re.compile(r"(?<![\d.,-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|3\d{3}([ -])\d{6}\2\d{4,5}|\d{13,19})(?![\d-])"), (), is_card),
    Form("phone", "personal", re.compile(r"(?<![\w+])\+[1-9](?:[ ./-]?\(?\d\)?){7,14}(?!\d)|(?<![\w(])\(\d{3}\) ?\d{3}-\d{4}(?!\d)|(?<![\w-])\d{3}-\d{3}-\d{4}(?![\d-])"), ("+", "-"), is_phone),
)  # fmt: skip
"""Keys first: an e-mail address may stand in one. Signs of keys as their vendors document them (and gitleaks' rules collect them)."""
_NUMBER = re.compile(r"\d[\d -]{8}")


def private(text: str) -> Iterator[tuple[Form, re.Match[str]]]:
    """What is private in a text, and where it stands; no two overlap."""
    taken: list[tuple[int, int]] = []
    numbers = _NUMBER.search(text) is not None
    for form in FORMS:
        if not form.hints and not numbers:
            continue
        for match in form.found(text):
            begin, end = match.span()
            if all(end <= first or last <= begin for first, last in taken):
                taken.append((begin, end))
                yield form, match


def masked(text: str) -> str:
    """The text with the name of what is private in the place of it."""
    parts, last = [], 0
    for begin, end, name in sorted((match.start(), match.end(), form.name) for form, match in private(text)):
        parts += [text[last:begin], f"[{name}]"]
        last = end
    return "".join([*parts, text[last:]])


class Private:
    """Rows with something private in them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rows = 0
        self._places: dict[Sort, First[str]] = {"secret": First(), "personal": First()}
        self._kinds: dict[Sort, Counter[str]] = {"secret": Counter(), "personal": Counter()}

    def add(self, entry: Entry) -> None:
        self._rows += 1
        found: dict[Sort, list[str]] = {"secret": [], "personal": []}
        for text in entry.texts():
            for form, _ in private(text):
                found[form.sort].append(form.name)
        for sort, names in found.items():
            if names:
                self._kinds[sort].update(names)
                self._places[sort].add(f"{entry.where}: {', '.join(dict.fromkeys(names))}")

    def findings(self) -> Iterator[Finding]:
        named: tuple[tuple[Sort, str, str], ...] = (
            ("secret", "secrets", "hold a key"),
            ("personal", "personal", "hold personal data"),
        )
        for sort, key, verb in named:
            kinds = ", ".join(f"{count:,} × {name}" for name, count in self._kinds[sort].most_common())
            said = f"{verb}: {kinds}"
            name = "personal data" if sort == "personal" else key
            yield from share(self._limits, key, self._places[sort], self._rows, said, name=name)
