"""evaluate: ``load(…).compute(predictions=…, references=…)`` on texts in memory.

python benchmarks/scoring/with_evaluate.py COUNT
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import evaluate
from answers import pairs, peak

if __name__ == "__main__":
    count = int(sys.argv[1])
    rouge = evaluate.load(str(Path(__file__).with_name("hub_rouge.py")), keep_in_memory=True)
    references, predictions = map(list, zip(*pairs(count), strict=True))
    rouge.compute(predictions=predictions[:10], references=references[:10])
    before, started = peak(), time.perf_counter()
    scores = rouge.compute(predictions=predictions, references=references)
    seconds = time.perf_counter() - started
    assert len(scores["rougeL"]) == count
    told = {"answers": count, "seconds": seconds, "metrics": "ROUGE-1, 2, L, Lsum"}
    print(json.dumps(told | {"mean": sum(scores["rougeL"]) / count, "peak_mib": peak(), "peak_mib_before": before}))
