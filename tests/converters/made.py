"""Small files that converters read, made when a test needs them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path


def image_of(text: str) -> bytes:
    """A PNG with a line of text."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (40 + 24 * len(text), 120), "white")
    ImageDraw.Draw(image).text((20, 30), text, fill="black", font=ImageFont.load_default(40))
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def pdf_of(*pages: str) -> bytes:
    """A PDF with a line of text on each page, as its specification writes it down (ISO 32000)."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, page in enumerate(pages):
        drawn = f"BT /F1 24 Tf 72 700 Td ({page}) Tj ET".encode()
        font = "/Resources << /Font << /F1 3 0 R >> >>"
        parts.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] {font} /Contents {5 + 2 * i} 0 R >>".encode()
        )
        parts.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
    out, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(parts) + 1
    begin = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    return out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (count, begin)


def sound(seconds: float = 1.0, rate: int = 8000) -> bytes:
    """A WAV with two channels of one tone."""
    import numpy as np
    import soundfile

    tone = np.sin(np.arange(int(seconds * rate)) / rate * 440 * 2 * np.pi).astype("float32")
    out = BytesIO()
    soundfile.write(out, np.stack([tone, tone], axis=1), rate, format="WAV")
    return out.getvalue()


def ear(folder: Path) -> Path:
    """A Whisper of 9,000 random weights that hears letters; what transformers loads for speech."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

    letters = [chr(ord("a") + i) for i in range(26)]
    marks = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>"]
    end = marks[0]
    tokenizer = WhisperTokenizer(
        vocab={token: i for i, token in enumerate([*letters, *marks])},
        merges=[],
        unk_token=end,
        bos_token=end,
        eos_token=end,
        pad_token=end,
        additional_special_tokens=marks[1:],
    )
    torch.manual_seed(1)
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokenizer),
            num_mel_bins=16,
            d_model=16,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=32,
            decoder_ffn_dim=32,
            max_source_positions=100,
            max_target_positions=24,
            bos_token_id=26,
            eos_token_id=26,
            pad_token_id=26,
            decoder_start_token_id=27,
            init_std=1.0,
        )
    )
    model.generation_config.max_length = 20
    model.generation_config.suppress_tokens = list(range(26, len(tokenizer)))
    for part in (model, tokenizer, WhisperFeatureExtractor(feature_size=16, chunk_length=2)):
        part.save_pretrained(folder)
    return folder
