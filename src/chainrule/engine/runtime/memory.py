"""The words by which plans, jobs and kernels speak to each other: places in arrays of 64-bit words.

Compiled code has no objects. What it is told lies in arrays of words (whole numbers, many of them addresses) and of
float64 numbers; these are the names of the places.
"""

# -------------------------------------------------------------------------------- now: one array a thread
THREAD, THREADS = 0, 1
ROWS = 2  # of this chunk
INDEX = 3  # address: the rows of the data that the chunk is made of, one word each
OFFSET = 4  # where the chunk begins within the batch
ADDING = 5  # 1 if gradients are added to those of an earlier chunk
STEPPING = 6  # 1 if gradients of weights go straight into the weights
SCALARS = 7  # address: float64 numbers of this update, see below
BATCH = 8  # rows of the batch
BATCH_INDEX = 9  # address: the rows of the data that the batch is made of
SHARES = 10  # address: how much each row of the batch counts; 0 where all count alike
PARTS = 11  # shards that the batch is dealt into: none without a row
NOW_WORDS = 16

# -------------------------------------------------------------------------------- float64 numbers of an update
ETA = 0
COUNT = 1
STANDING = 2  # how much the batch's rows count beside all rows
NORM = 3  # of the gradient
SCALE = 4  # what clip_norm multiplies the gradient by
OPTIMIZER = 8  # eight numbers that an optimizer prepares
KEPT = 16  # what an optimizer keeps from update to update
SCALARS_LENGTH = 32

# -------------------------------------------------------------------------------- op: one row of the plan
BLOCK = 1024  # numbers whose squares an op adds up in the network's dtype, before float64 takes over
KERNEL = 0  # the address of its machine code; the other words are the kernel's own
OP_WORDS = 24

# -------------------------------------------------------------------------------- job: one array a thread
(
    J_THREAD, J_THREADS, J_COUNTER, J_NOW, J_STATE, J_REAL_STATE,
    J_ROWS, J_BATCH, J_CHUNK, J_SHARDS, J_UPDATES,
    J_ORDER, J_SHUFFLES, J_RNG_FUNCTION, J_RNG_STATE,
    J_COUNTS, J_SHARE_BUFFER, J_ROW_LOSS, J_SCALARS, J_ETAS,
    J_BATCH_OPS, J_BATCH_COUNT, J_CHUNK_OPS, J_CHUNK_COUNT, J_CHUNK_STRIDE, J_STEP_OPS, J_STEP_COUNT,
    J_SUM_OPS, J_SUM_COUNT, J_NORM_OPS, J_NORM_COUNT, J_CLIPS, J_MAY_STEP, J_APPLY,
    J_LOSSES, J_NORMS, J_VALIDATION_LOSSES,
    J_W, J_LENGTH, J_ENTERED, J_BEST,
    J_HELD_ROWS, J_HELD_CHUNK, J_HELD_OPS, J_HELD_COUNT, J_HELD_INDEX, J_HELD_SHARES, J_HELD_ROW_LOSS,
    J_HELD_REFRESH_COUNT,
) = range(49)  # fmt: skip
JOB_WORDS = 64

# -------------------------------------------------------------------------------- state: words that outlive a call
S_UPDATE, S_EPOCHS_DONE, S_STOP, S_BEST_EPOCH, S_BETTERED, S_PATIENCE, S_FIRST_EPOCH = range(7)
STATE_WORDS = 16

RUNNING, PATIENCE_OUT, NOT_FINITE = 0, 1, 2
"""Why a run ended, in S_STOP: the numbers of ``chainrule.engine.session.Stop``."""

R_LOSS, R_WEIGHT, R_BEST, R_TO_BEAT, R_MIN_DELTA, R_BATCH_LOSS, R_WHOLE = range(7)
"""Float64 numbers that outlive a call: the epoch's mean loss so far and its weight, what is judged by, and the sum of
all rows' counts."""

# -------------------------------------------------------------------------------- job of a prediction
(
    P_THREAD, P_THREADS, P_NOW, P_ROWS, P_CHUNK, P_INDEX, P_OPS, P_REFRESH, P_COUNT, P_STRIDE, P_SCALARS, P_Y, P_LDY,
    P_OUT, P_OUTPUTS,
) = range(15)  # fmt: skip
