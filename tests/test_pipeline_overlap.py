from __future__ import annotations

import threading
import time

import pytest

from fancam.jobs.stream import WriteBehind, read_ahead


def test_items_come_in_order_and_all_of_them():
    assert list(read_ahead(iter(range(100)), 3)) == list(range(100))


def test_no_more_is_prepared_than_may_wait():
    started = []

    def items():
        for number in range(50):
            started.append(number)
            yield number

    ahead = read_ahead(items(), 2)
    assert next(ahead) == 0
    time.sleep(0.3)
    # One handed out, two waiting, one that waits for a place.
    assert len(started) <= 4
    ahead.close()


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("broken")

    ahead = read_ahead(items(), 4)
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)


def test_the_thread_ends_and_the_iterable_is_closed_when_the_caller_stops_early():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    ahead = read_ahead(items(), 1)
    next(ahead)
    ahead.close()
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


def test_results_of_writing_come_in_order_and_none_is_lost():
    writer = WriteBehind[int](2)
    got = []
    for number in range(20):
        got += writer.add(lambda number=number: number)
    got += writer.finish()
    writer.close()
    assert got == list(range(20))


def test_writing_holds_no_more_jobs_than_its_depth():
    gate = threading.Event()
    writer = WriteBehind[None](2)
    writer.add(gate.wait)
    writer.add(gate.wait)
    blocked = threading.Thread(target=lambda: writer.add(lambda: None))
    blocked.start()
    time.sleep(0.2)
    assert blocked.is_alive()
    gate.set()
    blocked.join(5)
    assert not blocked.is_alive()
    writer.finish()
    writer.close()


def test_an_error_while_writing_reaches_the_caller():
    def fail():
        raise OSError("disk")

    writer = WriteBehind[None](1)
    writer.add(lambda: None)
    with pytest.raises(OSError, match="disk"):
        writer.add(fail)
        writer.finish()
    writer.close()
