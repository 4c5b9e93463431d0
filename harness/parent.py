"""A worker ends with the run that started it, however that ends: what was left would go on in the folder of the next.

leave_with(os.getppid())        # in a process that was just started
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

CHECK = 1.0
"""Seconds between looks at whether it still lives."""
PR_SET_PDEATHSIG = 1
"""Of Linux's ``prctl``: which signal a process gets when its parent dies."""


def leave_with(pid: int) -> None:
    """End this process with another: with its parent, which Linux sees to at once, or with one above that, such as whoever
    started a launcher that does not look itself. Every second it looks whether the other is gone.
    """
    if os.getppid() == pid and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    gone = _orphaned if os.getppid() == pid else _ended
    if gone(pid):
        os._exit(1)

    def watch() -> None:
        while not gone(pid):
            time.sleep(CHECK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _orphaned(parent: int) -> bool:
    return os.getppid() != parent


def _ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's, and there
        return False
    return False
