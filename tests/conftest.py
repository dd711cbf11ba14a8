"""Settings for all tests."""

import os
import signal

from hypothesis import HealthCheck, settings

# no deadline: a busy machine is no fault of the code; in CI the same examples each time, so that a failure there is
# the change's own; by hand new ones each time
settings.register_profile(
    "chainrule", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("chainrule")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell leaves it in the background: nothing to interrupt by
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("COLUMNS", None)  # as if piped, however wide the terminal is that the tests are started in
