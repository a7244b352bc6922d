"""Open and close sessions by the hundred, cut at every stage of the handshake, and see what is left.

    python tests/benchmarks/session_churn.py [--sessions 200]

Prints the worker's memory, open files and tasks before and after; a leak shows as growth with the number of sessions.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "live")]

from clips import video_frame
from people import talking
from publishers import SETTINGS, Camera, Heard, Publisher

from liveness.live.pool import MediaPool, OfferRefused

STAGES = ("garbage", "answered", "closed-at-once", "connected", "analysed", "vanished")


def memory_mb(pid: int) -> float:
    """Return the proportional set size of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise LookupError("no Pss")


async def one(pool: MediaPool, heard: Heard, session_id: str, stage: str, frames: list[Any]) -> None:
    """Get a session as far as ``stage``, and end it."""
    if stage == "garbage":
        try:
            await pool.open(session_id, "v=0\r\nm=video 9 RTP/AVP 96\r\n")
        except OfferRefused:
            return
    publisher = Publisher(Camera(frames))
    answer = await pool.open(session_id, await publisher.offer())
    if stage in ("connected", "analysed", "vanished"):
        await publisher.accept(answer.sdp)
        await heard.until(session_id, "verdict" if stage == "analysed" else "link")
    if stage == "vanished":
        # Nobody says goodbye: the socket is gone from one moment to the next.
        transport = publisher.pc.getSenders()[0].transport.transport
        await transport._connection.close()
    if stage != "closed-at-once":
        await publisher.close()
    await pool.end(session_id)
    if stage == "closed-at-once":
        await publisher.close()


async def churn(sessions: int, at_once: int) -> None:
    """Run them, and print what is left now and then."""
    heard = Heard()
    pool = MediaPool(SETTINGS, heard)
    await pool.start()
    frames = [video_frame(picture) for picture in talking(2)]
    gate = asyncio.Semaphore(at_once)

    async def gated(number: int) -> None:
        async with gate:
            await one(pool, heard, f"s{number}", STAGES[number % len(STAGES)], frames)

    steps = 5
    for step in range(steps + 1):
        if step:
            numbers = range((step - 1) * sessions // steps, step * sessions // steps)
            await asyncio.gather(*(gated(number) for number in numbers))
            await asyncio.sleep(3)
        metrics = (await pool.metrics())[0]
        left = {name: int(metrics[name]) for name in ("sessions", "connections", "open_files", "tasks")}
        heard.events.clear()
        sys.stdout.write(
            f"after {step * sessions // steps:4d} sessions: {memory_mb(int(metrics['pid'])):6.1f} MB, {left}\n"
        )
        sys.stdout.flush()
    await pool.stop(grace_s=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=4)
    arguments = parser.parse_args()
    asyncio.run(churn(arguments.sessions, arguments.at_once))
