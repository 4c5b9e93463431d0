from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import BadInput, MissingExtra
from harness.retrieval import Document, load_documents, load_index, load_retriever
from harness.retrieval.ranking import best
from harness.retrieval.token import tokens

TEXTS = {
    "refunds": "A refund takes five working days after the parcel has come back.",
    "returns": "Send a return within thirty days. Print the label from your account.",
    "shipping": "Parcels to the islands take a week. Express shipping takes one day.",
    "accounts": "Reset your password in the account settings.",
    "退款": "退款需要三十天。",
}
DOCUMENTS = [Document(id, text) for id, text in TEXTS.items()]
NAMES = ["bm25", "dense", "hybrid"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("How long does a REFUND take?", "refunds"),
        ("I forgot my password", "accounts"),
        ("express islands", "shipping"),
        ("退款要多久", "退款"),
    ],
)
def test_the_right_document_comes_first(name: str, query: str, first: str) -> None:
    assert load_retriever(name, DOCUMENTS).find(query, 2)[0].id == first


@pytest.mark.parametrize("name", NAMES)
def test_ties_keep_document_order(name: str) -> None:
    same = [Document(str(i), "the same words") for i in range(50)]
    retriever = load_retriever(name, [*same, Document("other", "something else")])
    assert [d.id for d in retriever.find("same words", 7)] == [str(i) for i in range(7)]
    assert [d.id for d in retriever.find("nothing known", 3)] == ["0", "1", "2"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_queries_and_collections(name: str) -> None:
    retriever = load_retriever(name, DOCUMENTS)
    for query in ("", "?!", "🙂", "\ud800", "word " * 10_000):
        assert len(retriever.find(query, 3)) == 3
    assert len(retriever.find("refund", 99)) == len(DOCUMENTS)
    assert retriever.find_many([], 3) == []
    assert load_retriever(name, []).find("x", 3) == []
    for texts in (["only one"], ["one two", "one two"], ["...", "!"], ["", "a word"]):
        few = [Document(str(i), text) for i, text in enumerate(texts)]
        assert len(load_retriever(name, few).find("one word", 5)) == len(few)


@pytest.mark.parametrize("name", NAMES)
def test_many_at_once_find_the_same_as_one_by_one(name: str) -> None:
    rng = random.Random(3)
    words = [f"w{i}" for i in range(300)]
    documents = [Document(str(i), " ".join(rng.choices(words, k=12))) for i in range(400)]
    queries = [" ".join(rng.choices(words, k=4)) for _ in range(600)]
    retriever = load_retriever(name, documents)
    together = retriever.find_many(queries, 5)
    assert together[::50] == [retriever.find(query, 5) for query in queries[::50]]
    assert together == load_retriever(name, documents).find_many(queries, 5)


def test_bm25_is_quiet_and_fast(capfd: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(1)
    words = [f"w{i}" for i in range(5000)]
    documents = [Document(str(i), " ".join(rng.choices(words, k=60))) for i in range(2000)]
    started = time.perf_counter()
    load_retriever("bm25", documents).find_many([document.text for document in documents[:300]], 5)
    assert time.perf_counter() - started < 20
    assert capfd.readouterr() == ("", "")


def test_hybrid_is_reciprocal_rank_fusion() -> None:
    from harness.retrieval.bm25 import BM25
    from harness.retrieval.dense import LSA
    from harness.retrieval.hybrid import Hybrid

    query = "how many days does a return of a parcel take"
    expected = np.zeros(len(DOCUMENTS))
    for index in (BM25(DOCUMENTS), LSA(DOCUMENTS)):
        scores = next(iter(index.scores([query])))
        for rank, position in enumerate(best(scores, len(scores)), 1):
            expected[position] += 1 / (60 + rank) if scores[position] > 0 else 0
    fused = next(iter(Hybrid(DOCUMENTS).scores([query])))
    assert fused == pytest.approx(expected * 1e4)


def test_an_index_is_made_once_for_the_same_documents() -> None:
    first = load_index("hybrid", tuple(DOCUMENTS))
    assert load_index("hybrid", tuple(DOCUMENTS)) is first
    assert load_index("hybrid", tuple(DOCUMENTS[1:])) is not first
    assert load_index("bm25", tuple(DOCUMENTS)) is not load_index("dense", tuple(DOCUMENTS))


@given(scores=st.lists(st.sampled_from([0.0, 0.5, 0.5000000001, 1.0, 2.0]), max_size=30), k=st.integers(0, 40))
@settings(deadline=None)
def test_best_is_a_stable_sort(scores: list[float], k: int) -> None:
    rounded = [round(score, 5) for score in scores]
    assert best(np.array(scores), k) == sorted(range(len(scores)), key=lambda i: -rounded[i])[:k]


def test_tokens() -> None:
    assert tokens("Überweisung 30 EUR: 退款 möglich?") == ["überweisung", "30", "eur", "退", "款", "möglich"]
    assert tokens("สวัสดี x") == [*"สวัสดี", "x"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bm52", "unknown retriever 'bm52': did you mean 'bm25'?"),
        ("bm25:x", "takes no argument"),
        ("nowhere:X", "unknown retriever"),
    ],
)
def test_unknown_retrievers(name: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_retriever(name, DOCUMENTS)
    assert said in str(caught.value)


def test_a_retriever_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "house_index.py").write_text(
        "class Longest:\n"
        "    def __init__(self, documents, argument): self.lengths = [len(d.text) for d in documents]\n"
        "    def scores(self, queries):\n"
        "        import numpy as np\n"
        "        return (np.array(self.lengths, float) for _ in queries)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_retriever("house_index:Longest", DOCUMENTS).find("x", 1)[0].id == "returns"


@pytest.mark.parametrize("name", ["dense:some/model", "hybrid:some/model"])
def test_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sentence_transformers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'tuneworthy\[embed\]'"):
        load_retriever(name, DOCUMENTS)


# --- documents ---


def test_a_folder_of_documents(tmp_path: Path) -> None:
    (tmp_path / "eu").mkdir()
    (tmp_path / "eu" / "tax.txt").write_text(" Tax is paid.\n")
    (tmp_path / "returns.md").write_text("# Returns\n\nThirty days.\n")
    (tmp_path / "faq.jsonl").write_text('{"id": "faq-1", "text": "Two days."}\n\n{"id": "faq-2", "text": "No."}\n')
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    assert load_documents(tmp_path) == [
        Document("eu/tax", "Tax is paid."),
        Document("faq-1", "Two days."),
        Document("faq-2", "No."),
        Document("returns", "# Returns\n\nThirty days."),
    ]
    assert [d.id for d in load_documents(tmp_path / "faq.jsonl")] == ["faq-1", "faq-2"]
    assert [d.id for d in load_documents(tmp_path / "returns.md")] == ["returns"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.md": "x", "a.txt": "y"}, "a.txt: duplicate document id 'a': {folder}/a.md has it too"),
        (
            {"a.jsonl": '{"id": "1", "text": "x"}\n{"id": "1", "text": "y"}'},
            "a.jsonl:2: duplicate document id '1': {folder}/a.jsonl:1",
        ),
        ({"a.jsonl": '{"id": "1"}'}, "a.jsonl:1: text: given None: every document needs a non-empty string 'text'"),
        ({"a.jsonl": '{"id": 1, "text": "x"}'}, "a.jsonl:1: id: given 1"),
        ({"a.jsonl": "oops"}, "a.jsonl:1: not valid JSON"),
        ({"a.md": " \n"}, "a.md: empty"),
        ({"a.png": "x"}, ": no documents: add files that end in .jsonl, .md, .txt"),
    ],
)
def test_broken_documents_are_named(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(BadInput) as caught:
        load_documents(tmp_path)
    assert said.format(folder=tmp_path) in str(caught.value)


def test_documents_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file or folder"):
        load_documents(tmp_path / "nothing")
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(BadInput, match=r"documents are read from \.jsonl, \.md, \.txt"):
        load_documents(tmp_path / "a.pdf")
    (tmp_path / "latin.md").write_bytes(b"\xe4")
    with pytest.raises(BadInput, match=r"latin\.md: cannot be read"):
        load_documents(tmp_path)
