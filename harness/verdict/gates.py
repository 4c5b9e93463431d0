"""When the evidence forbids a decision: never decide on bad rows.

    Gate(name="flagged", status="fail", evidence="sft: 31% of its test cases overlap its training data, allowed is 10%")

Each function looks at one thing in the rows of one suite and returns one `Gate`; all are reported, passed or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Literal

import numpy as np

from harness.plural import plural
from harness.stats import concordance
from harness.verdict.board import Board, Scores, difference, graded
from harness.verdict.check import PROBE, TUNED
from harness.verdict.choose import Finalists
from harness.verdict.column import Codes
from harness.verdict.kinship import Kin, Kinship
from harness.verdict.policy import Policy
from harness.verdict.verdict import Gate


def check(board: Board, finalists: Finalists, policy: Policy) -> list[Gate]:
    """Every gate of a deciding suite, in the order in which a person would ask."""
    tested = [board.test[name] for name in (*finalists.tuned, *finalists.untrained)]
    gates = [
        candidate(finalists),
        baseline(finalists),
        finalist(finalists),
        errors("errors", [*board.test.values(), *board.dev.values()]),
        splits(board),
        same_cases("same_cases", tested),
        flagged("flagged", tested, policy),
        clusters("clusters", board, tested, policy),
        seeds("seeds", [board.test[name] for name in finalists.tuned], policy),
    ]
    if not finalists.tuned:
        return gates
    pairs = [(board.test[one], board.test[other]) for one in finalists.tuned for other in finalists.untrained]
    gates.append(variants(board, policy))
    return [*gates, *_of_judges("", board, pairs, policy)]


def check_guard(board: Board, pairs: list[tuple[Scores, Scores]], policy: Policy) -> list[Gate]:
    """The gates of a guard suite, for the (tuned, untrained reference) pairs that are compared on it."""
    used = list({scores.contender: scores for pair in pairs for scores in pair}.values())
    tuned = [scores for scores in used if scores.technique in TUNED]
    at = f":{board.suite}"
    gates = [
        errors("errors" + at, used),
        same_cases("same_cases" + at, used),
        flagged("flagged" + at, used, policy),
        clusters("clusters" + at, board, used, policy),
        seeds("seeds" + at, tuned, policy),
    ]
    return [*gates, *_of_judges(at, board, pairs, policy)]


def candidate(finalists: Finalists) -> Gate:
    """Something tuned was measured at all."""
    absent = "no tuned contender has test rows: train and run one"
    if finalists.reverted:
        absent = f"{_list(finalists.reverted)} lost too much of what its parts score and was reverted: field the parts"
    said = f"tuned: {_list(finalists.tuned)}" if finalists.tuned else absent
    return _gate("candidate", bool(finalists.tuned), said, "INCONCLUSIVE")


def baseline(finalists: Finalists) -> Gate:
    """There is something untrained to compare with."""
    names = finalists.untrained
    return _gate(
        "baseline", bool(names), f"untrained: {_list(names)}" if names else "no untrained contender has test rows"
    )


def finalist(finalists: Finalists) -> Gate:
    """Whom dev chose was also tested: a weaker stand-in would make tuning look good."""
    if finalists.absent:
        return _gate("finalists", False, f"dev chose {_list(finalists.absent)}, which has no test rows: run it on test")
    how = "chosen on dev" if finalists.chosen else "no choice on dev: every contender counts, Holm over the tuned ones"
    return _gate("finalists", True, how)


def errors(name: str, used: Iterable[Scores]) -> Gate:
    """Nothing is left unmeasured."""
    left = {scores.contender: scores.missing for scores in used if scores.missing and not PROBE.match(scores.technique)}
    if not left:
        return _gate(name, True, "every answer was measured")
    said = ", ".join(f"{contender} {count}" for contender, count in sorted(left.items()))
    return _gate(name, False, f"not measured: {said}; run again, what failed is retried")


def splits(board: Board) -> Gate:
    """No cluster is both in dev and in test."""
    dev, test = (board.among(_union(part.values())) for part in (board.dev, board.test))
    shared = int(np.count_nonzero(dev & test))
    said = (
        f"{plural(shared, 'cluster')} in both dev and test: split by cluster"
        if shared
        else "dev and test share no cluster"
    )
    return _gate("splits", shared == 0, said)


def same_cases(name: str, used: list[Scores]) -> Gate:
    """Everybody compared answered the same cases, with every seed."""
    uneven = [scores.contender for scores in used if not scores.even]
    other = [scores.contender for scores in used[1:] if not np.array_equal(scores.cases, used[0].cases)]
    if uneven:
        return _gate(name, False, f"the seeds of {_list(uneven)} answered different cases: complete the run")
    if other:
        return _gate(name, False, f"{_list(other)} answered other cases than {used[0].contender}: complete the run")
    return _gate(name, True, "all compared contenders answered the same cases")


def flagged(name: str, used: list[Scores], policy: Policy) -> Gate:
    """Few test cases overlap what a contender was trained on or is shown; claims are made on the others."""
    shares = {scores.contender: float(scores.flagged.mean()) for scores in used if scores.flagged.size}
    worst = max(sorted(shares), key=lambda contender: shares[contender], default=None)
    if worst is None or shares[worst] == 0:
        return _gate(name, True, "no test case is flagged as overlapping training data")
    tuned = next(scores.technique for scores in used if scores.contender == worst) in TUNED
    what = "its training data" if tuned else "what it is shown"
    said = f"{worst}: {shares[worst]:.0%} of its test cases overlap {what}, allowed is {policy.max_flagged:.0%}"
    return _gate(name, shares[worst] <= policy.max_flagged, said)


def variants(board: Board, policy: Policy) -> Gate:
    """The base was given its chance: enough prompts tried, and no fewer than tuning configurations.

    Tried means rows on dev, or on test where the suite has no dev rows. A recipe that was searched for stands for all that
    its search tried.
    """
    seen = (board.dev or board.test).values()
    count = {t: {s.recipe for s in seen if s.technique == t} for t in ("prompt", *TUNED)}
    names = {name.rpartition("/")[0] for name in board.tried}
    searched = names | {f"{name}+rag" for name in names}
    prompts = len(count["prompt"])
    tuned = max(len(count[technique] - searched) for technique in TUNED) + len(board.tried)
    said = f"{plural(prompts, 'prompt variant')} and {plural(tuned, 'tuning configuration')} tried"
    if board.tried:
        said += f" ({len(board.tried)} of them by a search)"
    if prompts < policy.min_prompt_variants:
        return _gate(
            "prompt_variants", False, f"{said}, {policy.min_prompt_variants} prompts are needed: try more on dev"
        )
    if prompts < tuned:
        return _gate("prompt_variants", False, f"{said}: try as many prompts on dev as tuning configurations")
    return _gate("prompt_variants", True, said)


def clusters(name: str, board: Board, used: list[Scores], policy: Policy) -> Gate:
    """Enough independent sources of cases to know a variance."""
    count = min((board.count(s.cases[~s.flagged]) for s in used), default=0)
    enough = count >= policy.min_clusters
    said = f"{plural(count, 'independent cluster')} of clean test cases"
    return _gate(name, enough, said if enough else f"{said}, {policy.min_clusters} are needed", "INCONCLUSIVE")


def seeds(name: str, tuned: list[Scores], policy: Policy) -> Gate:
    """Enough trainings to know how much the next one will differ; a fixed artefact needs none."""
    if policy.estimand == "artefact":
        return _gate(name, True, "one fixed artefact: the claim dies at the next training", "INCONCLUSIVE")
    few = [s for s in tuned if len(s.seeds) < policy.min_seeds]
    if few:
        said = f"{few[0].contender} has {plural(len(few[0].seeds), 'training seed')}: train {plural(policy.min_seeds, 'seed')}"
        return _gate(name, False, said, "INCONCLUSIVE")
    least = min((len(s.seeds) for s in tuned), default=0)
    return _gate(name, True, f"{plural(least, 'training seed')} or more", "INCONCLUSIVE")


def _of_judges(at: str, board: Board, pairs: list[tuple[Scores, Scores]], policy: Policy) -> list[Gate]:
    """What is asked where a judge graded; elsewhere nothing."""
    if board.source != "judge":
        return []
    compared = {scores.recipe: scores.technique in TUNED for pair in pairs for scores in pair}
    return [judge("judge" + at, board, pairs, policy), kinship("kinship" + at, compared, policy.kinship)]


def judge(name: str, board: Board, pairs: list[tuple[Scores, Scores]], policy: Policy) -> Gate:
    """People graded enough of the judge's test cases, on both sides, and agree: a judge alone never justifies."""
    labels = min((_labelled(board, ours, theirs) for ours, theirs in pairs), default=0)
    if labels < policy.min_human_labels:
        said = f"people graded both sides of {plural(labels, 'test case')}, {policy.min_human_labels} are needed: label more"
        return _gate(name, False, said)
    _, judged, people = map(np.concatenate, zip(*graded(board).values(), strict=True))
    agreement = concordance(judged, people)
    said = f"judge and people agree {agreement:.2f} on {plural(labels, 'case')}, {policy.judge_agreement:.2f} is needed"
    return _gate(name, agreement >= policy.judge_agreement, said)


def kinship(name: str, compared: Mapping[str, bool], known: Kinship) -> Gate:
    """No judge grades its own family: neither what the contenders run on nor who wrote their training data.

    ``compared`` says of each contender whether it is tuned. What cannot be told passes, and says so.
    """
    behind = list(known.behind(compared))
    for one, (model, did) in product(known.jury, behind):
        if shared := one.like(model):
            itself = one.id.casefold() == model.id.casefold()
            kin = "itself" if itself else f"is of one family ({_list(shared)}) with {model.id}, which"
            said = f"the judge {one.id} {kin} {did}: take a judge of another family, or let people grade"
            return _gate(name, False, said)
    return _gate(name, True, _untold(known, [model for model, _ in behind]))


def _untold(known: Kinship, behind: list[Kin]) -> str:
    """What a passed gate of kinship could not look at."""
    unknown = [one.id for one in (*known.jury, *behind) if not one.families]
    if not known.judges or not behind:
        who = "who the contenders run on" if known.judges else "which model judged"
        return f"could not tell whether a judge graded its own family: {who} is not said ([kinship] in the policy)"
    if unknown:
        return f'could not tell the family of {_list(unknown)}: say it with family = "…"'
    return f"no judge is of a family with {_list(model.id for model in behind)}"


def _union(used: Iterable[Scores]) -> Codes:
    return np.concatenate([np.empty(0, dtype=np.int64), *(scores.cases for scores in used)])


def _labelled(board: Board, ours: Scores, theirs: Scores) -> int:
    mine, other = board.people.get(ours.contender), board.people.get(theirs.contender)
    return 0 if mine is None or other is None else int(difference(mine, other)[0].size)


def _gate(name: str, passed: bool, said: str, outcome: Literal["INVALID", "INCONCLUSIVE"] = "INVALID") -> Gate:
    return Gate(name, "pass" if passed else "fail", said, outcome)


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))
