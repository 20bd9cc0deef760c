import os
import subprocess
import sys
import threading
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from litellm_cascade.audit.later import MOST, Later, now

FAR_OFF_S = 3600.0


@given(st.lists(st.integers()))
def test_work_is_done_in_the_order_in_which_it_was_given(numbers):
    later, done = Later(FAR_OFF_S), []
    for number in numbers:
        later(lambda number=number: done.append(number))
    later.finish()
    assert done == numbers


def test_it_is_done_without_being_asked_for_and_in_another_thread():
    later, threads, done = Later(0.001), [], threading.Event()
    later(lambda: (threads.append(threading.current_thread().name), done.set()))
    assert done.wait(20)
    assert threads == ["cascade-audit"]


def test_work_that_comes_after_a_pause_is_done_too():
    later = Later(0.0)
    for _ in range(3):
        done = threading.Event()
        later(done.set)
        assert done.wait(20)


def test_nothing_is_done_where_it_was_asked_for():
    later, done = Later(FAR_OFF_S), []
    later(lambda: done.append(1))
    assert done == []


def test_no_more_waits_than_there_is_room_for_and_the_order_is_kept():
    later, done = Later(FAR_OFF_S), []
    for number in range(MOST + 1):
        later(lambda number=number: done.append(number))
    assert done == list(range(MOST + 1)), "in its order: what a request ended with is not told before what it began with"


def test_work_that_brings_more_than_there_is_room_for_waits_for_nobody_but_itself():
    later, done = Later(FAR_OFF_S), []
    later(lambda: [later(lambda: done.append(1)) for _ in range(MOST + 1)])
    later.finish()
    assert len(done) == MOST + 1


def test_what_work_asks_for_in_turn_is_done_as_well():
    later, done = Later(FAR_OFF_S), []
    later(lambda: later(lambda: done.append("then")))
    later.finish()
    assert done == ["then"]


def test_work_that_fails_costs_nothing_that_comes_after_it_and_its_words_are_not_logged(caplog):
    later, done = Later(FAR_OFF_S), []

    def fail():
        raise ValueError("the-secret-canary-sings")

    later(fail)
    later(lambda: done.append(1))
    later.finish()
    assert done == [1]
    assert caplog.messages == ["cascade: something of a request could not be written down: ValueError"]


def test_all_threads_may_give_work():
    later, done = Later(0.001), []
    threads = [threading.Thread(target=lambda: [later(lambda: done.append(1)) for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    later.finish()
    assert len(done) == 1600


def test_now_is_at_once():
    done = []
    now(lambda: done.append(1))
    assert done == [1]


def run(code):
    prologue = "import os, sys\nfrom litellm_cascade.audit.later import Later\nlater = Later(3600.0)\n"
    return subprocess.run([sys.executable, "-c", prologue + dedent(code)], capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_process_that_ends_by_itself_does_what_is_left():
    assert run("for number in range(3): later(lambda number=number: print(number))") == "0\n1\n2\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_worker_begins_with_nothing_and_works():
    code = """
    later(lambda: os.write(1, b"parent "))
    child = os.fork()
    if child == 0:
        later(lambda: os.write(1, b"child "))
        sys.exit(0)
    os.waitpid(child, 0)
    """
    assert run(code) == "child parent "
