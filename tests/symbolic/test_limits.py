"""Work ends in time, wherever the end of its time finds it, and nothing is left behind."""

import contextvars
import gc
import random
import sys
import time

import mpmath
import pytest

from symbolic.limits import TimeLimit, within


def forever():
    while True:
        pass


def ends():
    return pytest.raises(TimeLimit, match=r"^$")


def test_work_without_end_is_ended_and_leaves_nothing_behind():
    for _ in range(5):
        with ends():
            within(0.01, forever)
    assert within(10.0, lambda: 1) == 1
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass


def test_an_end_at_any_instant_neither_hangs_nor_arrives_late():
    """Limits about as long as the work, or none at all, end it on entering, on leaving and in between."""
    draw, before = random.Random(0), len(sys._current_frames())
    ended = 0
    for _ in range(2000):
        seconds = draw.choice([0.0, 1e-6, 1e-5, 1e-4, 1e-3]) * draw.random()
        numbers = range(draw.randrange(20_000))
        try:
            assert within(seconds, lambda numbers=numbers: sum(i * i for i in numbers)) == sum(i * i for i in numbers)
        except TimeLimit:
            ended += 1
    assert 0 < ended < 2000
    until = time.monotonic() + 10
    while len(sys._current_frames()) > before and time.monotonic() < until:
        time.sleep(0.01)
    assert len(sys._current_frames()) <= before


def test_an_inner_limit_does_not_outlast_the_outer_one():
    began = time.monotonic()
    with ends():
        within(0.1, lambda: within(60.0, forever))
    assert time.monotonic() - began < 30
    with ends():
        within(60.0, lambda: within(0.01, forever))


def test_an_exception_that_is_swallowed_is_raised_again():
    def stubborn():
        for _ in range(2):
            try:
                forever()
            except BaseException:
                pass
        forever()

    with ends():
        within(0.01, stubborn)


def test_errors_and_the_context_of_the_caller_pass():
    setting = contextvars.ContextVar("setting", default=0)
    setting.set(3)
    assert within(10.0, setting.get) == 3
    with pytest.raises(ZeroDivisionError, match="by zero"):
        within(10.0, lambda: 1 // 0)


def test_the_precision_and_the_garbage_collector_are_as_before():
    def precise():
        mpmath.mp.prec = 999
        forever()

    before = mpmath.mp.prec
    with ends():
        within(0.01, precise)
    assert mpmath.mp.prec == before
    assert gc.isenabled()
