"""Training by first-order optimizers as a plain generator: one ``Update`` after each change of the parameters.

Each update: gather a batch, forward, loss, backward, penalties, clipping, the optimizer's rule, subtract.
"""

from collections.abc import Generator

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.layers import Run
from chainrule.core.seeds import streams
from chainrule.optimizers.schedules import Clock, Memory
from chainrule.training.batches import batch_factor, batches, counted
from chainrule.training.call import Call
from chainrule.training.clipping import clipped, penalised
from chainrule.training.divergence import check_finite, check_update
from chainrule.training.update import ScheduleState, Update


def updates(call: Call, state: ScheduleState) -> Generator[Update, None, None]:
    """Train the call's model in place, yielding after each update.

    Raises:
        DivergenceError: a loss, gradient or update is not finite; raised before the parameters are touched by it.
    """
    model, (x, t, weights), settings = call.model, call.data, call.settings
    chain, vector = model.chain, model.parameters.vector
    free, decayed = maths.free_entries(chain), maths.decayed_entries(chain)
    random = streams(settings.seed)
    rule, schedule = settings.rule, settings.optimizer.schedule
    size = call.batch_size
    per_epoch = -(-len(x) // size)
    counts = counted(t, weights)
    moments = rule.start(chain.size, chain.dtype, schedule.rate(Clock.at(0, per_epoch, settings.epochs), Memory()))

    number = 0
    for epoch in range(settings.epochs):
        for rows in batches(len(x), size, random.shuffle if settings.shuffle else None):
            eta = float(schedule.rate(Clock.at(number, per_epoch, settings.epochs), state.memory))
            whole = per_epoch == 1
            x_rows, t_rows = (x, t) if whole else (x[rows], t[rows])
            w_rows = weights if weights is None or whole else weights[rows]
            run = Run(training=True, state=model.state, rng=random.dropout)

            with np.errstate(all="ignore"):  # overflow is looked for in the results, where it can be named
                done = maths.forward_backward(chain, model.parameters, x_rows, t_rows, run, w_rows)
                gradient = penalised(done.gradient * batch_factor(counts, rows), vector, decayed, settings)
                check_finite(chain, done, gradient, epoch, number)
                gradient = clipped(np.where(free, gradient, 0), settings.clip_value, settings.clip_norm)
                gradient = gradient.astype(chain.dtype, copy=False)
                update, moments = rule.update(moments, gradient, eta, number + 1)
                if rule.decay:
                    update = update + eta * rule.decay * np.where(decayed, vector, 0)
                update = np.where(free, update, 0).astype(chain.dtype, copy=False)
                after = vector - update
                check_update(chain, after, epoch, number)

            vector[...] = after
            model.state = maths.next_state(chain, model.state, done.records)
            number += 1
            yield Update(
                epoch,
                number - 1,
                rows,
                done.loss,
                eta,
                model.parameters.with_vector(gradient),
                model.parameters.with_vector(update),
                model.parameters,
                ends_epoch=number % per_epoch == 0,
            )
