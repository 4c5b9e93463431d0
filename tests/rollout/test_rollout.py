"""``harness rollout plan | judge`` on written ratings: small ones reckoned by hand, drawn ones with a planted trap."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.rollout import load_ratings, load_rollout
from harness.rollout.arms import between, paired
from harness.rollout.judgement import judge
from harness.rollout.sizes import planned
from tests.conftest import Ran, write_rows

Harness = Callable[..., Ran]
Row = dict[str, Any]

DECLARED = """
metric = "thumbs"
baseline = 0.7
margin = 0.05
users_a_day = 500
strata = ["country"]
[[stages]]
name = "shadow"
ratings_a_day = 200
[[stages]]
name = "10%"
share = 0.1
days = 3
margin = 0.2
[[stages]]
name = "50%"
share = 0.5
"""


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    path = tmp_path / "rollout.toml"
    path.write_text(DECLARED)
    return path


def production(
    count: int,
    *,
    gain: float = 0.0,
    stage: str = "50%",
    share: float = 0.5,
    seed: int = 1,
    per_user: int = 1,
    base: float = 0.7,
) -> Iterator[Row]:
    """Users who are pleased with the chance ``base``, by the candidate more often by ``gain``."""
    rng = random.Random(seed)
    for i in range(count):
        candidate = rng.random() < share
        pleased = rng.random() < base + gain * candidate
        for _ in range(per_user):
            yield {
                "stage": stage,
                "arm": "candidate" if candidate else "control",
                "user": f"{stage}-{seed}-{i}",
                "rating": int(pleased),
                "country": "de" if i % 3 else "fr",
            }


def judged(harness: Harness, declared: Path, rows: Iterable[Row], *options: str) -> tuple[int, dict[str, Any]]:
    said = harness(
        "rollout", "judge", declared, write_rows(declared.parent / "ratings.jsonl", rows), "--json", *options
    )
    assert said.code < 4, said.err
    return said.code, json.loads(said.out)


# --- the plan


def test_a_plan_says_how_many_and_how_long(declared: Path, harness: Harness) -> None:
    said = harness("rollout", "plan", declared)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith(
        "thumbs: to show with 80% that the candidate is at most 0.05 worse than 0.7, if it is equal"
    )
    assert [line.split()[0] for line in lines[3:6]] == ["shadow", "10%", "50%"]
    assert "Looking whenever you like takes 2." in said.out


def test_sizes_grow_as_the_square_of_what_is_to_be_seen(declared: Path, harness: Harness) -> None:
    def users(**changed: str) -> dict[str, int]:
        text = DECLARED
        for old, new in (pair.split(">") for pair in changed.values()):
            assert old in text
            text = text.replace(old, new)
        declared.write_text(text)
        found = json.loads(harness("rollout", "plan", declared, "--json").out)
        return {stage["name"]: stage["users"] for stage in found["stages"]}

    plain = users(a="margin = 0.2\n>\n")
    assert plain["10%"] / plain["50%"] == pytest.approx((0.5 * 0.5) / (0.1 * 0.9), rel=0.01)
    half = users(a="margin = 0.2\n>\n", b="margin = 0.05>margin = 0.025")
    assert half["50%"] / plain["50%"] == pytest.approx(4, rel=0.01)
    twice = users(a="margin = 0.2\n>\n", b='metric = "thumbs">ratings_per_user = 2\nicc = 0.5\nmetric = "thumbs"')
    assert twice["50%"] / plain["50%"] == pytest.approx(0.75, rel=0.01)


def test_what_a_plan_promises_is_kept(declared: Path, harness: Harness) -> None:
    """As many users as planned show an equal candidate to be no worse in about 80 % of productions."""
    found = json.loads(harness("rollout", "plan", declared, "--json").out)
    users = found["stages"][2]["users"]
    rollout = load_rollout(declared)
    rng, held = np.random.default_rng(3), 0
    for _ in range(200):
        candidate = rng.random(users) < 0.5
        ratings = (rng.random(users) < 0.7).astype(float)
        difference = between(ratings, candidate, np.zeros(users, int), np.arange(users), (0.0, 1.0))
        held += difference.bounds(rollout.alpha, planned(rollout))[0] > rollout.needed
    assert 0.7 < held / 200 < 0.9


def test_an_early_stage_that_takes_too_long_is_pointed_out(declared: Path, harness: Harness) -> None:
    assert "give it a margin of its own" not in harness("rollout", "plan", declared).out
    declared.write_text(DECLARED.replace("margin = 0.2\n", ""))
    assert "10% would take longer than 50%: it is there for great harm, so give it a margin of its own" in (
        harness("rollout", "plan", declared).out
    )


# --- the estimate, by hand


def test_a_difference_is_taken_within_strata_and_weighted_by_users() -> None:
    """de: 3 and 2 users, 1/3 and 1/2; fr: 2 and 2 users, 1/2 and 1. Weights 6/5 and 1."""
    values = np.array([1, 0, 0, 1, 0, 1, 0, 1, 1], dtype=float)
    candidate = np.array([0, 0, 0, 1, 1, 0, 0, 1, 1], dtype=bool)
    strata = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    found = between(values, candidate, strata, np.arange(9), (0.0, 1.0))
    assert found.estimate == pytest.approx((1.2 * (1 / 2 - 1 / 3) + 1.0 * (1 - 1 / 2)) / 2.2)
    assert (found.users, found.ratings) == ((5, 4), 9)
    swapped = between(values, ~candidate, strata, np.arange(9), (0.0, 1.0))
    assert swapped.estimate == pytest.approx(-found.estimate)
    assert swapped.variance == pytest.approx(found.variance)


def test_one_user_is_one_source_however_often_he_rates() -> None:
    rng = np.random.default_rng(1)
    own = (rng.random(400) < 0.5).astype(float)
    candidate, strata = np.arange(400) % 2 == 0, np.zeros(400, int)
    once = between(own, candidate, strata, np.arange(400), (0.0, 1.0))
    five = between(
        np.repeat(own, 5), np.repeat(candidate, 5), np.zeros(2000, int), np.repeat(np.arange(400), 5), (0.0, 1.0)
    )
    others = between(np.repeat(own, 5), np.repeat(candidate, 5), np.zeros(2000, int), np.arange(2000), (0.0, 1.0))
    assert five.variance == pytest.approx(once.variance)
    assert others.variance == pytest.approx(once.variance / 5, rel=0.05)
    plain = own[candidate].var(ddof=1) / 200 + own[~candidate].var(ddof=1) / 200
    assert once.variance == pytest.approx(plain, rel=0.02)


def test_a_handful_of_equal_ratings_is_not_certain() -> None:
    found = between(np.ones(8), np.arange(8) % 2 == 0, np.zeros(8, int), np.arange(8), (0.0, 1.0))
    assert (found.estimate, found.variance > 0.05) == (0.0, True)


def test_a_stratum_with_one_arm_or_one_user_says_nothing() -> None:
    values, candidate = np.array([1.0, 0, 1, 0, 1, 0, 0]), np.array([1, 1, 0, 0, 1, 0, 1], dtype=bool)
    found = between(values, candidate, np.array([0, 0, 0, 0, 1, 1, 2]), np.arange(7), (0.0, 1.0))
    assert (found.users, found.ratings, found.estimate) == ((2, 2), 4, 0.0)


def test_shadow_answers_are_compared_request_by_request() -> None:
    values = np.array([1.0, 0, 1, 1, 0, 1, 1])
    candidate = np.array([1, 0, 1, 0, 1, 0, 1], dtype=bool)
    found = paired(values, candidate, np.array([0, 0, 1, 1, 2, 2, 3]), np.array([0, 0, 1, 1, 2, 2, 3]), (0.0, 1.0))
    assert (found.estimate, found.users) == (0.0, (3, 3))  # +1, 0, -1; the fourth has no counterpart


# --- decisions


def test_an_equal_candidate_goes_on(declared: Path, harness: Harness) -> None:
    code, said = judged(harness, declared, production(8000))
    assert (code, said["decision"], said["next"]) == (0, "PROMOTE", "100%")
    [claim] = said["claims"]
    assert -0.05 < claim["lower"] < claim["estimate"] < claim["upper"] < 0.05
    assert sum(claim["users"]) == 8000


def test_a_worse_one_is_taken_back(declared: Path, harness: Harness) -> None:
    code, said = judged(harness, declared, production(4000, gain=-0.12))
    assert (code, said["decision"]) == (1, "ROLL_BACK")
    assert said["reasons"] == ["thumbs: shown to be below -0.05"]


def test_between_the_two_it_stays_and_says_for_how_long(declared: Path, harness: Harness) -> None:
    code, said = judged(harness, declared, production(1500))
    assert (code, said["decision"]) == (2, "HOLD")
    assert said["days"] == pytest.approx(said["more"] / 500)
    text = harness("rollout", "judge", declared, declared.parent / "ratings.jsonl").out
    assert text.startswith(
        "HOLD at 50%: stay at 50%, and go on collecting\n  thumbs: not yet shown to be above -0.05\n"
    )
    assert f"it takes about {said['more']:,} more users" in text


def test_so_many_more_would_show_it(declared: Path, harness: Harness) -> None:
    """If what is seen is the truth: the same ratings over again, by other users."""
    rows = list(production(1500))
    _, said = judged(harness, declared, rows)
    times = -(-(said["more"] + 1500) // 1500)
    again = [{**row, "user": f"{row['user']}/{k}"} for k in range(times) for row in rows]
    assert judged(harness, declared, again)[1]["decision"] == "PROMOTE"
    fewer = [row for row in again if int(row["user"].split("/")[1]) < times - 2]
    assert judged(harness, declared, fewer)[1]["decision"] == "HOLD"


def test_an_early_stage_looks_for_great_harm_alone(declared: Path, harness: Harness) -> None:
    code, said = judged(harness, declared, production(3000, stage="10%", share=0.1))
    assert (code, said["decision"], said["next"]) == (0, "PROMOTE", "50%")
    assert said["claims"][0]["needed"] == -0.2
    declared.write_text(DECLARED.replace("margin = 0.2\n", ""))
    assert judged(harness, declared, production(1500, stage="10%", share=0.1))[0] == 2


def test_stages_are_judged_together_and_shadow_for_itself(declared: Path, harness: Harness) -> None:
    early = list(production(3000, stage="10%", share=0.1))
    shadow = [
        {**row, "arm": arm, "stage": "shadow", "request": row["user"], "user": f"s{row['user']}"}
        for row in production(60, seed=9)
        for arm in ("control", "candidate")
    ]
    _, said = judged(harness, declared, [*shadow, *early, *production(500)])
    assert sum(said["claims"][0]["users"]) == 3500
    _, said = judged(harness, declared, shadow)
    assert (said["stage"]["name"], said["claims"][0]["estimate"], said["claims"][0]["users"]) == (
        "shadow",
        0.0,
        [60, 60],
    )


def test_a_lift_must_be_exceeded(declared: Path, harness: Harness) -> None:
    declared.write_text(DECLARED.replace("margin = 0.05", "lift = 0.05"))
    assert judged(harness, declared, production(6000, gain=0.12))[1]["decision"] == "PROMOTE"
    code, said = judged(harness, declared, production(9000, gain=0.0))
    assert (code, said["reasons"]) == (1, ["thumbs: shown to be below +0.05"])


def test_before_thirty_users_nothing_is_said(declared: Path, harness: Harness) -> None:
    code, said = judged(harness, declared, production(50, gain=-0.7))
    assert (code, said["decision"]) == (2, "HOLD")
    assert said["reasons"][0].startswith("nothing is said before 30 users in each arm have rated: ")


# --- traps


def test_a_changing_mix_of_traffic_is_no_gain(declared: Path, harness: Harness) -> None:
    """Simpson's: worse by 10 points in both countries, and better when pooled."""
    rows: list[Row] = []
    for country, base, stage, share in (("fr", 0.3, "10%", 0.1), ("de", 0.9, "50%", 0.5)):
        made = production(4000, gain=-0.1, stage=stage, share=share, base=base)
        rows += [{**row, "country": country} for row in made]
    ours = [row["rating"] for row in rows if row["arm"] == "candidate"]
    theirs = [row["rating"] for row in rows if row["arm"] == "control"]
    assert sum(ours) / len(ours) > sum(theirs) / len(theirs) + 0.05
    code, said = judged(harness, declared, rows)
    assert (code, said["decision"]) == (1, "ROLL_BACK")
    assert said["claims"][0]["estimate"] == pytest.approx(-0.1, abs=0.03)


def test_users_who_rate_ten_times_are_not_ten_users(declared: Path, harness: Harness) -> None:
    code, said = judged(harness, declared, production(400, per_user=10))
    assert (code, said["decision"]) == (2, "HOLD")
    others = [{**row, "user": str(i)} for i, row in enumerate(production(400, per_user=10))]
    assert judged(harness, declared, others)[1]["claims"][0]["lower"] > said["claims"][0]["lower"] + 0.05


def test_lost_users_make_it_invalid(declared: Path, harness: Harness) -> None:
    rng = random.Random(5)
    rows = [row for row in production(8000) if row["arm"] == "control" or rng.random() > 0.15]
    code, said = judged(harness, declared, rows)
    assert (code, said["decision"]) == (3, "INVALID")
    assert "which the declared shares do not give (p < 0.001, at any look)" in said["reasons"][0]
    assert said["split_p"] < 0.001


def test_who_comes_back_in_a_later_stage_was_drawn_before(declared: Path, harness: Harness) -> None:
    """Those of a 10 % stage who are still there at 50 % are no evidence against half and half."""
    early = list(production(4000, stage="10%", share=0.1))
    back = [{**row, "stage": "50%"} for row in early]
    _, said = judged(harness, declared, [*early, *back, *production(500)])
    assert said["decision"] != "INVALID"
    assert said["split_p"] > 0.05


def test_users_of_both_arms_make_it_invalid_unless_requests_are_assigned(declared: Path, harness: Harness) -> None:
    rows = [*production(8000), {**next(production(1)), "arm": "control"}, {**next(production(1)), "arm": "candidate"}]
    code, said = judged(harness, declared, rows)
    assert code == 3
    assert said["reasons"] == [
        '1 user with answers of both arms in one stage: assign each to one arm, or say assigned_by = "request"'
    ]
    declared.write_text('assigned_by = "request"\n' + DECLARED)
    assert judged(harness, declared, rows)[1]["decision"] == "PROMOTE"


def test_who_rates_is_not_who_is_served(declared: Path, harness: Harness) -> None:
    rng = random.Random(2)
    rows = [
        {**row, "rating": None if rng.random() < (0.5 if row["arm"] == "control" else 0.3) else row["rating"]}
        for row in production(6000)
    ]
    _, said = judged(harness, declared, rows)
    assert "the candidate's answers are rated more often, by " in said["notes"][0]
    even = [{**row, "rating": None if rng.random() < 0.5 else row["rating"]} for row in production(6000)]
    assert judged(harness, declared, even)[1]["notes"] == []


def test_a_guard_that_gets_worse_takes_it_back(declared: Path, harness: Harness) -> None:
    declared.write_text(DECLARED + '[[guards]]\ncolumn = "seconds"\nmargin = 0.5\n')
    rng = random.Random(4)

    def timed(slower: float) -> list[Row]:
        rows = production(8000)
        return [{**row, "seconds": rng.random() * 2 + slower * (row["arm"] == "candidate")} for row in rows]

    assert judged(harness, declared, timed(0.0))[1]["decision"] == "PROMOTE"
    code, said = judged(harness, declared, timed(0.9))
    assert (code, said["reasons"]) == (1, ["seconds: shown to be below -0.5"])
    assert judged(harness, declared, timed(0.49))[1]["decision"] == "HOLD"
    declared.write_text(declared.read_text() + 'better = "higher"\n')
    assert judged(harness, declared, timed(0.9))[1]["decision"] == "PROMOTE"


# --- files


def test_the_order_and_the_kind_of_file_make_no_difference(declared: Path, harness: Harness) -> None:
    rows = list(production(1000))
    _, said = judged(harness, declared, rows)
    random.Random(1).shuffle(rows)
    table = declared.parent / "ratings.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows[:600])
    rest = write_rows(declared.parent / "rest.jsonl", rows[600:])
    again = json.loads(harness("rollout", "judge", declared, table, rest, "--json").out)
    assert again["claims"][0]["lower"] == pytest.approx(said["claims"][0]["lower"])
    assert again["decision"] == said["decision"]


def test_days_come_from_the_ratings_where_no_traffic_is_declared(declared: Path, harness: Harness) -> None:
    declared.write_text(DECLARED.replace("users_a_day = 500\n", ""))
    rows = list(production(1500))
    rows[0]["time"], rows[-1]["time"] = "2026-11-04T10:00:00Z", "2026-11-07T12:00:00+02:00"
    _, said = judged(harness, declared, rows)
    assert said["days"] == pytest.approx(said["more"] / 500)


def test_markdown_shows_what_others_wrote_as_it_is(declared: Path, harness: Harness) -> None:
    declared.write_text(DECLARED.replace('"thumbs"', '"<b>a|b</b>\\u202e"'))
    said = harness("rollout", "judge", declared, write_rows(declared.parent / "r.jsonl", production(300)), "--markdown")
    assert "a\\|b" in said.out
    assert "\\u202e" in said.out
    assert "<b>" not in said.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arm": "treatment"}, "ratings.jsonl:2: arm: given 'treatment': choose one of candidate, control"),
        ({"stage": "5%"}, "ratings.jsonl:2: stage: given '5%': "),
        ({"rating": 5}, "ratings.jsonl:2: rating: given 5: it lies in range, from 0 to 1"),
        ({"rating": "good"}, "ratings.jsonl:2: rating: given 'good': write a finite number"),
        ({"rating": "nan"}, "ratings.jsonl:2: rating: given 'nan': write a finite number"),
        ({"user": ""}, "ratings.jsonl:2: user: missing: every row needs one; the row has 'stage', 'arm'"),
        ({"country": None}, "ratings.jsonl:2: country: missing: every row needs one"),
        ({"user": {"id": 1}}, "ratings.jsonl:2: user: given \"{'id': 1}\": write it as a text"),
        ({"time": "yesterday"}, "ratings.jsonl:2: time: given 'yesterday': write it as 2026-11-04T10:15:00Z"),
        ({"stage": "shadow"}, "ratings.jsonl:2: request: missing: every row needs one"),
    ],
)
def test_bad_rows_are_named(declared: Path, harness: Harness, change: Row, said: str) -> None:
    rows = list(production(3))
    rows[1] |= change
    found = harness("rollout", "judge", declared, write_rows(declared.parent / "ratings.jsonl", rows))
    assert (found.code, said in found.err) == (4, True), found.err


def test_a_request_is_answered_once_by_an_arm(declared: Path, harness: Harness) -> None:
    rows = [{**row, "request": "r1"} for row in production(1)] * 2
    found = harness("rollout", "judge", declared, write_rows(declared.parent / "ratings.jsonl", rows))
    assert found.code == 4
    assert "ratings.jsonl:2: request: given 'r1', which this arm answered before, at " in found.err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("margin = 0.05", "", "give margin (how much worse it may be) or lift"),
        ("margin = 0.05", "margin = 0.05\nlift = 0.1", "give margin (how much worse it may be) or lift"),
        ("margin = 0.05", "margin = 1.5", "margin or lift: given 1.5: it is less than the range, 1"),
        ("baseline = 0.7", "baseline = 1.7", "baseline: given 1.7: it lies in the range from 0 to 1"),
        ("baseline = 0.7", "baseline = 1", "sd: missing: at a baseline of 1 it cannot be derived"),
        ("baseline = 0.7", "baseline = 0.7\nrange = [1, 0]", "range: given [1.0, 0.0]: write the least and the most"),
        ('["country"]', '["user"]', "strata and guards: given 'user': that column means something else"),
        ('["country"]', '["a", "a"]', "strata and guards: 'a' stands twice"),
        ("share = 0.1\n", "share = 0.6\n", "stages: shares [0.6, 0.5]: they grow from stage to stage"),
        ('name = "50%"', 'name = "10%"', "stages: '10%' stands twice"),
        ("users_a_day", "user_a_day", "user_a_day: unknown key: did you mean 'users_a_day'?"),
        ('metric = "thumbs"', 'control = "candidate"', "candidate: given 'candidate', which is the control"),
    ],
)
def test_bad_declarations_are_refused(declared: Path, harness: Harness, old: str, new: str, said: str) -> None:
    assert old in DECLARED
    declared.write_text(DECLARED.replace(old, new, 1))
    found = harness("rollout", "plan", declared)
    assert (found.code, said in found.err) == (4, True), found.err


def test_no_ratings_and_two_forms_are_refused(declared: Path, harness: Harness) -> None:
    empty = declared.parent / "ratings.jsonl"
    empty.write_text("")
    assert harness("rollout", "judge", declared, empty).code == 4
    some = write_rows(declared.parent / "some.jsonl", production(3))
    assert (
        "--markdown and --json: choose one" in harness("rollout", "judge", declared, some, "--json", "--markdown").err
    )


def test_the_library_says_the_same(declared: Path, harness: Harness) -> None:
    _, said = judged(harness, declared, production(2000))
    rollout = load_rollout(declared)
    found = judge(load_ratings([declared.parent / "ratings.jsonl"], rollout), rollout)
    assert (found.decision, found.claims[0].lower) == (said["decision"], said["claims"][0]["lower"])


def test_the_page_shows_what_is_printed(tmp_path: Path, harness: Harness) -> None:
    page = (Path(__file__).parents[2] / "docs/rollout.md").read_text(encoding="utf-8")
    declared = tmp_path / "rollout.toml"
    declared.write_text(page.partition("```toml\n")[2].partition("```")[0])
    assert harness("rollout", "plan", declared).out in page
    row = json.loads(page.partition("```json\n")[2].partition("```")[0])
    found = harness("rollout", "judge", declared, write_rows(tmp_path / "ratings.jsonl", [row]))
    assert found.code == 2, found.err
