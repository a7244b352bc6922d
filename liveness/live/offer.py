"""What is accepted of an SDP offer and of a trickled fragment; everything else is refused with a sentence."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from aiortc import RTCIceCandidate
from aiortc.sdp import SessionDescription, candidate_from_sdp

from liveness.live.interface import OfferRefused

LONGEST_SDP = 65_536
MOST_CANDIDATES = 64
"""Of one connection, with those that are trickled."""
_MDNS = re.compile(r"[0-9A-Za-z-]{1,63}\.local")
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_MOST_MEDIA = 4
_CODECS = frozenset({"VP8", "H264"})


@dataclass(frozen=True, slots=True)
class Offer:
    """The facts of an acceptable offer."""

    sdp: str
    ufrag: str
    has_audio: bool
    candidates: int
    """How many it named; those where no browser can be are left out of ``sdp``."""


def check_offer(sdp: str) -> Offer:
    """Look whether an offer can be answered.

    Raises
    ------
    OfferRefused
        400 for what is no SDP; 422 for an SDP that does not send exactly one video in VP8 or H.264.
    """
    if len(sdp) > LONGEST_SDP:
        raise OfferRefused(f"the SDP offer has {len(sdp)} characters; at most {LONGEST_SDP} are read", status=413)
    try:
        parsed = SessionDescription.parse(sdp)
    except Exception as error:  # the parser raises whatever it stumbles over
        raise OfferRefused(f"this is no SDP offer: {type(error).__name__}") from error
    if not parsed.media:
        raise OfferRefused("the SDP offer has no media section; one sending video is expected")
    if len(parsed.media) > _MOST_MEDIA:
        raise OfferRefused(
            f"the SDP offer has {len(parsed.media)} media sections; at most {_MOST_MEDIA} are", status=422
        )
    videos = [media for media in parsed.media if media.kind == "video"]
    if len(videos) != 1:
        raise OfferRefused(f"expected one video, the SDP offer has {len(videos)}", status=422)
    if sum(media.kind == "audio" for media in parsed.media) > 1:
        raise OfferRefused("expected at most one audio in the SDP offer", status=422)
    video = videos[0]
    if (video.direction or "sendrecv") not in ("sendonly", "sendrecv"):
        raise OfferRefused(f"the video is {video.direction}; expected sendonly", status=422)
    names = {codec.name.upper() for codec in video.rtp.codecs}
    if not names & _CODECS:
        raise OfferRefused(
            f"expected VP8 or H264, the SDP offer has {', '.join(sorted(names)) or 'no codec'}", status=422
        )
    ufrag = video.ice.usernameFragment if video.ice and video.ice.password else None
    if not ufrag or video.dtls is None or not video.dtls.fingerprints:
        raise OfferRefused("the SDP offer lacks ice-ufrag, ice-pwd or fingerprint")
    candidates = sum(len(media.ice_candidates) for media in parsed.media)
    if candidates > MOST_CANDIDATES:
        raise OfferRefused(f"more than {MOST_CANDIDATES} ICE candidates", status=422)
    return Offer(_reachable_only(sdp), ufrag, any(media.kind == "audio" for media in parsed.media), candidates)


def is_reachable(candidate: RTCIceCandidate) -> bool:
    """Tell whether a browser may be found there.

    Packets go to whatever address a stranger names, so none to where no browser is: this machine itself, the
    link's own addresses (a cloud's metadata among them), groups, names of hosts, and system ports.
    """
    if candidate.port < 1024:
        return False
    try:
        address = ipaddress.ip_address(candidate.ip)
    except ValueError:
        return _MDNS.fullmatch(candidate.ip) is not None
    address = getattr(address, "ipv4_mapped", None) or address
    if address.version == 4 and address.is_link_local:
        return False
    return not (address.is_loopback or address.is_multicast or address.is_unspecified or address == _BROADCAST)


def _reachable_only(sdp: str) -> str:
    """Leave out what leads nowhere, and that it is all there is.

    A browser that hides its addresses names none that can be resolved; its own checks then tell where it is. Told that
    no other candidates will come, the ICE agent would give up before they arrive.
    """
    kept = []
    for line in sdp.splitlines(keepends=True):
        nowhere = line.startswith("a=candidate:") and not is_reachable(candidate_from_sdp(line[12:].strip()))
        if not nowhere and not line.startswith("a=end-of-candidates"):
            kept.append(line)
    return "".join(kept)


def preferred_codec(answer_sdp: str) -> str:
    """Return the codec, in lower case, that an answer of ours asks the video in."""
    videos = [media for media in SessionDescription.parse(answer_sdp).media if media.kind == "video"]
    return next((codec.name.lower() for media in videos for codec in media.rtp.codecs), "")


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a trickled fragment (RFC 8840) brings."""

    ufrag: str | None
    candidates: tuple[RTCIceCandidate, ...]
    ended: bool


def read_fragment(text: str) -> Fragment:
    """Read an ``application/trickle-ice-sdpfrag``.

    Raises
    ------
    OfferRefused
        It cannot be read.
    """
    if len(text) > LONGEST_SDP:
        raise OfferRefused(f"the fragment has {len(text)} characters; at most {LONGEST_SDP} are read", status=413)
    ufrag, mid, index, ended = None, None, -1, False
    candidates: list[RTCIceCandidate] = []
    for line in text.splitlines():
        if line.startswith("m="):
            index, mid = index + 1, None
        elif line.startswith("a=mid:"):
            mid = line[6:].strip()
        elif line.startswith("a=ice-ufrag:"):
            ufrag = line[12:].strip()
        elif line.startswith("a=end-of-candidates"):
            ended = True
        elif line.startswith("a=candidate:"):
            try:
                candidate = candidate_from_sdp(line[12:].strip())
            except Exception as error:
                raise OfferRefused(f"this is no ICE candidate: {type(error).__name__}") from error
            candidate.sdpMid = mid if mid is not None else "0"
            candidate.sdpMLineIndex = max(index, 0)
            candidates.append(candidate)
    if len(candidates) > MOST_CANDIDATES:
        raise OfferRefused(f"more than {MOST_CANDIDATES} ICE candidates", status=422)
    if not candidates and not ended and ufrag is None:
        raise OfferRefused("this is no trickle ICE fragment: no candidate, no ice-ufrag, no end-of-candidates in it")
    return Fragment(ufrag, tuple(candidates), ended)
