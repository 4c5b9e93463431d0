"""Where a served model is, and with which key.

openai:gpt-5-mini
openai:qwen3-8b@http://localhost:8000/v1
anthropic:claude-haiku-4-5
{ id = "openai:qwen3-8b", base_url = ["http://a:8000/v1", "http://b:8000/v1"] }      one model on several servers
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.errors import BadInput
from harness.experiment import Model
from harness.fingerprint import fingerprint

KEYS = {"openai": ("OPENAI_API_KEY",), "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")}
"""Variables of each scheme's key, the first that is set."""
CREDENTIALS = re.compile(r"(\w+://)[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Address:
    """Which model, and where: ``url`` is None for the provider's own. ``others`` serve the same."""

    model: str
    url: str | None
    others: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str | None, ...]:
        return (self.url, *self.others)


def find_address(model: Model, *, variable: str) -> Address:
    """The address in an id, ``SCHEME:MODEL`` or ``SCHEME:MODEL@URL``, or in ``base_url``; the environment's ``variable`` comes
    second.

    Raises:
        BadInput: without a model's name, or with something that is no URL.
    """
    name, url = _named(model.id.partition(":")[2])
    if not name:
        raise BadInput(f"model {model.id!r}: name one after the colon")
    if url and model.base_url:
        raise BadInput(f"model {model.id!r}: an address in the id, and base_url: name the servers in one place")
    given = list(dict.fromkeys(one.rstrip("/") for one in model.base_url or (url or os.environ.get(variable, ""),)))
    for one in filter(None, given):
        if urlsplit(one).scheme not in ("http", "https"):
            raise BadInput(
                f"model {public(model.id)!r}: given the address {public(one)!r}: write http://… or https://…"
            )
        if "@" in urlsplit(one).netloc:
            raise BadInput(
                f"model {name!r} at {public(one)}: the address holds a password, which would be kept with every result: "
                f"leave it out and set {' or '.join(KEYS[model.id.partition(':')[0]])}"
            )
    return Address(name, given[0] or None, tuple(given[1:]))


def hosts_of(model: Model) -> list[str]:
    """The hosts to which a model's declaration sends prompts; none for a vendor's own server and for models of this machine."""
    scheme, _, rest = model.id.partition(":")
    urls = [_named(rest)[1], *(model.base_url or ())] if scheme in KEYS else []
    return [urlsplit(url).hostname or url for url in urls if url]


def identify(scheme: str, address: Address) -> str:
    """Fingerprint of provider, model and its first server: others that serve the same may come and go. What is served under
    a name may change: see ``Generation.served``.
    """
    return fingerprint(scheme, address.model, address.url)


def find_key(model: Model, address: Address) -> tuple[str, str]:
    """(variable, key) of the first of the scheme's that is set; a server of one's own may do without.

    Raises:
        BadInput: for the provider's own server when none is set.
    """
    variables = KEYS[model.id.partition(":")[0]]
    for variable in variables:
        if key := os.environ.get(variable):
            return variable, key
    if address.url is None:
        raise BadInput(
            f"model {model.id!r}: no key: set {' or '.join(variables)}, "
            f"or name a server of your own: {model.id}@http://localhost:8000/v1"
        )
    return variables[0], "none"


def public(name: str) -> str:
    """A model's id without the user and password that its address may carry, for the message that refuses it.

    >>> public("openai:m@https://ann:word@example.org/v1")
    'openai:m@https://example.org/v1'
    """
    return CREDENTIALS.sub(r"\1", name)


def _named(rest: str) -> tuple[str, str]:
    """(model, address) of ``qwen3-8b@http://…``; a server's own names may have an @ too, such as ``sft@triage``."""
    before, at, after = rest.rpartition("@http")
    if at:
        return before, f"http{after}"
    name, _, url = rest.partition("@")
    return name, url
