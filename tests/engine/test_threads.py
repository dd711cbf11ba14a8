"""Helpers that wait for work between calls."""

import os
import signal
import threading
import time

import pytest

from chainrule.engine.runtime.workers import run_threads


def noted(jobs):
    """Which thread did which job."""
    by, meeting = {}, threading.Barrier(len(jobs))

    def drive(job):
        by[job] = threading.get_ident()
        meeting.wait(10)

    run_threads(drive, jobs)
    return by


def test_jobs_run_at_once_the_first_in_this_thread():
    by = noted([1, 2, 3])
    assert by[1] == threading.get_ident()
    assert len(set(by.values())) == 3


def test_the_same_helpers_come_again():
    first = noted([1, 2])
    assert noted([3, 4])[4] == first[2]
    assert noted([1]) == {1: threading.get_ident()}


def test_calls_from_several_threads_have_helpers_of_their_own():
    found = []
    callers = [threading.Thread(target=lambda: found.append(noted([1, 2]))) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 5


def test_ctrl_c_waits_until_all_are_done():
    done = []

    def drive(job):
        if job == 0:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05 * job)
        done.append(job)

    with pytest.raises(KeyboardInterrupt):
        run_threads(drive, [0, 1, 2])
    assert sorted(done) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_starts_helpers_of_its_own():
    noted([1, 2])
    child = os.fork()
    if child == 0:
        os._exit(0 if len(set(noted([1, 2]).values())) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
