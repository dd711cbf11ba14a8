"""Many networks at once: sweeps over seeds, optimizers and rates, the learning-rate test, restarts."""

from chainrule.sweeps.learning_rates import LearningRateTest, learning_rate_test
from chainrule.sweeps.restarts import restart_seed, restarts
from chainrule.sweeps.result import Sweep, SweepRun
from chainrule.sweeps.sweep import sweep

__all__ = ["LearningRateTest", "Sweep", "SweepRun", "learning_rate_test", "restart_seed", "restarts", "sweep"]
