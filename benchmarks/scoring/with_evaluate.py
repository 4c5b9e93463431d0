"""evaluate: ``load(…).compute(predictions=…, references=…)`` on texts in memory.

python benchmarks/scoring/with_evaluate.py COUNT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import evaluate
from answers import Meter, pairs

if __name__ == "__main__":
    count = int(sys.argv[1])
    rouge = evaluate.load(str(Path(__file__).with_name("hub_rouge.py")), keep_in_memory=True)
    references, predictions = map(list, zip(*pairs(count), strict=True))
    rouge.compute(predictions=predictions[:10], references=references[:10])
    with Meter() as meter:
        scores = rouge.compute(predictions=predictions, references=references)
    assert len(scores["rougeL"]) == count
    told = {"answers": count, "metrics": "ROUGE-1, 2, L, Lsum", "rouge_l": sum(scores["rougeL"]) / count}
    print(json.dumps(told | meter.figures))
