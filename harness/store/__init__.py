"""The store: one DuckDB file in which all stages meet. All SQL of the project lives here.

with open_store(Path(".harness"), write=True) as store:
    store.declare("default", cells)
    store.add_generations(generations)
"""

from harness.store.check import Finding
from harness.store.database import batches
from harness.store.opening import open_store
from harness.store.origin import Origin
from harness.store.records import Answer, CellRow, Count, Rates, Run
from harness.store.store import Store
from harness.store.submission import Batch

__all__ = ["Answer", "Batch", "CellRow", "Count", "Finding", "Origin", "Rates", "Run", "Store", "batches", "open_store"]
