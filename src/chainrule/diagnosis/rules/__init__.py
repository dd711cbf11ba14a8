"""The rules, one a file, in the order in which they are asked: structural ones, curvature, thresholds."""

from chainrule.diagnosis.record import Rule
from chainrule.diagnosis.rules import (
    constant_output,
    dead_units,
    duplicate_or_conflicting_rows,
    exploding_gradient,
    learning_rate_too_large,
    learning_rate_too_small,
    linear_network,
    local_minimum,
    loss_output_pair,
    non_finite,
    ordered_data,
    output_range,
    overfitting,
    saturated_units,
    symmetric_start,
    too_early_stop,
    underfitting,
    unscaled_inputs,
    unscaled_targets,
    vanishing_gradient,
)

RULES: tuple[Rule, ...] = (
    loss_output_pair.RULE,
    output_range.RULE,
    symmetric_start.RULE,
    duplicate_or_conflicting_rows.RULE,
    ordered_data.RULE,
    unscaled_inputs.RULE,
    unscaled_targets.RULE,
    linear_network.RULE,
    non_finite.RULE,
    exploding_gradient.RULE,
    vanishing_gradient.RULE,
    dead_units.RULE,
    saturated_units.RULE,
    learning_rate_too_large.RULE,
    learning_rate_too_small.RULE,
    too_early_stop.RULE,
    overfitting.RULE,
    underfitting.RULE,
    local_minimum.RULE,
    constant_output.RULE,
)
"""The table: every way in which training fails that is known here."""
