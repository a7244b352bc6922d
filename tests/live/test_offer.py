"""Offers and fragments: what is refused, and with which sentence and status."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publishers import Camera, Publisher

from liveness.live.interface import OfferRefused
from liveness.live.offer import check_offer, read_fragment


@pytest.fixture(scope="module")
def offer() -> str:
    async def make() -> str:
        publisher = Publisher(Camera([]))
        sdp = await publisher.offer()
        await publisher.close()
        return sdp

    return asyncio.run(make())


def test_a_publishers_offer_is_accepted(offer: str) -> None:
    accepted = check_offer(offer)
    assert accepted.ufrag in offer
    assert not accepted.has_audio


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        (lambda sdp: "", 400, "no media section"),
        (lambda sdp: "v=0\r\nm=video garbage", 400, "no SDP offer"),
        (lambda sdp: sdp * 40, 413, "at most"),
        (lambda sdp: sdp.replace("a=sendrecv", "a=recvonly"), 422, "expected sendonly"),
        (lambda sdp: sdp.replace("VP8", "AV1").replace("H264", "H265"), 422, "expected VP8 or H264"),
        (lambda sdp: sdp.replace("a=ice-ufrag", "a=x-ufrag"), 400, "ice-ufrag"),
        (lambda sdp: sdp.replace("m=video", "m=audio"), 422, "expected one video"),
    ],
)
def test_what_cannot_be_used_is_refused(offer: str, change: object, status: int, sentence: str) -> None:
    assert callable(change)
    with pytest.raises(OfferRefused, match=sentence) as refusal:
        check_offer(change(offer))
    assert refusal.value.status == status


@given(st.text(max_size=400))
def test_garbage_is_refused_and_raises_nothing_else(text: str) -> None:
    for read in (check_offer, read_fragment):
        with pytest.raises(OfferRefused):
            read(text)


def test_a_fragment_brings_candidates() -> None:
    fragment = read_fragment(
        "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=video 9 RTP/AVP 0\r\na=mid:1\r\n"
        "a=candidate:1387637174 1 udp 2122260223 127.0.0.1 61764 typ host\r\na=end-of-candidates\r\n"
    )
    assert fragment.ufrag == "EsAw"
    assert [candidate.port for candidate in fragment.candidates] == [61764]
    assert fragment.candidates[0].sdpMid == "1"
    assert fragment.ended
