"""The embedded model: a small Llama of our own, with the world it was raised in.

``embedded:tiny`` lets every layer of the harness run where no weights can be downloaded. ``world`` is the grammar
that writes its text, ``pretrain`` raises the model from a seed, ``tiny/`` holds the weights and the model card.

    harness embedded train --out my-tiny        # reproduce the weights
"""

from pathlib import Path

TINY = Path(__file__).parent / "tiny"
"""Folder of the shipped weights, laid out as ``transformers`` saves any model."""
