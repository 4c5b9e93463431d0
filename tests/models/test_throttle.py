"""The limit is a state machine: no server is needed to try it."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from harness.models.throttle import FIRST, LONGEST, Throttle, pause


def test_it_grows_while_it_works_up_to_the_cap() -> None:
    throttle = Throttle(cap=10)
    assert throttle.limit == 5
    for _ in range(20):
        throttle.answered(throttle.begin())
    assert (throttle.limit, throttle.flying) == (10, 0)


def test_no_more_fly_than_may() -> None:
    throttle = Throttle(cap=4)
    turns = [throttle.begin() for _ in range(2)]
    assert throttle.wait(0.0) == inf
    throttle.answered(turns[0])
    assert throttle.wait(0.0) == 0.0


def test_requests_that_flew_together_halve_it_once() -> None:
    throttle = Throttle(cap=64)
    turns = [throttle.begin() for _ in range(32)]
    for turn in turns[:20]:
        throttle.refused(turn, 0.0)
    assert throttle.limit == 16
    for turn in turns[20:]:
        throttle.answered(turn)
    assert throttle.limit == 16, "what was asked before says nothing about what is now"
    throttle.refused(throttle.begin(), 0.0)
    assert (throttle.limit, throttle.flying) == (8, 0)


def test_the_longest_wait_that_was_asked_for_holds_for_all() -> None:
    throttle = Throttle(cap=8)
    first, second = throttle.begin(), throttle.begin()
    throttle.refused(first, now=10.0, after=5.0)
    throttle.refused(second, now=11.0, after=1.0)
    assert throttle.wait(12.0) == 3.0
    assert throttle.wait(15.0) == 0.0


@given(st.integers(1, 200), st.lists(st.sampled_from(["begin", "answered", "refused", "left"]), max_size=300))
def test_whatever_happens_one_may_fly_and_never_more_than_the_cap(cap: int, events: list[str]) -> None:
    throttle, turns = Throttle(cap), []
    for event in events:
        if event == "begin" and throttle.wait(0.0) == 0.0:
            turns.append(throttle.begin())
        elif turns and event == "answered":
            throttle.answered(turns.pop(0))
        elif turns and event == "refused":
            throttle.refused(turns.pop(0), 0.0)
        elif turns and event == "left":
            turns.pop(0)
            throttle.left()
        assert 1 <= throttle.limit <= max(cap, 1)
        assert throttle.flying == len(turns) <= cap
    while turns:
        throttle.answered(turns.pop())
    assert throttle.wait(0.0) == 0.0


def test_a_failed_request_waits_twice_as_long_each_time_and_not_all_of_it() -> None:
    assert [pause(tries, lambda: 1.0) for tries in (1, 2, 3, 50)] == [FIRST, 2 * FIRST, 4 * FIRST, LONGEST]
    assert pause(3, lambda: 0.0) == 2 * FIRST
