"""The memory that sessions and written-out programs share, and the names of its places."""

from enum import auto

from chainrule.engine.memory import Places

JOB_WORDS = 32


class Job(Places):
    """One call of a program: an array of words for each thread, written by a session, read by the program."""

    X = auto()
    T = auto()
    COUNTS = auto()
    ROWS = auto()
    COLUMNS = auto()
    BATCH = auto()
    ORDER = auto()
    MEMORY = auto()
    STRIDE = auto()
    FIRST = auto()
    LAST = auto()
    LIMITS = auto()
    UPDATE = auto()
    BATCH_NUMBER = auto()
    EPOCH = auto()
    UPDATES = auto()
    APPLY = auto()
    LEARNING_RATES = auto()
    RATE_STARTS = auto()
    DONE = auto()
    RANDOM_FUNCTION = auto()
    STREAMS = auto()
    LOSSES = auto()
    NORMS = auto()
    VALIDATION_LOSSES = auto()
    RECORDS = auto()
    VALIDATION_X = auto()
    VALIDATION_T = auto()
    VALIDATION_COUNTS = auto()
    VALIDATION_ROWS = auto()
    VALIDATION_COLUMNS = auto()


class Limit(Places):
    """A job's limits: float64 numbers."""

    L1 = auto()
    L2 = auto()
    CLIP_VALUE = auto()
    CLIP_NORM = auto()
    PATIENCE = auto()
    MIN_DELTA = auto()


STATE = ("loss", "best", "patience_reference", "best_epoch", "last_improved", "stopped", "E", "weight")
"""Numbers of a lane that outlive a call.

The epoch's loss so far; the best loss and its epoch; what patience judges by and when it last improved; why the lane
has stopped (a number of ``chainrule.engine.session.Stop``); the last batch's loss, not yet divided by its weight where
rows have one.
"""
