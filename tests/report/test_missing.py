"""The bar of what is missing: its parts add up, its numbers stand in words, and what was not measured is not told apart."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from harness.report import missing, to_html
from harness.report.gathered import Difference, Rung, Span, Suite
from harness.report.missing import Part
from tests.report.report_worlds import GAPS, HOSTILE, small

TRIAGE = small().models[0].suites[0]
GAP = Difference("ours", "few_shot", Span(0.1, 0.07, 0.13), 400, 0)
SCORE = Part("score", "few_shot", 0.752, "75.2 (71.6 to 78.5)", "What the best prompt scores.")


def suite(*gaps: tuple[str, Difference], **changed: Any) -> Suite:
    return replace(TRIAGE, diagnosis=gaps, **changed)


def parts(shown: Suite, *, probed: bool = False) -> tuple[Part, ...]:
    found = missing.split(shown, probed=probed)
    assert found is not None
    return found.parts


def test_all_parts() -> None:
    found = missing.split(TRIAGE)
    assert found is not None
    assert found.tuned == TRIAGE.ladder[1]
    assert found.ask == ""
    own, form, facts, skill = found.parts
    assert own == SCORE
    assert form == Part(
        "format",
        "Form",
        0.06,
        "+6.0 (3.1 to 9.0)",
        "Right in substance, not in form: what a lenient reading of the same answers adds. "
        "Constrained decoding (constrained) gains +5.2 (2.4 to 8.1).",
    )
    assert facts == Part(
        "knowledge",
        "Knowledge",
        0.101,
        "+10.1 (7.0 to 13.0)",
        "What the passage that holds the answer adds when it stands in the prompt (gold).",
    )
    assert (skill.kind, skill.name, skill.value) == ("skill", "Skill", "8.7 (0.0 to 18.3)")
    assert sum(part.share for part in found.parts) == pytest.approx(1)


def test_nothing_but_the_score_is_known() -> None:
    found = missing.split(suite())
    assert found is not None
    assert found.parts[0] == SCORE
    assert found.parts[1] == Part(
        "open",
        "Not told apart",
        pytest.approx(0.248),
        "24.8 (21.5 to 28.4)",
        "Form, knowledge or skill: not measured apart.",
    )
    assert (
        found.ask
        == "Write probes = true into the experiment and run it again: that tells form and knowledge from skill."
    )
    probed = missing.split(suite(), probed=True)
    assert probed is not None
    assert (
        probed.ask == "The run had its probes, but this suite gives none that would tell form and knowledge from skill."
    )


def test_constrained_decoding_stands_in_for_the_lenient_reading() -> None:
    form, rest = parts(suite(("format_gap", GAP)))[1:]
    assert (form.kind, form.value) == ("format", "+10.0 (7.0 to 13.0)")
    assert form.meaning == "What holding the answer to its form while decoding adds (ours)."
    assert rest.meaning == "Knowledge or skill: not measured apart."


@pytest.mark.parametrize(
    ("span", "share", "ends"),
    [
        (Span(0.02, -0.01, 0.05), 0.02, " Not shown to be more than nothing."),
        (Span(-0.04, -0.07, -0.01), 0.0, " Here it takes away."),
        (Span(0.04, 0.01, 0.07), 0.04, "prompt (ours)."),
    ],
)
def test_less_than_nothing_counts_as_nothing(span: Span, share: float, ends: str) -> None:
    facts, rest = parts(suite(("knowledge_gap", replace(GAP, span=span))))[1:]
    assert facts.share == share
    assert facts.meaning.endswith(ends)
    assert rest.share == pytest.approx(1 - 0.752 - share)


def test_parts_that_overlap_end_at_a_hundred() -> None:
    wide = replace(GAP, span=Span(0.2, 0.1, 0.3))
    found = missing.split(suite(("format_loss", wide), ("knowledge_gap", wide)))
    assert found is not None
    assert found.parts[-1].value == "0.0 (0.0 to 8.4)"
    widths = re.findall(r'<rect class="part \w+" x="([\d.]+)%" y="20" width="([\d.]+)%"', missing.bar(found))
    assert widths == [("0.00", "75.20"), ("75.20", "20.00"), ("95.20", "4.80")]


def test_without_an_interval() -> None:
    alone = replace(GAP, span=Span(0.1, float("-inf"), float("inf")))
    assert [part.value for part in parts(suite(("knowledge_gap", alone)))[1:]] == [
        "+10 (no interval)",
        "14.8 (no interval)",
    ]


def test_the_prompt_is_the_one_that_was_compared() -> None:
    other = Rung("keys", "prompt", "prompt", Span(0.8, 0.76, 0.84), 400)
    ladder = (*TRIAGE.ladder, other)
    assert parts(suite(("knowledge_gap", GAP), ladder=ladder))[0].name == "few_shot"
    assert parts(suite(ladder=ladder))[0].name == "few_shot"  # the finalist
    plain = tuple(replace(rung, finalist=False) for rung in ladder)
    assert parts(suite(ladder=plain))[0].name == "keys"
    assert missing.split(suite(ladder=TRIAGE.ladder[1:])) is None


BAR = (
    '<svg class="missing" role="img" aria-label="of 100 points: few_shot 75.2 (71.6 to 78.5); '
    'Not told apart 24.8 (21.5 to 28.4); the tuned sft scores 83.5 (80.1 to 86.6)" width="100%" height="54">'
    '<rect class="part score" x="0.00%" y="20" width="75.20%" height="34"/>'
    '<text class="part score" x="37.60%" y="41.0">75.2</text>'
    '<rect class="part open" x="75.20%" y="20" width="24.80%" height="34"/>'
    '<text class="part open" x="87.60%" y="41.0">24.8</text>'
    '<line class="edge" x1="83.54%" x2="83.54%" y1="0" y2="26"/>'
    '<text class="last" x="83.54%" dx="-5" y="12">sft 83.5</text></svg>'
    '<svg class="axis" aria-hidden="true" width="100%" height="20"><text x="0.00%" y="14" class="first">0</text>'
    '<text x="25.00%" y="14" class="mid">25</text><text x="50.00%" y="14" class="mid">50</text>'
    '<text x="75.00%" y="14" class="mid">75</text><text x="100.00%" y="14" class="last">100</text></svg>'
)


def test_the_whole_drawing() -> None:
    found = missing.split(suite())
    assert found is not None
    assert missing.bar(found) == BAR


def test_the_other_differences_each_have_a_sentence() -> None:
    rows, _ = missing.others(TRIAGE)
    assert [(row.name, row.value, sentence) for row, sentence in rows] == [
        ("Retrieval gap", "+3.0", "Retrieval misses passages: the right one alone gives more (gold minus rag_bm25)."),
        (
            "Latent ability",
            "+1.3",
            "Several tries are not shown to be better than the single answer (tries minus few_shot).",
        ),
        (
            "Interaction",
            "−4.0",
            "Adapter and retrieval get in each other’s way ((sft+rag - rag) minus (sft - few_shot)).",
        ),
    ]
    assert missing.others(suite())[0] == []


@pytest.mark.parametrize("key", missing.SAID)
def test_a_sentence_says_what_is_shown(key: str) -> None:
    spans = Span(0.1, 0.05, 0.15), Span(-0.1, -0.15, -0.05), Span(0.0, -0.05, 0.05)
    assert len({missing.says(key, replace(GAP, span=span)) for span in spans}) == 3


def test_an_unknown_difference_is_named() -> None:
    rows, _ = missing.others(suite(("seen_facts", GAP)))
    assert [(row.name, sentence) for row, sentence in rows] == [("Seen facts", "ours minus few_shot.")]


def test_names_are_text() -> None:
    text = "".join(HOSTILE)
    gaps = tuple((key, replace(gap, ours=text)) for key, gap in GAPS)
    rungs = tuple(replace(rung, contender=text) for rung in TRIAGE.ladder)
    base = small().models[0]
    hostile = replace(TRIAGE, diagnosis=gaps, ladder=rungs, contender=text)
    page = to_html(small(models=(replace(base, suites=(hostile,)),)))
    found = missing.split(hostile)
    assert found is not None
    assert "<img" not in missing.bar(found)
    assert "<img" not in page
    assert not re.search("[\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)


def test_skill_is_what_was_measured_with_everything_given() -> None:
    left = Difference("1", "gold read leniently", Span(0.08, 0.05, 0.11), 400, 0)
    gaps = (("format_loss", GAP), ("knowledge_gap", GAP), ("skill_residual", left))
    assert parts(suite(*gaps))[-1].value == "8.0 (5.0 to 11.0)"
    assert missing.others(suite(*gaps))[0] == [], "it is in the bar"
