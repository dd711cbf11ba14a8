"""What plans, sessions and kernels share: arrays of 64-bit words and of float64 numbers, and the names of their places.

Compiled code has no objects. What it needs to know lies in arrays of words (whole numbers, many of them addresses) and
of float64 numbers. Each enumeration here names the places of one kind of array; outside ``chainrule.engine`` nobody
needs them. What an instruction's own words mean stands beside its kernel (``chainrule.engine.kernels``).
"""

from enum import IntEnum, auto

INSTRUCTION_WORDS = 24
"""Of a row of the plan: first the address of a kernel's machine code, then that kernel's own words."""

JOB_WORDS = 64
CONTEXT_WORDS = 16
STATE_WORDS = 16
SCALARS_LENGTH = 32
PROGRESS_LENGTH = 16

BLOCK = 1024
"""Numbers whose squares an instruction adds up in the network's dtype, before float64 takes over."""


class Places(IntEnum):
    """Places counted from 0."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:
        del name, start, count
        return last_values[-1] + 1 if last_values else 0


class Context(Places):
    """Where a thread is: an array of words for each thread, written by the driver, read by kernels."""

    THREAD = auto()
    THREADS = auto()
    ROWS = auto()
    """Of this chunk."""
    INDEX = auto()
    """Address: the rows of the data that the chunk is made of, one word each."""
    OFFSET = auto()
    """Where the chunk begins within the batch."""
    ADDING = auto()
    """1 if gradients are added to those of an earlier chunk."""
    STEPPING = auto()
    """1 if gradients of weights go straight into the weights."""
    SCALARS = auto()
    """Address: the float64 numbers of this update (``Scalar``)."""
    BATCH = auto()
    """Rows of the batch."""
    BATCH_INDEX = auto()
    """Address: the rows of the data that the batch is made of."""
    SHARES = auto()
    """Address: how much each row of the batch counts; 0 where all count alike."""
    SHARDS = auto()
    """Parts that the batch is dealt into: none without a row."""


class Scalar(Places):
    """Float64 numbers of one update."""

    LEARNING_RATE = auto()
    UPDATE_COUNT = auto()
    """How many updates there have been, this one included."""
    BATCH_WEIGHT = auto()
    """How much the batch's rows count beside all rows."""
    NORM = auto()
    """Of the gradient."""
    SCALE = auto()
    """What ``clip_norm`` multiplies the gradient by."""
    OPTIMIZER = 8
    """Eight numbers that an optimizer prepares."""
    OPTIMIZER_MEMORY = 16
    """What an optimizer keeps from update to update."""


class Job(Places):
    """One training call: an array of words for each thread, written by a session, read by the driver."""

    THREAD = auto()
    THREADS = auto()
    COUNTER = auto()
    CONTEXT = auto()
    STATE = auto()
    PROGRESS = auto()
    ROWS = auto()
    BATCH = auto()
    CHUNK = auto()
    SHARDS = auto()
    UPDATES = auto()
    ORDER = auto()
    SHUFFLES = auto()
    RANDOM_FUNCTION = auto()
    RANDOM_STATE = auto()
    COUNTS = auto()
    SHARE_BUFFER = auto()
    ROW_LOSS = auto()
    SCALARS = auto()
    LEARNING_RATES = auto()
    BATCH_PLAN = auto()
    BATCH_COUNT = auto()
    CHUNK_PLAN = auto()
    CHUNK_COUNT = auto()
    CHUNK_STRIDE = auto()
    STEP_PLAN = auto()
    STEP_COUNT = auto()
    SUM_PLAN = auto()
    SUM_COUNT = auto()
    NORM_PLAN = auto()
    NORM_COUNT = auto()
    CLIPS = auto()
    MAY_STEP = auto()
    APPLY = auto()
    LOSSES = auto()
    NORMS = auto()
    VALIDATION_LOSSES = auto()
    PARAMETERS = auto()
    LENGTH = auto()
    EPOCH_START = auto()
    BEST = auto()
    VALIDATION_ROWS = auto()
    VALIDATION_CHUNK = auto()
    VALIDATION_PLAN = auto()
    VALIDATION_COUNT = auto()
    VALIDATION_INDEX = auto()
    VALIDATION_SHARES = auto()
    VALIDATION_ROW_LOSS = auto()
    VALIDATION_REFRESH_COUNT = auto()


class State(Places):
    """Words that outlive a training call."""

    UPDATE = auto()
    EPOCHS_DONE = auto()
    STOP = auto()
    """A number of ``chainrule.engine.session.Stop``."""
    BEST_EPOCH = auto()
    LAST_IMPROVED = auto()
    PATIENCE = auto()
    FIRST_EPOCH = auto()


class Progress(Places):
    """Float64 numbers that outlive a training call."""

    LOSS = auto()
    """The epoch's mean loss so far."""
    WEIGHT = auto()
    """How much the rows count that this mean is of."""
    BEST = auto()
    PATIENCE_REFERENCE = auto()
    """The loss that patience judges by."""
    MIN_DELTA = auto()
    BATCH_LOSS = auto()
    WHOLE = auto()
    """The sum of all rows' counts."""


class PredictionJob(Places):
    """One prediction: an array of words for each thread."""

    THREAD = auto()
    THREADS = auto()
    CONTEXT = auto()
    ROWS = auto()
    CHUNK = auto()
    INDEX = auto()
    PLAN = auto()
    REFRESH = auto()
    COUNT = auto()
    STRIDE = auto()
    SCALARS = auto()
    Y = auto()
    Y_STEP = auto()
    OUT = auto()
    OUTPUTS = auto()
