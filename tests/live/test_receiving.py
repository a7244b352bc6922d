"""From packets to pictures: one is whole with its marked packet, and none is put together wrongly."""

from __future__ import annotations

from collections.abc import Sequence

from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

from liveness.live.receiving import PictureBuffer


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
    return [frame.data.decode() for frame in frames if frame is not None]


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
