"""A store kept in order: what is wrong with it, what nobody needs any more, what others measured. `harness store`."""

from harness.upkeep.adapters import Adapter, shelf
from harness.upkeep.garbage import Garbage, garbage, remove
from harness.upkeep.inspection import Inspection, inspect

__all__ = ["Adapter", "Garbage", "Inspection", "garbage", "inspect", "remove", "shelf"]
