"""Logistic regression on what a network sees, with weighted samples: the heads of the learnt models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

Array = npt.NDArray[Any]


def weighted_logistic(values: Array, fake: Array, weights: Array, ridge: float) -> tuple[Array, float]:
    """Return slopes and bias that fit best.

    Parameters
    ----------
    values
        (n, d), of about unit spread.
    fake
        (n,) which of them are forged.
    weights
        (n,) what each counts.
    ridge
        Strength of the prior on the slopes: half of their sum of squares times this is added to the loss.
    """
    design = np.hstack([np.ones((len(values), 1)), values])
    sign = np.where(fake, 1.0, -1.0)

    def loss(beta: Array) -> tuple[float, Array]:
        z = sign * (design @ beta)
        gradient = -design.T @ (weights * sign / (1 + np.exp(np.clip(z, -30, 30))))
        gradient[1:] += ridge * beta[1:]
        return float((weights * np.logaddexp(0, -z)).sum() + 0.5 * ridge * (beta[1:] ** 2).sum()), gradient

    beta = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x
    return beta[1:], float(beta[0])


def alike(fake: Array, each: float) -> Array:
    """Return weights by which both classes weigh ``each`` in all."""
    return np.where(fake, each / max(int(fake.sum()), 1), each / max(int((~fake).sum()), 1))


def coded(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return a head as JSON knows it, with six digits."""
    return {
        name: value if isinstance(value, float) else [float(f"{one:.6g}") for one in value]
        for name, value in head.items()
    }
