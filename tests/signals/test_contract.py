"""What every signal must keep to, whatever it looks at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from people import Stream

import liveness.signals
from liveness.contract import Signal, discover
from liveness.verdict import Evidence

SIGNALS = discover(liveness.signals)


@pytest.fixture(params=sorted(SIGNALS))
def signal(request: pytest.FixtureRequest) -> Signal:
    return SIGNALS[request.param]()


def feed(signal: Signal, stream: Stream) -> Iterator[Evidence]:
    """Run a signal over a stream as the engine does, and yield its evidence."""
    next_look, next_evidence = 0.0, signal.spec.period_s
    for tick, observation in stream:
        if "probe" in signal.spec.needs:
            signal.probe(tick)
        if observation is None:
            continue
        if observation.time_s >= next_look or observation.broken:
            signal.observe(observation)
            next_look = observation.time_s + signal.spec.observe_every_s
        if observation.time_s >= next_evidence:
            next_evidence = observation.time_s + signal.spec.period_s
            evidence = signal.evidence()
            if evidence is not None:
                yield evidence


def halved(stream: Stream) -> Stream:
    """Return the stream with half of its frames gone, unevenly."""
    keep = np.random.default_rng(2).random(len(stream)) < 0.5
    return [moment for moment, kept in zip(stream, keep, strict=True) if kept]


def test_nothing_is_said_about_nothing(signal: Signal) -> None:
    assert signal.evidence() is None
    assert signal.missing()


def test_all_evidence_keeps_to_the_spec(signal: Signal, talking_stream: Stream) -> None:
    found = list(feed(signal, talking_stream))
    assert found, "ten seconds of a talking person are enough for every signal"
    for evidence in found:
        assert evidence.signal == signal.spec.name
        assert evidence.unit == signal.spec.unit
        assert set(evidence.features) == set(signal.spec.features)
        assert evidence.value == evidence.features[signal.spec.features[0]]
        assert all(np.isfinite(value) for value in evidence.features.values())
        assert 0 <= evidence.quality <= 1
        assert evidence.start_s < evidence.end_s
        assert not evidence.llr, "what a value means is the calibration's to say"


def test_half_of_the_frames_may_be_missing(signal: Signal, talking_stream: Stream) -> None:
    for evidence in feed(signal, halved(talking_stream)):
        assert 0 <= evidence.quality <= 1
        assert all(np.isfinite(value) for value in evidence.features.values())


def test_the_same_frames_give_the_same_evidence(signal: Signal, talking_stream: Stream) -> None:
    again = type(signal)()
    assert list(feed(signal, talking_stream)) == list(feed(again, talking_stream))


def test_state_survives_snapshot_and_restore(signal: Signal, talking_stream: Stream) -> None:
    middle = len(talking_stream) // 2
    list(feed(signal, talking_stream[:middle]))
    moved = type(signal)()
    moved.restore(signal.snapshot())
    assert list(feed(signal, talking_stream[middle:])) == list(feed(moved, talking_stream[middle:]))


def test_a_snapshot_is_independent_of_what_comes_after(signal: Signal, talking_stream: Stream) -> None:
    middle = len(talking_stream) // 2
    list(feed(signal, talking_stream[:middle]))
    kept = signal.snapshot()
    one, other = type(signal)(), type(signal)()
    one.restore(kept)
    first = list(feed(one, talking_stream[middle:]))
    other.restore(kept)
    assert list(feed(other, talking_stream[middle:])) == first


def test_the_module_documents_its_signal(signal: Signal) -> None:
    import sys

    text = sys.modules[type(signal).__module__].__doc__ or ""
    for heading in ("What it sees", "Why a fake differs", "Fails when", "Reference"):
        assert heading in text
