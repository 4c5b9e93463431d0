"""Speech by a model that ``transformers`` loads: Whisper, wav2vec2 and their kin.

    [inputs]
    audio = "transformers:openai/whisper-small"          # a Hub id, or a folder

WAV, FLAC, OGG and MP3 are read; two channels become one, and the rate becomes the model's.
"""

from __future__ import annotations

from functools import cached_property
from io import BytesIO
from typing import Any, Literal

import numpy as np

from harness.converters.package import release
from harness.errors import BadInput, need, present
from harness.experiment import Model
from harness.models.base import quiet
from harness.models.weights import identity, locate, revision
from harness.stats import Floats

WINDOW = 30
"""Seconds that Whisper hears at once (arXiv 2212.04356); longer speech is heard window after window."""


class Speech:
    """``transformers:MODEL``."""

    takes: Literal["audio"] = "audio"

    def __init__(self, argument: str) -> None:
        if not argument:
            raise BadInput("'transformers' needs a model: write 'transformers:openai/whisper-small', or a folder")
        self._model = Model(id=argument, quantization="none")

    @cached_property
    def version(self) -> str:
        present("torch", "transformers", "soundfile", extra="audio")
        return f"{release('transformers', extra='audio')}, {identity(self._model)}"

    def text(self, content: bytes) -> str:
        rate = self._pipeline.feature_extractor.sampling_rate
        heard = _samples(content, rate)
        options: dict[str, Any] = {}
        if len(heard) > WINDOW * rate:
            whisper = self._pipeline.type == "seq2seq_whisper"
            options = {"return_timestamps": True} if whisper else {"chunk_length_s": WINDOW}
        with quiet():
            return str(self._pipeline({"raw": heard, "sampling_rate": rate}, **options)["text"])

    @cached_property
    def _pipeline(self) -> Any:
        torch, transformers = need("torch", extra="audio"), need("transformers", extra="audio")
        try:
            with quiet():
                return transformers.pipeline(
                    "automatic-speech-recognition",
                    model=str(locate(self._model)),
                    revision=revision(self._model),
                    device=0 if torch.cuda.is_available() else -1,
                )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise BadInput(f"model {self._model.id!r}: transformers cannot load it for speech: {error}") from error


def _samples(content: bytes, rate: int) -> Floats:
    """What is heard, one channel at ``rate`` samples a second, shape (n,)."""
    soundfile = need("soundfile", extra="audio")
    try:
        samples, found = soundfile.read(BytesIO(content), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise BadInput(f"is no audio that can be read ({error}): WAV, FLAC, OGG and MP3 are") from error
    one: Floats = samples.mean(axis=1)
    if found == rate or not len(one):
        return one
    from scipy.signal import resample_poly

    shared = int(np.gcd(found, rate))
    return np.asarray(resample_poly(one, rate // shared, found // shared), dtype=np.float32)
