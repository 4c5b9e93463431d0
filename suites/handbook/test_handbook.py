"""Claims about the handbook that its gate does not make. ``pytest suites/handbook`` checks both."""


def test_documents_help(paired):
    gain = paired("rag_bm25", "zero_shot")
    assert gain.lower > 0.10, gain


def test_fusing_ranks_costs_nothing(paired):
    loss = paired("rag_hybrid", "rag_bm25")
    assert loss.lower > -0.05, loss


def test_every_page_was_asked_about_on_its_own(scores):
    asked = scores("rag_bm25")
    assert asked.n == len(asked.values), "some questions were left out"
