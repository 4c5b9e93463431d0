"""Which release of a package is installed, asked without importing it.

>>> release("pypdf", extra="pdf")                                                              # doctest: +SKIP
'pypdf 7.1.1'
"""

from __future__ import annotations

from importlib.metadata import version

from harness.errors import present


def release(package: str, *, extra: str) -> str:
    """Name and version.

    Raises:
        MissingExtra: when it is not installed.
    """
    present(package, extra=extra)
    return f"{package} {version(package)}"
