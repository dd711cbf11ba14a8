"""Settings for all tests."""

from hypothesis import HealthCheck, settings

# no deadline: a busy machine is no fault of the code
settings.register_profile("chainrule", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chainrule")
