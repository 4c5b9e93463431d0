"""ROUGE as Hugging Face's ``evaluate`` computes it: its script lies on the Hub, this calls rouge-score as that does."""

from __future__ import annotations

import datasets
import evaluate
from rouge_score.rouge_scorer import RougeScorer

TYPES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


class Rouge(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string", id="sequence")
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="",
            features=datasets.Features({"predictions": text, "references": text}),
        )  # fmt: skip

    def _compute(self, predictions, references):
        scorer = RougeScorer(rouge_types=list(TYPES), use_stemmer=False)
        scores = [scorer.score(reference, text) for reference, text in zip(references, predictions, strict=True)]
        return {name: [score[name].fmeasure for score in scores] for name in TYPES}  # use_aggregator=False
