"""The challenges of this version, as the service needs them."""

from __future__ import annotations

from functools import cache

from liveness.challenges.contract import Challenge, Mode


@cache
def catalogue() -> dict[str, type[Challenge]]:
    """Return all challenges by name."""
    import liveness.challenges  # noqa: PLC0415 (loads what the challenges need: not before somebody asks for one)
    from liveness.challenges.contract import discover  # noqa: PLC0415

    return discover(liveness.challenges)


@cache
def deadline_s(name: str, mode: Mode) -> float:
    """Return how long after the prompt an answer counts; the challenge itself knows what saying it aloud takes."""
    cls = catalogue()[name]
    if mode == "page":
        return cls.spec.deadline_s
    one = cls()
    one.begin(0.0, cls.drawn(bytes(cls.spec.random_bytes)), mode)
    return one.deadline_s


def default_order(names: list[str], tried: list[str]) -> list[str]:
    """Return names, best first: not tried yet, nothing to warn of, a pass that counts most, speaks against most."""

    def rank(name: str) -> tuple[int, bool, float, int, int, str]:
        spec = catalogue()[name].spec
        warned = spec.warning is not None
        return tried.count(name), warned, -_worth_nats(name), -len(spec.families), len(spec.needs), name

    return sorted(names, key=rank)


@cache
def _worth_nats(name: str) -> float:
    """Return what a pass takes off all attacks together; 0 for one that has no counts."""
    from liveness.challenges.contract import Outcome  # noqa: PLC0415 (as above)
    from liveness.challenges.strengths import load  # noqa: PLC0415

    return -sum(load().llr(name, Outcome("passed", 1.0, "", compliance=True, integrity=None)).values())
