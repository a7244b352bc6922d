"""Offers and fragments: what is refused, and with which sentence and status."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publishers import Camera, Publisher

from liveness.live.interface import OfferRefused
from liveness.live.offer import check_offer, is_reachable, read_fragment


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


def is_garbage(text: str) -> bool:
    return not any(line.startswith(("a=end-of-candidates", "a=ice-ufrag:")) for line in text.splitlines())


@given(st.text(max_size=400).filter(is_garbage))
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


@pytest.mark.parametrize(
    ("address", "port", "reachable"),
    [
        *((address, 50_000, True) for address in ("203.0.113.9", "10.0.0.7", "192.168.1.20", "2001:db8::7", "fe80::7")),
        ("0c4ea4f0-2a4e-4d13-a0d9-5c3a4f4e8f11.local", 50_000, True),
        *((address, 50_000, False) for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::")),
        *((address, 50_000, False) for address in ("169.254.169.254", "224.0.0.251", "ff02::fb", "255.255.255.255")),
        *((name, 50_000, False) for name in ("metadata.internal", "db", "a.b.local", "127.1", "0x7f000001")),
        *(("10.0.0.7", port, False) for port in (0, 53, 161, 1023)),
    ],
)
def test_no_packet_goes_to_where_no_browser_is(offer: str, address: str, port: int, reachable: bool) -> None:
    line = f"a=candidate:1 1 udp 2122260223 {address} {port} typ host"
    fragment = read_fragment(f"m=video 9 RTP/AVP 0\r\na=mid:0\r\n{line}\r\n")
    assert [is_reachable(candidate) for candidate in fragment.candidates] == [reachable]
    accepted = check_offer(f"{offer}{line}\r\n")
    assert (line in accepted.sdp) == reachable
    assert accepted.candidates >= 1
    assert "end-of-candidates" not in accepted.sdp
