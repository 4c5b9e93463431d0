"""Where a served model is, and with which key.

openai:gpt-5-mini
openai:qwen3-8b@http://localhost:8000/v1
anthropic:claude-haiku-4-5
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from harness.errors import BadInput
from harness.experiment import Model
from harness.fingerprint import fingerprint

KEYS = {"openai": ("OPENAI_API_KEY",), "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")}
"""Variables of each scheme's key, the first that is set."""
CREDENTIALS = re.compile(r"(https?://)[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Address:
    """Which model, and where: ``url`` is None for the provider's own."""

    model: str
    url: str | None


def find_address(model: Model, *, variable: str) -> Address:
    """The address in an id, ``SCHEME:MODEL`` or ``SCHEME:MODEL@URL``; the environment's ``variable`` comes second.

    Raises:
        BadInput: without a model's name, or with something that is no URL.
    """
    name, url = _named(model.id.partition(":")[2])
    url = url or os.environ.get(variable, "")
    if not name:
        raise BadInput(f"model {model.id!r}: name one after the colon")
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise BadInput(f"model {model.id!r}: given the address {url!r}: write http://… or https://…")
    if url and "@" in urlsplit(url).netloc:
        raise BadInput(
            f"model {name!r} at {_public(url)}: the address holds a password, which would be kept with every result: "
            f"leave it out and set {' or '.join(KEYS[model.id.partition(':')[0]])}"
        )
    return Address(name, url.rstrip("/") or None)


def host_of(model: Model) -> str | None:
    """The host to which a model's own id sends prompts; None for a vendor's own server and for models of this machine."""
    scheme, _, rest = model.id.partition(":")
    url = _named(rest)[1] if scheme in KEYS else ""
    return urlsplit(url).hostname or url if url else None


def identify(scheme: str, address: Address) -> str:
    """Fingerprint of provider, model and server. What is served under a name may change: see ``Generation.served``."""
    return fingerprint(scheme, address.model, _public(address.url))


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
    """A model's id without the user and password that its address may carry.

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


def _public(url: str | None) -> str | None:
    """A URL without the user and password that it may carry."""
    if url is None:
        return None
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
