"""The mailbox: newest wins, losses are counted, and every decoded frame is probed."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from clips import noise, video_frame

from liveness.live.mailbox import AudioRing, Mailbox
from liveness.measures.probe import sampled


def put(box: Mailbox, time_s: float, *, usable: bool = True) -> bool:
    frame = video_frame(noise())
    sample = sampled(np.zeros((120, 160), dtype=np.uint8))
    return box.put(frame, sample, time_s=time_s, arrived_s=100 + time_s, sent_s=100 + time_s, usable=usable)


def test_one_frame_of_each_slot_waits() -> None:
    box = Mailbox(fps=10)
    waits = [put(box, index / 30) for index in range(12)]
    assert waits == [index % 3 == 0 for index in range(12)]


def test_the_newest_takes_the_place_of_the_older_and_the_loss_is_counted() -> None:
    box = Mailbox(fps=10)
    for index in range(31):
        put(box, index / 30)
    mail = box.take()
    assert mail is not None
    assert mail.time_s == pytest.approx(1.0)
    assert mail.dropped == 30
    assert box.overwritten == 10
    assert len(mail.probed) == 31
    assert box.take() is None


def test_a_frame_that_was_overtaken_is_made_up_for_once_there_is_time() -> None:
    """An analysis that is late for a moment costs no rate: as many frames are analysed in the end as are due."""
    box = Mailbox(fps=10)
    analysed = []
    for index in range(90):
        put(box, index / 30)
        # Nobody takes anything for a quarter of a second.
        if not 1.0 < index / 30 < 1.25 and (mail := box.take()) is not None:
            analysed.append(mail.time_s)
    assert box.overwritten == 1
    assert len(analysed) == 30
    assert sum(1.25 <= time_s < 1.5 for time_s in analysed) == 3


def test_a_long_stall_is_not_made_up_for() -> None:
    box = Mailbox(fps=10)
    analysed = 0
    for index in range(120):
        put(box, index / 30)
        if not 1.0 < index / 30 < 3.0 and box.take() is not None:
            analysed += 1
    assert 20 < analysed <= 24


def test_a_call_that_is_overwritten_keeps_its_place_in_the_row() -> None:
    box = Mailbox(fps=10)
    put(box, 0.0)
    put(box, 0.1)
    assert box.waiting_since == 100.0


def test_a_damaged_frame_is_neither_analysed_nor_probed() -> None:
    box = Mailbox(fps=10)
    assert not put(box, 0.0, usable=False)
    assert put(box, 0.04)
    mail = box.take()
    assert mail is not None
    assert [one.time_s for one in mail.probed] == [0.04]
    assert mail.dropped == 1


def test_what_nobody_takes_is_bounded() -> None:
    box = Mailbox(fps=10)
    for index in range(1000):
        put(box, index / 30)
    mail = box.take()
    assert mail is not None
    assert len(mail.probed) == 300 - 9 % 3
    assert box.lost_samples == 700


def test_a_lower_rate_holds_from_the_next_frame() -> None:
    box = Mailbox(fps=10)
    for index in range(30):
        put(box, index / 30)
    box.set_rate(5)
    waits = [put(box, 1 + index / 30) for index in range(30)]
    assert sum(waits) == 5


def test_the_audio_ring_keeps_the_last_ten_seconds() -> None:
    ring = AudioRing()
    for second in range(15):
        sound = np.full((1, 48_000), 1000 * (second + 1), dtype=np.int16)
        frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, second * 48_000, Fraction(1, 48_000)
        ring.put(frame)
    samples = ring.take()
    assert samples.size <= 160_000
    assert samples.size > 140_000
    assert samples[-1] == pytest.approx(15_000 / 32_768, abs=0.01)
    assert ring.lost_samples > 60_000
    assert ring.take().size == 0
