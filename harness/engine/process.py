"""An order carried out by a process of its own.

python -m harness.engine.process order.pickle outcome.pickle
"""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

from harness.engine.order import execute
from harness.parent import leave_with


def main(given: str, out: str) -> None:
    """Carry out the order in one file, and leave the outcome in another."""
    leave_with(os.getppid())
    outcome = execute(pickle.loads(Path(given).read_bytes()))
    Path(out).write_bytes(pickle.dumps(outcome))


if __name__ == "__main__":
    main(*sys.argv[1:])
