"""From packets to pictures: one is whole with its marked packet, and none is put together wrongly."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
import pytest
from aiortc import RTCRtpCodecParameters
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.jitterbuffer import JitterFrame
from aiortc.rate import RemoteBitrateEstimator
from aiortc.rtp import RtpPacket

from liveness.lab.attacks.call import two_layers
from liveness.live.receiving import (
    _MOST_WAITING,
    BurstEstimator,
    Decoding,
    Layer,
    PictureBuffer,
    Pictures,
    TemporalLayers,
    layer_of,
)


def packets_of(pictures: Sequence[str], *, first: int = 65_530) -> list[RtpPacket]:
    """Return packets: one a letter, one picture a word, the last of each with the marker."""
    packets: list[RtpPacket] = []
    for number, word in enumerate(pictures):
        for at, letter in enumerate(word):
            packet = RtpPacket(
                sequence_number=(first + len(packets)) % (1 << 16),
                timestamp=3000 * number,
                marker=at + 1 == len(word),
                payload=letter.encode(),
            )
            packet._data = letter.encode()  # type: ignore[attr-defined]
            packets.append(packet)
    return packets


def put(buffer: PictureBuffer, packets: Sequence[RtpPacket]) -> list[JitterFrame | None]:
    return [buffer.add(packet)[1] for packet in packets]


def words(frames: Sequence[JitterFrame | None]) -> list[str]:
    return [one.data.decode() for frame in frames if isinstance(frame, Pictures) for one in (frame, *frame.behind)]


VP8_TYPE = 97
VP8 = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=VP8_TYPE)


def encoded(number: int, *, layers: int = 1) -> list[bytes]:
    """Return pictures of 64 x 64, VP8, the first of them a key frame, in one or two temporal layers."""
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 64, "yuv420p", Fraction(1, 30)
    encoder.options = {"deadline": "realtime", "lag-in-frames": "0"}
    if layers == 2:
        encoder.options |= {"error-resilient": "1", "ts-parameters": two_layers(200)}
    found: list[bytes] = []
    scene = np.random.default_rng(1).integers(0, 256, (64, 64 + number, 3), dtype=np.uint8)
    for at in range(number):
        moved = np.ascontiguousarray(scene[:, at : at + 64])
        frame = av.VideoFrame.from_ndarray(moved).reformat(format="yuv420p")
        frame.pts = at
        found += [bytes(packet) for packet in encoder.encode(frame)]
    assert len(found) == number
    return found


def end_soon(decoding: Decoding) -> None:
    """Let it end when all that waits is done: the end itself passes over what still waits."""
    decoding.put(lambda: decoding.put(None))


def test_a_picture_is_there_with_its_last_packet() -> None:
    frames = put(PictureBuffer(), packets_of(["whole", "a", "picture"]))
    assert [at for at, frame in enumerate(frames) if frame is not None] == [4, 5, 12]
    assert words(frames) == ["whole", "a", "picture"]


def test_packets_that_come_in_another_order_wait_for_one_another() -> None:
    one = packets_of(["first", "next"])
    frames = put(PictureBuffer(), [one[0], one[2], one[4], one[1], one[5], one[3], one[6], one[7], one[8]])
    assert words(frames) == ["first", "next"]


def test_a_lost_packet_holds_its_picture_and_comes_late() -> None:
    buffer, one = PictureBuffer(), packets_of(["ab", "cd", "ef"])
    assert words(put(buffer, [one[0], one[2], one[3]])) == []
    assert words(put(buffer, [one[1], one[4], one[5]])) == ["ab", "cd", "ef"]


def test_all_that_waited_for_a_packet_goes_on_when_it_comes() -> None:
    buffer, one = PictureBuffer(), packets_of([*"abcdefg"])
    assert words(put(buffer, [one[0], *one[2:6]])) == ["a"]
    assert words([buffer.add(one[1])[1]]) == ["b", "c", "d", "e", "f"]
    assert words([buffer.add(one[6])[1]]) == ["g"]


def test_a_packet_that_stays_lost_is_not_waited_for_longer_than_half_a_second() -> None:
    pictures = ["ab", "cd", *(["ef"] * 30)]
    buffer, one = PictureBuffer(), packets_of(pictures)
    told = [buffer.add(packet) for at, packet in enumerate(one) if at != 3]
    asked = [at for at, (lost, _) in enumerate(told) if lost]
    # Two packets a picture, of 3000 ticks each: half a second is 15 of them.
    assert asked == [pytest.approx(2 * 17, abs=2)]
    given = words([frame for _, frame in told])
    assert given == ["ab", *["ef"] * 29]
    # And the beginning of a picture may be what is lost.
    buffer = PictureBuffer()
    given = words(put(buffer, [packet for at, packet in enumerate(one) if at != 2]))
    assert given == ["ab", *["ef"] * 30]


@pytest.mark.parametrize("seed", range(20))
def test_on_a_bad_network_no_picture_is_put_together_wrongly_and_none_waits_long(seed: int) -> None:
    rng = random.Random(seed)
    loss, mixed_by, longest = rng.choice([0.01, 0.05]), rng.choice([0, 3]), rng.choice([1, 3, 20])
    sent = [chr(0x4E00 + at) * rng.randint(1, longest) for at in range(300)]
    one = packets_of(sent, first=rng.randrange(1 << 16))
    for packet in one:
        packet.timestamp = (packet.timestamp + (1 << 32) - 400_000) % (1 << 32)
    places = [(at + rng.uniform(0, mixed_by), at) for at in range(len(one)) if at == 0 or rng.random() > loss]
    places += [(at + rng.uniform(0, 90), at) for at in range(1, len(one)) if rng.random() < 0.05]
    buffer, given, newest = PictureBuffer(), list[int](), 0
    for _, at in sorted(places):
        newest = max(newest, ord(one[at].payload.decode()) - 0x4E00)
        for word in words([buffer.add(one[at])[1]]):
            assert word in sent
            given.append(sent.index(word))
        assert not given or newest - given[-1] <= 25
    assert given == sorted(set(given))
    assert len(given) > 100


def test_what_is_seldom_sent_has_its_time_to_be_sent_again() -> None:
    """A page in the background sends a picture a second; that one is missing shows with the next."""
    buffer, one = PictureBuffer(), packets_of(["ab", "cd", "ef", "gh"])
    for packet in one:
        packet.timestamp *= 30
    assert words(put(buffer, [one[0], one[1], one[2], one[4], one[3], *one[5:]])) == ["ab", "cd", "ef", "gh"]


def test_old_packets_that_come_again_are_no_sign_of_loss() -> None:
    pictures = ["abc"] * 40
    buffer, one = PictureBuffer(), packets_of(pictures)
    told = [buffer.add(packet) for at in range(60, 120) for packet in (one[at], one[at - 60])]
    assert not any(lost for lost, _ in told)
    assert words([frame for _, frame in told]) == ["abc"] * 20


def test_a_place_that_comes_round_again_is_looked_at_anew() -> None:
    buffer = PictureBuffer()
    first = packets_of(["abc"], first=0)
    rest = packets_of(["x"] * 65_533, first=3)
    again = packets_of(["p", "q", "r", "s"], first=0)
    for packet in rest:
        packet.timestamp = (packet.timestamp + 3000) % (1 << 32)
    for packet in again:
        packet.timestamp = (packet.timestamp + 3000 * 65_534) % (1 << 32)
    assert words(put(buffer, first)) == ["abc"]
    put(buffer, rest)
    assert words(put(buffer, again)) == ["p", "q", "r", "s"]


def test_padding_behind_a_picture_is_no_picture() -> None:
    padding = RtpPacket(sequence_number=65_532, timestamp=0)
    padding._data = b""  # type: ignore[attr-defined]
    one = packets_of(["ab", "cd"])
    for packet in one[2:]:
        packet.sequence_number = (packet.sequence_number + 1) % (1 << 16)
    assert words(put(PictureBuffer(), [*one[:2], padding, *one[2:]])) == ["ab", "cd"]


def test_a_sender_that_marks_parts_is_no_longer_believed() -> None:
    one = packets_of(["abcd", "efgh", "ijkl", "m"])
    for at in (1, 5, 9):
        one[at].marker = True
    assert words(put(PictureBuffer(), one)) == ["ab", "cd", "efgh", "ijkl"]


def test_pictures_without_any_marker_end_where_the_next_begins() -> None:
    one = packets_of(["ab", "cd", "e"])
    for packet in one:
        packet.marker = 0
    assert words(put(PictureBuffer(), one)) == ["ab", "cd"]


def test_what_comes_faster_than_it_is_decoded_is_dropped_and_a_key_frame_asked_for() -> None:
    stamps: list[int | None] = []
    failed = threading.Event()
    decoding = Decoding(lambda frame: stamps.append(frame.pts), failed)
    for at in range(1000):
        decoding.put((VP8, JitterFrame(b"never decoded", at)))
        assert decoding.waiting <= _MOST_WAITING
    assert failed.is_set()
    assert decoding.dropped + decoding.waiting == 1000
    while decoding.waiting:
        decoding.put((VP8, JitterFrame(b"nor this", 0)))
    for at, data in enumerate(encoded(5)):
        decoding.put((VP8, JitterFrame(data, 2000 + at)))
    end_soon(decoding)
    decoding.get()
    assert stamps == [2000, 2001, 2002, 2003, 2004]


def test_pictures_that_waited_for_one_another_keep_their_stamps() -> None:
    stamps: list[int | None] = []
    decoding = Decoding(lambda frame: stamps.append(frame.pts), threading.Event())
    # The sender's stamps begin anew in the middle; aiortc counts from the first one that it got.
    first, *behind = [Pictures(data, (4_294_965_000 + 3000 * at) % (1 << 32)) for at, data in enumerate(encoded(3))]
    first.behind = behind
    first.timestamp = 90_000
    decoding.put((VP8, first))
    end_soon(decoding)
    decoding.get()
    assert stamps == [90_000, 93_000, 96_000]


CHROMIUM = ((0, False), (1, True), (0, False), (1, False))
"""Two layers as Chromium sends them: of the upper pictures, every second one refers to the one before it."""


def layered(pattern: Sequence[tuple[int, bool]], *, gap_before: int = -1) -> list[Pictures]:
    """Return pictures, the first of them a key frame, each in the temporal layer given, with whether it switches up."""
    return [
        Pictures(b"\x11" if at else b"\x10", 3000 * at, Layer(*layer), after_gap=at == gap_before)
        for at, layer in enumerate(pattern)
    ]


def taken(layers: TemporalLayers, pictures: Sequence[Pictures]) -> str:
    return "".join("-+"[layers.takes(one)] for one in pictures)


def test_upper_layers_are_left_out_and_come_back_where_they_refer_to_nothing_that_was() -> None:
    pictures = layered(CHROMIUM * 4)
    layers = TemporalLayers()
    assert taken(layers, pictures[:4]) == "++++"
    layers.base_only = True
    assert taken(layers, pictures[4:7]) == "+-+"
    layers.base_only = False
    assert taken(layers, pictures[7:]) == "-" + "++++" * 2
    assert layers.left_out == 2


def test_after_a_lost_picture_upper_ones_wait_for_a_point_to_switch_up_at() -> None:
    """The lost one may be what they refer to."""
    assert taken(TemporalLayers(), layered(CHROMIUM * 3, gap_before=2)) == "+++-" + "++++" * 2


def test_of_three_layers_the_third_waits_for_the_second() -> None:
    pictures = layered([(0, False), (2, True), (1, True), (2, False)] * 3)
    layers = TemporalLayers()
    layers.base_only = True
    assert taken(layers, pictures[:5]) == "+---+"
    layers.base_only = False
    assert taken(layers, pictures[5:]) == "-+-" + "++++"


def test_a_key_frame_is_taken_in_whatever_layer_and_with_it_nothing_is_missing() -> None:
    layers = TemporalLayers()
    layers.base_only = True
    assert taken(layers, layered([(1, False), (1, False)])) == "+-"
    layers.base_only = False
    assert taken(layers, layered([(0, False), (2, False), (1, False)])) == "+++"


def test_upper_layers_that_never_switch_up_are_asked_a_key_frame_for_and_then_taken_all_the_same() -> None:
    """Else a sender could keep its video from being looked at for as long as it likes."""
    pictures = layered([(0, False), *[(1, False)] * 200])
    layers = TemporalLayers()
    layers.base_only = True
    assert taken(layers, pictures[:20]) == "+" + "-" * 19
    layers.base_only = False
    told = [(layers.takes(one), layers.wants_key_frame(one)) for one in pictures[20:]]
    assert [at for at, (_, wants) in enumerate(told) if wants] == [31, 61], "a second is thirty pictures"
    first = next(at for at, (takes, _) in enumerate(told) if takes)
    assert first == 91
    assert all(takes for takes, _ in told[first:])


def test_a_descriptor_is_read_and_one_that_makes_no_sense_is_the_base_layer() -> None:
    told = bytes(VpxPayloadDescriptor(1, 0, picture_id=7, tl0picidx=200, tid=(1, 1)))
    assert layer_of(told + b"data") == Layer(1, switches_up=True, base_index=200, begins=True)
    rest = bytes(VpxPayloadDescriptor(0, 0, picture_id=7, tl0picidx=200, tid=(1, 0)))
    assert layer_of(rest) == Layer(1, switches_up=False, base_index=200, begins=False)
    for odd in (b"", b"\x10", b"\x90\x80", b"\x90\x20"):
        assert layer_of(odd).number == 0


def layered_packets(lengths: Sequence[int]) -> list[RtpPacket]:
    """Return packets of pictures in two layers, so many packets each; their data tells the picture's number."""
    packets: list[RtpPacket] = []
    for number, length in enumerate(lengths):
        tid, base_index = (number % 2, int(number % 4 == 1)), (250 + number // 2) % 256
        for at in range(length):
            head = bytes(VpxPayloadDescriptor(int(at == 0), 0, picture_id=number, tl0picidx=base_index, tid=tid))
            packet = RtpPacket(
                payload_type=VP8_TYPE,
                sequence_number=(65_530 + len(packets)) % (1 << 16),
                timestamp=3000 * number,
                marker=at + 1 == length,
                payload=head + bytes([number]),
            )
            packet._data = bytes([number])  # type: ignore[attr-defined]
            packets.append(packet)
    return packets


def received(packets: Sequence[RtpPacket]) -> tuple[list[tuple[int, int, bool]], int]:
    """Return of each picture its number, that of the newest when it was given, and whether it is behind a gap; and how
    often a key frame was asked for."""
    buffer = PictureBuffer(lambda payload_type: payload_type == VP8_TYPE)
    given, asked = [], 0
    for packet in packets:
        lost, first = buffer.add(packet)
        asked += lost
        if isinstance(first, Pictures):
            given += [(one.data[0], packet.timestamp // 3000, one.after_gap) for one in (first, *first.behind)]
    return given, asked


@pytest.mark.parametrize("lost", [[3], [4], [5], [3, 4, 5]])
def test_a_lost_picture_of_an_upper_layer_is_not_waited_for_and_no_loss(lost: list[int]) -> None:
    """Browsers seldom send these packets again."""
    # Pictures 0 and 2 are of the base layer; the packets 3 to 5 are those of picture 1.
    packets = layered_packets([3] * 12)
    given, asked = received([packet for at, packet in enumerate(packets) if at not in lost])
    assert asked == 0
    assert [number for number, _, _ in given] == [0, *range(2, 12)]
    assert [number for number, _, after_gap in given if after_gap] == [2]
    assert all(newest - number <= 3 for number, newest, _ in given), "a tenth of a second"


@pytest.mark.parametrize("lost", [[6], [7], [8], [6, 7, 8], [5, 6], [8, 9]])
def test_a_lost_picture_of_the_base_layer_is_waited_for_and_a_key_frame_asked_for(lost: list[int]) -> None:
    packets = layered_packets([3] * 40)
    given, asked = received([packet for at, packet in enumerate(packets) if at not in lost])
    assert asked == 1
    # It is asked for half a second after the loss.
    assert max(newest - number for number, newest, _ in given) == pytest.approx(15, abs=2)
    late = [packets[at] for at in lost]
    again, asked = received([*[p for at, p in enumerate(packets[:15]) if at not in lost], *late, *packets[15:]])
    assert asked == 0
    assert [number for number, _, _ in again] == list(range(40)), "what was sent again is not given up"


@pytest.mark.parametrize("seed", range(20))
def test_on_a_bad_network_no_base_picture_is_passed_over_without_a_key_frame(seed: int) -> None:
    rng = random.Random(seed)
    packets = layered_packets([rng.choice([1, 2, 5]) for _ in range(200)])
    upper_only = seed % 2 == 0
    kept = [
        packet
        for at, packet in enumerate(packets)
        if at < 3 or rng.random() > 0.1 or (upper_only and layer_of(packet.payload).number == 0)
    ]
    given, asked = received(kept)
    numbers = [number for number, _, _ in given]
    assert numbers == sorted(set(numbers))
    if upper_only:
        assert asked == 0
        assert set(range(0, 196, 2)) <= set(numbers)
    sent, came = (Counter(packet.timestamp // 3000 for packet in some) for some in (packets, kept))
    whole = {number for number in sent if sent[number] == came[number]}
    assert set(numbers) <= whole, "none is put together from parts"
    missing = [n for n in range(0, numbers[-1], 2) if n not in numbers]
    assert bool(missing) <= bool(asked)


def test_the_base_layer_alone_gives_the_same_pictures_as_all_layers() -> None:
    data = encoded(24, layers=2)

    def decoded(*, base_only: bool) -> dict[int, bytes]:
        found: dict[int, bytes] = {}

        def take(frame: av.VideoFrame) -> None:
            assert frame.pts is not None
            found[frame.pts] = frame.to_ndarray().tobytes()

        decoding = Decoding(take, threading.Event())
        decoding.layers.base_only = base_only
        for at, one in enumerate(data):
            decoding.put((VP8, Pictures(one, at, Layer(at % 2, at % 2 == 1))))
        end_soon(decoding)
        decoding.get()
        assert decoding.base_pictures == 12
        return found

    whole, base = decoded(base_only=False), decoded(base_only=True)
    assert len(whole) == 24
    assert base == {at: whole[at] for at in range(0, 24, 2)}


def test_what_goes_wrong_in_the_thread_does_not_end_it() -> None:
    stamps: list[int | None] = []

    def take(frame: av.VideoFrame) -> None:
        stamps.append(frame.pts)
        if frame.pts == 1:
            raise ValueError("cannot be taken")

    failed = threading.Event()
    decoding = Decoding(take, failed)
    pictures = encoded(3)
    decoding.put((VP8, JitterFrame(pictures[0], 0)))
    decoding.put(lambda: 1 // 0)
    decoding.put((RTCRtpCodecParameters(mimeType="video/none", clockRate=90_000, payloadType=9), JitterFrame(b"a", 0)))
    decoding.put((VP8, JitterFrame(b"no picture", 0)))
    for at, data in enumerate(pictures):
        decoding.put((VP8, JitterFrame(data, at)))
    end_soon(decoding)
    decoding.get()
    assert stamps == [0, 0, 1, 2]
    assert failed.is_set()


def test_after_the_end_nothing_is_decoded_or_kept() -> None:
    stamps: list[int | None] = []
    decoding = Decoding(lambda frame: stamps.append(frame.pts), threading.Event())
    for at, data in enumerate(encoded(3)):
        decoding.put((VP8, JitterFrame(data, at)))
    decoding.put(None)
    decoding.get()
    assert stamps == []
    decoding.put(lambda: None)
    assert decoding.waiting == 0


def test_a_burst_told_of_at_once_leads_to_the_same_estimate_as_packet_by_packet() -> None:
    rng = random.Random(2)
    each, burst = RemoteBitrateEstimator(), BurstEstimator()
    told: dict[str, list[int]] = {"each": [], "burst": []}
    for picture in range(900):
        # A line that bears less from the tenth second on, so that pictures come later and later.
        late_ms = max(0, picture - 300) * 4 if picture < 450 else 0
        for packet in range(rng.randint(4, 12)):
            arrival_ms = picture * 33 + packet // 4 + late_ms
            sent = round((picture * 0.033 + packet // 4 * 0.001) * (1 << 18)) & 0xFFFFFF
            for name, estimator in (("each", each), ("burst", burst)):
                estimate = estimator.add(arrival_time_ms=arrival_ms, abs_send_time=sent, payload_size=1100, ssrc=7)
                if estimate is not None:
                    told[name].append(estimate[0])
                    assert estimate[1] == [7]
    assert len(told["burst"]) > 20
    assert told["burst"][-1] == pytest.approx(told["each"][-1], rel=0.1)
    assert min(told["burst"]) == pytest.approx(min(told["each"]), rel=0.1)
