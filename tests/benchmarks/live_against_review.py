"""Send clips as live calls and review the same files: how far do the two verdicts differ?

    python tests/benchmarks/live_against_review.py CLIP…

The calls are real: aiortc sends VP8 at up to 2.5 Mbit/s over loopback. Prints a line a clip, and the
largest difference of confidence.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import aiortc.codecs.vpx
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer

from liveness.fusion.calibration import load
from liveness.live.pool import LiveSettings, MediaPool
from liveness.media import Recording
from liveness.review.reviewing import review_recording

aiortc.codecs.vpx.DEFAULT_BITRATE = aiortc.codecs.vpx.MAX_BITRATE = 2_500_000


async def called(pool: MediaPool, clip: Path, gate: asyncio.Semaphore) -> dict[str, Any]:
    """Return the verdict of a call in which the clip was the camera."""
    with Recording(clip) as recording:
        seconds = recording.info.duration_s or 10.0
    async with gate:
        publisher, player = RTCPeerConnection(), MediaPlayer(str(clip))
        assert player.video is not None
        publisher.addTrack(player.video)
        await publisher.setLocalDescription(await publisher.createOffer())
        answer = await pool.open(clip.name, publisher.localDescription.sdp)
        await publisher.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
        await asyncio.sleep(seconds + 0.7)
        document = await pool.end(clip.name)
        await publisher.close()
    assert document is not None
    verdict: dict[str, Any] = document["verdict"]
    return verdict


async def calls(clips: list[Path]) -> list[dict[str, Any]]:
    """Hold all calls, two at once."""
    pool = MediaPool(LiveSettings(workers=1), lambda _: None)
    await pool.start()
    gate = asyncio.Semaphore(2)
    found = await asyncio.gather(*(called(pool, clip, gate) for clip in clips))
    await pool.stop(grace_s=0)
    return found


def main(clips: list[Path]) -> None:
    """Compare."""
    calibration, differences, crossed = load(), [], 0
    for clip, live in zip(clips, asyncio.run(calls(clips)), strict=True):
        review = review_recording(clip, calibration).data["verdict"]
        differences.append(abs(live["confidence"] - review["confidence"]))
        crossed += {live["state"], review["state"]} == {"live", "suspect"}
        sys.stdout.write(
            f"{clip.stem}: call {live['state']} {live['confidence']:.3f}, review {review['state']} "
            f"{review['confidence']:.3f}, differ by {differences[-1]:.3f}\n"
        )
    within = sum(one <= 0.1 for one in differences)
    sys.stdout.write(
        f"within 0.1: {within} of {len(clips)}; largest {max(differences):.3f}; live against suspect: {crossed}\n"
    )


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
