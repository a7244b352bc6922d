"""Hold a call in two real browsers and measure what the interviewer's page is told, and how old it is by then.

    python tests/benchmarks/browser_call.py [CLIP] [--seconds 25]

The candidate's camera plays the clip at 720p30, to and fro; without a clip, a moved photograph. The age of a verdict is
the time on the page's clock at which it was handed to the page, less the time at which its frame was sent by the
sender's RTCP clock; all of it runs on one machine, so that both are one clock. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "web"), str(ROOT / "interview")]

from holding import Service, camera_file, interview
from people import talking

from liveness.frames import Pixels
from liveness.media import Recording

_SETTLE_S = 5.0


def pictures(clip: Path | None) -> Iterator[Pixels]:
    """Return what the camera shows."""
    if clip is None:
        yield from talking(10)
        return
    with Recording(clip) as recording:
        found = [frame.rgb(max_width=1280) for frame in recording.frames()][:450]
    yield from found
    yield from reversed(found)


def analysed_frames(service: Service) -> tuple[float, float]:
    """Return how many frames the media workers have analysed so far, and the time of asking."""
    origin = re.match(r"https?://[^/]+", service.links["interviewer"])
    assert origin is not None
    with urllib.request.urlopen(f"{origin[0]}/metrics") as reply:
        text = reply.read().decode()
    now_s = time.monotonic()
    return sum(float(one) for one in re.findall(r'name="\d+\.analysed_total"\} (\S+)', text)), now_s


def measure(clip: Path | None, seconds: float) -> dict[str, object]:
    """Hold the call and return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        camera = camera_file(Path(folder) / "camera.mjpeg", pictures(clip))
        with interview(camera) as held:
            held.begin()
            held.wait(_SETTLE_S)
            before, before_s = analysed_frames(held.service)
            held.wait(seconds)
            after, after_s = analysed_frames(held.service)
            verdicts, links = held.heard("verdict"), held.heard("link")
            own_call = held.interviewer.evaluate("document.querySelector('#remote').videoHeight")
    said = [event for event in verdicts if event["state"] != "warming_up"]
    ages = sorted(event["at_unix_ms"] - event["frame_unix_ms"] for event in verdicts if event["frame_unix_ms"])
    rates = [event["analysed_fps"] for event in verdicts if event["time_s"] > _SETTLE_S]
    first = verdicts[0]["at_unix_ms"] - 1000 * verdicts[0]["time_s"]
    return {
        "verdicts": len(verdicts),
        "first_size": [verdicts[0]["received"]["width"], verdicts[0]["received"]["height"]],
        "sizes": sorted({(event["width"], event["height"]) for event in links if event["width"]}),
        "received_fps": [event["fps"] for event in links],
        "analysed_fps": {
            "counted": round((after - before) / (after_s - before_s), 2),
            "least_of_five_seconds": min(rates),
        },
        "first_state_after_s": round((said[0]["at_unix_ms"] - first) / 1000, 2) if said else None,
        "states": sorted({event["state"] for event in verdicts}),
        "age_ms": {"p50": ages[len(ages) // 2], "p95": ages[int(0.95 * len(ages))], "worst": ages[-1]},
        "age_clock": sorted({event["age_clock"] for event in links[2:]}),
        "own_call_height": own_call,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=25.0)
    arguments = parser.parse_args()
    sys.stdout.write(json.dumps(measure(arguments.clip, arguments.seconds), indent=1) + "\n")
