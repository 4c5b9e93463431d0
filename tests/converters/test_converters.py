"""Each converter on a small file of its kind, by the real program or package behind it."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path

import pytest

from harness.cascade import CONVERTERS, DEFAULTS
from harness.converters.page import MainText
from harness.converters.pdf import Pdf
from harness.converters.speech import Speech
from harness.converters.tesseract import Tesseract
from harness.errors import BadInput, MissingExtra
from harness.metrics import load_object
from tests.converters.made import ear, image_of, pdf_of, sound

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed: apt-get install tesseract-ocr"
)
PAGE = """<html><head><title>Seals</title></head><body><nav><a href="/">Home</a><a href="/shop">Shop</a></nav>
<article><h1>How a pump is sealed</h1><p>Every pump of ours has a seal of rubber, which is to be changed once a year.</p>
<p>It is held by four screws; turn them crosswise, and never without water in the housing.</p></article>
<footer>Imprint and cookies</footer></body></html>"""


def test_every_converter_of_the_table_is_there_and_says_what_it_takes() -> None:
    takes = {name: load_object(target).takes for name, target in CONVERTERS.items()}
    assert set(takes.values()) == {"audio", "image", "pdf", "url"}
    assert all(takes[name] == kind for kind, name in DEFAULTS.items())


@needs_tesseract
def test_tesseract_reads_an_image() -> None:
    reader = Tesseract("")
    assert reader.version.startswith("tesseract ")
    assert reader.text(image_of("Invoice total 12.50 EUR")).strip() == "Invoice total 12.50 EUR"


@needs_tesseract
def test_a_photo_is_read_as_it_was_held() -> None:
    from PIL import Image

    turned, out = Image.open(BytesIO(image_of("Pump number 17"))).transpose(Image.Transpose.ROTATE_90), BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn it clockwise
    turned.save(out, "JPEG", exif=exif)
    assert Tesseract("eng").text(out.getvalue()).strip() == "Pump number 17"


@needs_tesseract
def test_a_language_that_is_not_there() -> None:
    with pytest.raises(BadInput, match=r"no language 'tlh' here, but eng.*apt-get install tesseract-ocr-tlh"):
        _ = Tesseract("tlh").version


def test_no_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtra, match="apt-get install tesseract-ocr"):
        _ = Tesseract("").version


@pytest.mark.parametrize("content", [b"", b"no image", image_of("x")[:60]])
def test_what_is_no_image(content: bytes) -> None:
    with pytest.raises(BadInput, match="is no image that can be read"):
        Tesseract("").text(content)


def test_pypdf_reads_every_page() -> None:
    reader = Pdf("")
    assert reader.version.startswith("pypdf ")
    assert reader.text(pdf_of("The pump leaks.", "It is the seal.")) == "The pump leaks.\n\nIt is the seal."
    assert reader.text(pdf_of("")) == ""


def test_a_pdf_with_a_password() -> None:
    from pypdf import PdfReader, PdfWriter

    writer, out = PdfWriter(), BytesIO()
    writer.append(PdfReader(BytesIO(pdf_of("secret"))))
    writer.encrypt("word", algorithm="RC4-128")
    writer.write(out)
    with pytest.raises(BadInput, match="is locked by a password"):
        Pdf("").text(out.getvalue())


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4\n", pdf_of("cut off")[:200]])
def test_what_is_no_pdf(content: bytes) -> None:
    with pytest.raises(BadInput, match="is no PDF that can be read"):
        Pdf("").text(content)


def test_trafilatura_finds_the_main_text() -> None:
    text = MainText("").text(PAGE.encode())
    assert "seal of rubber" in text
    assert "turn them crosswise" in text
    assert "Shop" not in text
    assert "cookies" not in text
    assert MainText("").text("Plain, für alle.".encode()) == "Plain, für alle."


@pytest.mark.parametrize("converter", [Pdf, MainText])
def test_no_argument_is_taken(converter: type[Pdf | MainText]) -> None:
    with pytest.raises(BadInput, match="takes no argument, given 'fast'"):
        converter("fast")


def test_transformers_hears_speech(tmp_path: Path) -> None:
    model = Speech(str(ear(tmp_path / "ear")))
    heard = model.text(sound())
    assert heard.isalpha()
    assert heard == model.text(sound()), "the same sound is the same text"
    assert heard != model.text(sound(rate=16000)[:9000]), "another sound is another one"
    assert model.version.startswith("transformers ")
    before = model.version
    config = tmp_path / "ear/config.json"
    config.write_text(config.read_text().replace('"dropout": 0.0', '"dropout": 0.1'))
    assert Speech(str(tmp_path / "ear")).version != before, "other weights are another version"
    with pytest.raises(BadInput, match="is no audio that can be read"):
        model.text(b"no sound")


def test_speech_needs_a_model() -> None:
    with pytest.raises(BadInput, match="'transformers' needs a model"):
        Speech("")
