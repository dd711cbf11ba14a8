"""Each activation and loss as PyTorch code; PyTorch differentiates them itself, with the library's choice at kinks.

Where PyTorch's own function would lose digits, the formula is written out instead: ``hardsigmoid`` multiplies by a
single-precision 1/6 in double precision too (PyTorch 2.13: gradients off by 3e-9).
"""

from collections.abc import Iterable

from chainrule.core.activations import Activation
from chainrule.core.losses import ElementwiseLoss, Loss

_ACTIVATIONS = {
    "identity": "{z}",
    "sigmoid": "torch.sigmoid({z})",
    "tanh": "torch.tanh({z})",
    "relu": "torch.relu({z})",
    "leaky_relu": "torch.nn.functional.leaky_relu({z}, {alpha!r})",
    "elu": "torch.nn.functional.elu({z}, {alpha!r})",
    "selu": "{scale!r} * torch.nn.functional.elu({z}, {alpha!r})",
    "softplus": "torch.logaddexp({z}, torch.zeros_like({z}))",
    "softsign": "torch.nn.functional.softsign({z})",
    "gelu": "torch.nn.functional.gelu({z})",
    "gelu_tanh": 'torch.nn.functional.gelu({z}, approximate="tanh")',
    "silu": "torch.nn.functional.silu({z})",
    "mish": "{z} * torch.tanh(torch.logaddexp({z}, torch.zeros_like({z})))",
    "hard_sigmoid": "torch.where(torch.abs({z}) < 3, {z} / 6 + 0.5, ({z} > 0).to({z}.dtype))",
    "hard_tanh": "torch.nn.functional.hardtanh({z})",
    "exponential": "exponential({z})",
    "softmax": "torch.softmax({z}, dim=1)",
}

_EXPONENTIAL = '''def exponential(z):
    """exp(z), held below the largest number there is where it would overflow."""
    return torch.exp(torch.clamp(z, max=709.0 if z.dtype == torch.float64 else 88.0))
'''

_LOSSES = {
    "squared_error": "(t - y) ** 2",
    "half_squared_error": "(t - y) ** 2 / 2",
    "mean_squared_error": "(t - y) ** 2",
    "absolute_error": "torch.abs(t - y)",
    "huber": 'torch.nn.functional.huber_loss(y, t, reduction="none", delta={delta!r})',
    "quantile": "torch.where(t > y, {quantile!r} * (t - y), (1 - {quantile!r}) * torch.relu(y - t))",
    "log_cosh": "torch.logaddexp(y - t, t - y) - torch.log(torch.tensor(2.0, dtype=DTYPE))",
    "poisson": "y - t * torch.log(torch.clamp(y, min=torch.finfo(y.dtype).tiny))",
    "poisson_from_logits": "exponential(y) - t * y",
    "binary_cross_entropy": (
        "-(t * torch.log(torch.clamp(y, min=torch.finfo(y.dtype).tiny)) "
        "+ (1 - t) * torch.log1p(-torch.clamp(y, max=1 - torch.finfo(y.dtype).eps / 2)))"
    ),
    "binary_cross_entropy_from_logits": (
        'torch.nn.functional.binary_cross_entropy_with_logits(y, t, reduction="none")'
    ),
    "categorical_cross_entropy": "-t * torch.log(torch.clamp(y, min=torch.finfo(y.dtype).tiny))",
    "categorical_cross_entropy_from_logits": "-(t * torch.log_softmax(y, dim=1))",
}


def activation(z: str, row: Activation) -> str:
    """The activation of ``z`` as an expression.

    Example:
        >>> from chainrule.core.activations import RELU
        >>> activation("z1", RELU)
        'torch.relu(z1)'
    """
    return _ACTIVATIONS[row.name].format(z=z, **row.parameters)


def helpers(names: Iterable[str]) -> list[str]:
    """The functions that these activations and losses call besides PyTorch's own."""
    return [_EXPONENTIAL] if any(name in ("exponential", "poisson_from_logits") for name in names) else []


def loss_function(loss: Loss) -> str:
    """``loss(y, t)``: the mean over rows of each row's loss."""
    reduction = "mean" if isinstance(loss, ElementwiseLoss) and loss.reduction == "mean" else "sum"
    terms = _LOSSES[loss.name].format(**loss.parameters)
    return f'''def loss(y, t):
    """The {loss.name} of outputs y and targets t (N, outputs): the {reduction} over outputs, the mean over rows."""
    terms = {terms}
    return terms.{reduction}(dim=1).mean()
'''
