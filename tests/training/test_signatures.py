"""What trains takes the same arguments under the same names with the same defaults, or there is a reason why not."""

import inspect

import pytest

import chainrule as cr

FUNCTIONS = {
    "fit": cr.Network.fit,
    "training": cr.Network.training,
    "diagnose": cr.diagnose,
    "sweep": cr.sweep,
    "learning_rate_test": cr.learning_rate_test,
    "explain_step": cr.Network.explain_step,
    "to_python": cr.Network.to_python,
}

OTHER_DEFAULTS = {
    ("diagnose", "seed"): "a diagnosis can be repeated without noting a seed",
    ("learning_rate_test", "epochs"): "a rate shows within few epochs whether it diverges",
    ("to_python", "x"): "a script can be written without data",
    ("to_python", "t"): "a script can be written without data",
}

FIRST_ORDER = "a step of one gradient, and a learning rate, which second-order optimizers do not have"
OTHER_TYPES = {
    ("diagnose", "optimizer"): FIRST_ORDER,
    ("learning_rate_test", "optimizer"): FIRST_ORDER,
    ("explain_step", "optimizer"): FIRST_ORDER,
    ("to_python", "optimizer"): FIRST_ORDER,
}

LOOP = "the caller takes the updates, and measures and stops as they like"
ONE_STEP = "a single step is explained: there are no epochs, no batches, and nothing to stop"
PLAIN = "the step that is explained is that of the loss and the optimizer alone"
SCRIPT = "a script trains for all its epochs with NumPy"
SAME_RUN = "the runs that are compared must be the same whatever the clock and other functions do"
SAME_EPOCHS = "rates are compared after the same epochs, by their training loss"
MANY = "runs go side by side, and there is no one history to hand to a callback"
LEFT_OUT = {
    "training": dict.fromkeys(
        ("validation", "patience", "min_delta", "time_limit", "callbacks", "progress", "restarts"), LOOP
    ),
    "diagnose": dict.fromkeys(("time_limit", "callbacks"), SAME_RUN) | {"restarts": "one run is diagnosed"},
    "sweep": {
        "callbacks": MANY,
        "optimizer": "several are given as optimizers",
        "seed": "several are given as seeds",
        "restarts": "several first parameters are given as seeds",
    },
    "learning_rate_test": dict.fromkeys(("validation", "patience", "min_delta", "time_limit"), SAME_EPOCHS)
    | {"callbacks": MANY, "restarts": "all rates begin with the same parameters"},
    "explain_step": dict.fromkeys(
        (
            "epochs", "batch_size", "shuffle", "validation", "patience", "min_delta", "time_limit", "callbacks",
            "progress", "restarts", "engine", "threads",
        ),
        ONE_STEP,
    )
    | dict.fromkeys(("l1", "l2", "clip_norm", "clip_value"), PLAIN),
    "to_python": dict.fromkeys(
        (
            "validation", "patience", "min_delta", "time_limit", "callbacks", "progress", "restarts", "engine",
            "threads",
        ),
        SCRIPT,
    ),
}  # fmt: skip

# label_smoothing is in none of them: targets of a network are numbers, and only the estimators and tables know classes.


def arguments(name):
    return inspect.signature(FUNCTIONS[name]).parameters


FIT = arguments("fit")


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "fit"])
def test_a_shared_argument_has_the_same_default_and_type_or_a_reason(name):
    for argument, parameter in arguments(name).items():
        if argument in FIT and argument != "self":
            assert (parameter.default == FIT[argument].default) != ((name, argument) in OTHER_DEFAULTS), argument
            same_type = parameter.annotation == FIT[argument].annotation
            assert same_type != ((name, argument) in OTHER_TYPES), argument


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "fit"])
def test_an_argument_of_fit_is_taken_or_left_out_for_a_reason(name):
    assert set(FIT) - set(arguments(name)) - {"self"} == set(LEFT_OUT[name])


def test_arguments_that_fit_does_not_take_agree_among_the_others():
    seen = {}
    for name in FUNCTIONS:
        for argument, parameter in arguments(name).items():
            if argument not in FIT:
                seen.setdefault(argument, set()).add((repr(parameter.default), str(parameter.annotation)))
    seen.pop("net")  # the first argument, a Network in all of them
    assert [argument for argument, forms in seen.items() if len(forms) > 1] == []


def test_all_arguments_but_network_and_rows_are_given_by_name():
    for name in FUNCTIONS:
        positional = [a for a, p in arguments(name).items() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        assert positional in (["self", "x", "t"], ["net", "x", "t"]), name
