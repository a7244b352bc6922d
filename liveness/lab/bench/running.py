"""The bench itself: one more call at a time, each step measured, until the server no longer keeps up."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from liveness import __version__
from liveness.errors import ConfigError
from liveness.lab.bench.clip import FPS, LAYERS, EncodedClip, prepare_clip, read_clip
from liveness.lab.bench.figures import Rule, conclusion, of_senders, summary, told
from liveness.lab.bench.lines import Child, ChildError
from liveness.lab.bench.measuring import busy_seconds, check_platform, machine
from liveness.lab.bench.servers import MOST_CALLS, NaiveServer, PoolServer, Server

SCHEMA = "liveness.bench/1"
_DISTURBED_SHARE = 0.1
"""Share of the server's core that other programs may take before a step that does not hold is measured again."""
_MOST_TRIES = 3
_RECOVERY_S = 12.0
"""Before a step is measured again: the workers need ten good seconds to take back what they gave up."""
_STILL_SENDING = 0.97
"""Share of the frames due that senders must have sent for a step to say anything of the server."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What is measured."""

    calls: int | None = None
    """Measure 1, 2, … so many calls; None goes on until a step does not hold."""
    baseline: Literal["naive"] | None = None
    """What to compare with, at the same calls."""
    clip: Path | None = None
    """The recording that all senders replay; a drawn scene without a face if not given."""
    steady_s: float = 15.0
    """How long each step is measured."""
    settle_s: float = 10.0
    """How long each step runs before that: a worker that has too much takes four seconds to see it, and some to act."""
    clip_s: int = 60
    """How long the encoded clip is before it begins anew."""
    rule: Rule = field(default_factory=Rule)
    """When a step holds."""
    layers: int = LAYERS
    """Temporal layers that senders send, 1 or 2."""
    clip_folder: Path | None = None
    """Where encoded clips are kept; among the temporary files if not given."""

    def __post_init__(self) -> None:
        if self.calls is not None and not 1 <= self.calls <= MOST_CALLS:
            raise ConfigError(f"calls must lie in 1–{MOST_CALLS} or be auto, got {self.calls}")
        if self.layers not in (1, LAYERS):
            raise ConfigError(f"temporal layers must be 1 or {LAYERS}, got {self.layers}")
        if self.steady_s <= 0 or self.settle_s < 0 or self.clip_s < 1:
            raise ConfigError("steady_s and clip_s must be positive and settle_s not negative")


def run_bench(options: BenchOptions, *, say: Say) -> dict[str, Any]:
    """Measure how many calls one core bears; returns the results, schema ``liveness.bench/1``.

    Parameters
    ----------
    say
        Is told, in a sentence each, how it goes.

    Raises
    ------
    ConfigError
        This machine cannot be measured on.
    MediaError
        The clip cannot be read.
    LivenessError
        A process of the bench ended early.
    """
    check_platform()
    about = machine()
    say("Preparing the clip; a new one is encoded first, which takes about a minute.")
    path = prepare_clip(options.clip, folder=options.clip_folder, seconds=options.clip_s, layers=options.layers)
    clip = read_clip(path)
    cores = sorted(os.sched_getaffinity(0))
    server_core, sender_cores = (cores[0], cores[1:]) if len(cores) > 1 else (None, None)
    if sender_cores:
        os.sched_setaffinity(0, sender_cores)
    try:
        runs = asyncio.run(_runs(options, path, server_core, sender_cores, say))
    finally:
        os.sched_setaffinity(0, cores)
    return {
        "schema": SCHEMA,
        "version": __version__,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": about,
        "pinning": {"server": server_core, "senders": sender_cores},
        "clip": _about(clip, options.clip),
        "rule": {
            "steady_s": options.steady_s,
            "settle_s": options.settle_s,
            "min_fps": options.rule.min_fps,
            "max_age_ms": options.rule.max_age_ms,
        },
        "runs": runs,
    }


def _about(clip: EncodedClip, source: Path | None) -> dict[str, Any]:
    return {
        "source": source.name if source else "a drawn scene without a face",
        "codec": "vp8",
        "temporal_layers": clip.layers,
        "width": clip.width,
        "height": clip.height,
        "fps": FPS,
        "seconds": clip.seconds,
        "kbit_s": round(clip.kbit_s, 1),
    }


async def _runs(
    options: BenchOptions, clip: Path, server_core: int | None, sender_cores: list[int] | None, say: Say
) -> list[dict[str, Any]]:
    async with AsyncExitStack() as stack:
        senders = await Child.start("liveness.lab.bench.senders", str(clip), cores=sender_cores)
        stack.push_async_callback(senders.stop)
        pool = PoolServer(server_core)
        await pool.start()
        runs = [await _ramp(pool, senders, options, say, calls=options.calls, core=server_core)]
        if options.baseline == "naive":
            naive = await NaiveServer.start(server_core)
            runs.append(await _ramp(naive, senders, options, say, calls=len(runs[0]["steps"]), core=server_core))
    return runs


async def _measured(
    server: Server, senders: Child, options: BenchOptions, say: Say, *, core: int | None
) -> dict[str, Any]:
    """Measure the calls that run; again, if the step did not hold and other programs may be to blame."""
    for tries in range(1, _MOST_TRIES + 1):
        await asyncio.sleep(options.settle_s if tries == 1 else max(options.settle_s, _RECOVERY_S))
        before, busy_s = await senders.ask("report"), _busy(core)
        began_s = time.monotonic()
        window = await server.measure(options.steady_s)
        seconds = time.monotonic() - began_s
        others = max(_busy(core) - busy_s - window.server.cpu_s, 0.0) / seconds
        step = summary(window, seconds, options.rule) | of_senders(before, await senders.ask("report"))
        step |= {
            "sender_limited": step["sent_fps"] < _STILL_SENDING * FPS,
            "others_core_share": round(others, 3),
            "disturbed": others > _DISTURBED_SHARE,
            "tries": tries,
        }
        say(f"{server.name}: {told(step)}")
        if step["holds"] or not (step["disturbed"] or step["sender_limited"]):
            break
    return step


def _busy(core: int | None) -> float:
    return 0.0 if core is None else busy_seconds(core)


async def _ramp(
    server: Server, senders: Child, options: BenchOptions, say: Say, *, calls: int | None, core: int | None
) -> dict[str, Any]:
    """Add one call at a time and measure; with ``calls`` None until a step does not hold."""
    steps: list[dict[str, Any]] = []
    ended = "all calls measured"
    try:
        for count in range(1, (calls or MOST_CALLS) + 1):
            offer = await senders.ask("offer")
            answer = await server.open(offer["sdp"])
            if answer is None:
                ended = f"call {count} was refused"
                break
            if not await senders.ask("accept", number=offer["number"], sdp=answer):
                ended = f"call {count} could not connect"
                break
            step = await _measured(server, senders, options, say, core=core)
            steps.append(step)
            if calls is None and not step["holds"]:
                ended = f"{count} calls did not hold"
                break
    except ChildError as error:
        ended = str(error)
    finally:
        await server.close()
        await senders.ask("leave")
    say(f"{server.name}: {ended}.")
    return conclusion(server.name, steps, ended)
