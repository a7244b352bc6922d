"""The command line: review, evaluate, calibrate, attack, signals, serve."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from liveness import __version__
from liveness.errors import ConfigError, LivenessError, MediaError
from liveness.frames import Box
from liveness.output import check_targets, visible, whole_file
from liveness.verdict import Family, Verdict

if TYPE_CHECKING:
    from liveness.review.reviewing import AskedChallenge

app = typer.Typer(
    name="liveness",
    help="Tells whether the face in a video interview is a live person in front of a camera, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

EXIT_UNREADABLE, EXIT_USAGE, EXIT_INCONCLUSIVE, EXIT_SUSPECT, EXIT_INTERRUPTED = 1, 2, 3, 4, 130

MEDIA_SUFFIXES = frozenset(
    [
        ".mp4",
        ".m4v",
        ".webm",
        ".mkv",
        ".mov",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".mts",
        ".m2ts",
        ".flv",
        ".wmv",
        ".ogv",
        ".3gp",
        ".y4m",
        ".mjpeg",
    ]
)
"""What is looked for in a folder; a file that is named is tried whatever it is called."""

_SHOWN: dict[str, tuple[str, str]] = {
    "live": ("✔ live", "bold green"),
    "suspect": ("✖ suspect", "bold red"),
    "inconclusive": ("● inconclusive", "bold yellow"),
    "warming_up": ("… warming up", "dim"),
}

_RESULTS: dict[str, tuple[str, str]] = {
    "passed": ("✔ passed", "green"),
    "broken": ("✖ did not hold together", "red"),
    "not_done": ("● not done as asked", "yellow"),
    "unclear": ("● could not be judged", "yellow"),
}
"""Of challenges."""

_QUESTIONS: dict[Family, str] = {
    "presentation": "A photo or a screen before the camera?",
    "injection": "A recording, a loop or a still fed in?",
    "synthesis": "A face made or changed by a model?",
    "substitution": "Another person?",
}


def main() -> None:
    """Run the command line; errors of ours become one line and an exit code.

    Raises
    ------
    KeyboardInterrupt
        It was interrupted; ``liveness.__main__`` says so.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except ConfigError as error:
        _fail(error, EXIT_USAGE)
    except LivenessError as error:
        _fail(error, EXIT_UNREADABLE)
    except SystemExit as stop:
        # typer turns an interrupt into this status, and says nothing: its caller does.
        if stop.code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt from None
        raise
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does.
        sys.stderr.close()
        sys.exit(EXIT_UNREADABLE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(ConfigError(f"{where}{error.strerror or error}; check the path, its permissions and the space left"), 1)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _fail(error: LivenessError, code: int) -> NoReturn:
    sys.stderr.write(f"liveness: {visible(str(error))}\n")
    sys.exit(code)


def _show_version(value: bool) -> None:
    if value:
        sys.stdout.write(f"liveness {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Tell whether the face in a video interview is a live person in front of a camera, and why."""


@app.command()
def review(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", readable=False, help="Recordings, or folders with recordings.")
    ],
    json_to: Annotated[
        str | None, typer.Option("--json", metavar="PATH|-", help="Write JSON (several files: one object a line).")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Write a report that one can look at (several files: a folder of them)."),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="Look only at this part, in pixels: one tile of a gallery view."),
    ] = None,
    prior: Annotated[float, typer.Option(help="Prior probability of a live person, between 0 and 1.")] = 0.5,
    off: Annotated[list[str] | None, typer.Option(metavar="SIGNAL", help="Switch a signal off; repeatable.")] = None,
    calibration: Annotated[Path | None, typer.Option(metavar="PATH", help="Another calibration.")] = None,
    challenge: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIME:KIND[:PARAMETERS]",
            help="Judge the answer to a challenge asked for at this time (seconds, or m:ss); repeatable. "
            "Example: 12.5:turn_to_profile:left",
        ),
    ] = None,
) -> None:
    """Review recordings: was the person in front of the camera live?

    Exit status: 0 all live, 1 a file could not be read, 3 some inconclusive, 4 some suspect, 2 usage.
    """
    from liveness.config import EngineSettings
    from liveness.fusion.calibration import load
    from liveness.review.report import write_report
    from liveness.review.reviewing import review_recording

    settings = EngineSettings(prior_bonafide=prior, off=frozenset(off or ()))
    learnt = load(calibration)
    box = _region(region) if region else None
    asked = [_asked(text) for text in challenge or ()]
    jobs, several = _recordings(files)
    if asked and several:
        raise ConfigError("--challenge belongs to one recording: review the others by commands of their own")
    sources = [job for job in jobs if isinstance(job, Path)]
    if html and several:
        if html.exists() and not html.is_dir():
            raise ConfigError(f"{html}: several recordings need a folder for their reports, this is a file")
        html.mkdir(parents=True, exist_ok=True)
    check_targets([*_files(json_to), *([html] if html and not several else [])], sources)
    notes = Console(stderr=True)
    states: list[str] = []
    named: set[str] = set()
    unreadable = 0
    with ExitStack() as stack:
        out = _json_target(json_to, stack)
        for path in jobs:
            started = time.perf_counter()
            try:
                if isinstance(path, LivenessError):
                    raise path
                with _progress(notes, path) as tell:
                    done = review_recording(
                        path,
                        learnt,
                        settings=settings,
                        region=box,
                        thumbnails=html is not None,
                        progress=tell,
                        challenges=asked,
                    )
            except ConfigError:
                raise
            except LivenessError as error:
                unreadable += 1
                notes.print(
                    f"liveness: {visible(str(error))}", style="red", markup=False, highlight=False, soft_wrap=True
                )
                continue
            seconds = time.perf_counter() - started
            done.data["processing"] = {
                "seconds": round(seconds, 3),
                "realtime_factor": round(done.data["duration_s"] / seconds, 2),
            }
            states.append(done.state)
            if out:
                out.write(json.dumps(done.data, ensure_ascii=False) + "\n")
                out.flush()
            report = (html / _free_name(path, named, done.data["sha256"]) if several else html) if html else None
            if report:
                write_report(report, done.data, video=path, thumbnails=done.thumbnails)
            if out is not sys.stdout:
                _show(Console(), done.data, report)
    sys.exit(_exit_code(states, unreadable))


@app.command()
def evaluate(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFEST.csv...", help="id,label,attack_type,person,file")
    ],
    json_to: Annotated[str | None, typer.Option("--json", metavar="PATH|-", help="Write all figures as JSON.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="PATH", help="Write a page with distributions and ROC.")] = None,
    simulate: Annotated[
        str, typer.Option(metavar="KINDS", help="Attacks to make from the bona fide clips: still,loop,…; or none.")
    ] = "still,loop",
    in_sample: Annotated[
        bool, typer.Option("--in-sample", help="Judge clips that calibration has seen; the result says so.")
    ] = False,
    calibration: Annotated[Path | None, typer.Option(metavar="PATH", help="Another calibration.")] = None,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Where measurements are kept.")] = None,
) -> None:
    """Report error rates after ISO/IEC 30107-3, on persons that calibration has not seen."""
    from liveness.fusion.calibration import load
    from liveness.lab.evaluation import evaluate_manifests
    from liveness.lab.evaluation_page import page
    from liveness.lab.evaluation_table import show

    check_targets([*_files(json_to), *([html] if html else [])], manifests)
    kinds = [] if simulate in ("", "none") else simulate.split(",")
    with _counting("evaluating") as tell:
        figures = evaluate_manifests(
            manifests, load(calibration), kinds=kinds, in_sample=in_sample, cache=cache or _cache(), progress=tell
        )
    with ExitStack() as stack:
        out = _json_target(json_to, stack)
        if out:
            out.write(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    if html:
        with whole_file(html) as file:
            file.write(page(figures))
    if json_to != "-":
        show(Console(width=max(Console().width, 118)), figures)


@app.command()
def calibrate(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFEST.csv...", help="id,label,attack_type,person,file")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="Where to write.")] = Path("calibration.json"),
    seed: Annotated[int, typer.Option(help="Draws folds and simulated attacks.")] = 1,
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="Where measurements are kept.")] = None,
) -> None:
    """Learn what the signals' values mean, from labelled clips, and write it as a data file."""
    from liveness.fusion.calibration import dump
    from liveness.lab.calibrating import calibrate_manifests

    check_targets([out], manifests)
    with _counting("calibrating") as tell:
        learnt = calibrate_manifests(manifests, seed=seed, cache=cache or _cache(), progress=tell)
    with whole_file(out) as file:
        file.write(dump(learnt))
    Console(stderr=True).print(
        f"{escape(str(out))}: {len(learnt.curves)} curves from {learnt.provenance['clips']} clips and "
        f"{learnt.provenance['pictures']} pictures"
    )


@app.command()
def attack(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="still, loop, recording, recording_frame_rate, print, screen (or one of either), face_swap, "
            "photo_animation, lip_sync, call",
        ),
    ],
    source: Annotated[Path, typer.Argument(metavar="IN", help="A bona fide recording.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The attack clip to write (.mp4).")],
    seed: Annotated[int, typer.Option(help="Draws all parameters.")] = 0,
    face: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Another face (picture or clip), for face_swap and photo_animation."),
    ] = None,
    sound: Annotated[Path | None, typer.Option(metavar="FILE", help="Another person's speech, for lip_sync.")] = None,
) -> None:
    """Make a labelled attack clip from a bona fide recording, to try a set-up with."""
    from liveness.lab.attacks import make_attack

    check_targets([target], [source, *(one for one in (face, sound) if one)])
    with _counting(f"{kind}: pictures") as tell:
        make_attack(kind, source, target, seed=seed, face=face, sound=sound, progress=tell)
    made = "labelled as its source is, after a call" if kind == "call" else f"attack type sim_{kind}"
    sys.stdout.write(f"{target}: {made}, made from {source}\n")


@app.command()
def signals(
    time_file: Annotated[
        Path | None, typer.Option("--time", metavar="FILE", help="Measure what each signal costs on this recording.")
    ] = None,
) -> None:
    """List the signals: what each looks at, for which families, and what it costs."""
    import liveness.signals
    from liveness.contract import discover
    from liveness.fusion.calibration import load

    specs = {name: cls.spec for name, cls in discover(liveness.signals).items()}
    counting = load().signals
    spent, duration_s = _time_signals(time_file) if time_file else ({}, 0.0)
    table = Table(title="Signals" + (f", measured on {time_file.name}" if time_file else ""), title_justify="left")
    for heading in ("signal", "what it looks at", "group", "families"):
        table.add_column(heading)
    table.add_column("declared ms/observation", justify="right")
    if time_file:
        table.add_column("measured ms per second of video", justify="right")
    for name, spec in specs.items():
        cells = [name, spec.title, spec.group, ", ".join(sorted(spec.families)), f"{spec.cost_ms:g}"]
        if time_file:
            cells.append(f"{1000 * spent[name] / duration_s:.2f}")
        table.add_row(*cells, style=None if name in counting else "dim")
    for name in ("faces", "probe", "decoding", "fusion") if time_file else ():
        table.add_row(name, "", "", "", "", f"{1000 * spent[name] / duration_s:.2f}", style="dim")
    Console().print(table)
    if idle := [name for name in specs if name not in counting]:
        sys.stdout.write(
            f"{', '.join(idle)}: the calibration found no gain in them, so no review and no call measures them.\n"
        )


def _time_signals(path: Path) -> tuple[dict[str, float], float]:
    """Review a recording with a clock; returns CPU seconds by part, and the recording's length."""
    import liveness.signals
    from liveness.contract import discover
    from liveness.engine import Engine
    from liveness.fusion.calibration import load
    from liveness.media import Recording
    from liveness.review.reviewing import analyse

    every = discover(liveness.signals)
    with Recording(path) as recording, Engine(load(), signals=every, timer=time.process_time) as engine:
        started = time.process_time()
        last_s = max((frame.time_s for frame, _ in analyse(recording, engine)), default=0.0)
        whole = time.process_time() - started
        spent = dict(engine.seconds_spent)
    spent["decoding"] = whole - sum(spent.values())
    return spent, max(last_s, 1e-3)


def _region(text: str) -> Box:
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--region: expected X,Y,W,H in pixels such as 640,0,640,360; got {text!r}") from None
    return Box(x, y, x + width, y + height)


def _asked(text: str) -> AskedChallenge:
    """Read TIME:KIND[:PARAMETERS]."""
    from liveness.review.reviewing import AskedChallenge

    found = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?):([a-z][a-z_]*)(?::(.*))?", text)
    if found is None:
        raise ConfigError(
            f"--challenge {text!r}: expected TIME:KIND[:PARAMETERS], such as 12.5:turn_to_profile:left or "
            "1:05:lean_in:…; TIME is when it was asked for"
        )
    hours, minutes, seconds, kind, parameters = found.groups()
    return AskedChallenge(int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds), kind, parameters or "")


def _recordings(files: list[Path]) -> tuple[list[Path | LivenessError], bool]:
    """Return the recordings to review, folders unfolded, and whether there may be several."""
    jobs: list[Path | LivenessError] = []
    for path in files:
        if not path.is_dir():
            jobs.append(path)
            continue
        inside, closed = _media_in(path)
        jobs += closed
        jobs += sorted(inside) or [
            MediaError(f"{path}: expected recordings in this folder, found none ({', '.join(sorted(MEDIA_SUFFIXES))})")
        ]
    return jobs, len(files) > 1 or files[0].is_dir()


def _media_in(folder: Path) -> tuple[list[Path], list[LivenessError]]:
    """Return the recordings in a folder and below, and an error for each folder that cannot be read."""
    inside: list[Path] = []
    errors: list[OSError] = []
    for at, _, names in os.walk(folder, onerror=errors.append):
        inside += [Path(at, name) for name in names if Path(name).suffix.lower() in MEDIA_SUFFIXES]
    return inside, [_closed(error) for error in errors]


def _closed(error: OSError) -> LivenessError:
    return MediaError(f"{error.filename}: this folder cannot be read: {error.strerror}; check its permissions")


def _json_target(json_to: str | None, stack: ExitStack) -> TextIO | None:
    if json_to is None:
        return None
    return sys.stdout if json_to == "-" else stack.enter_context(whole_file(Path(json_to)))


def _free_name(path: Path, named: set[str], sha256: str) -> str:
    """Return a report's file name; recordings of one name in several folders are told apart by their hash."""
    name = f"{path.name}.html"
    if name in named:
        name = f"{path.name}.{sha256[:12]}.html"
    named.add(name)
    return name


def _files(json_to: str | None) -> list[Path]:
    return [] if json_to in (None, "-") else [Path(str(json_to))]


def _exit_code(states: list[str], unreadable: int) -> int:
    if unreadable:
        return EXIT_UNREADABLE
    if "suspect" in states:
        return EXIT_SUSPECT
    return EXIT_INCONCLUSIVE if "inconclusive" in states else 0


def _cache() -> Path:
    """Return the folder for what can be computed again, after the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "liveness"


@contextmanager
def _progress(console: Console, path: Path) -> Iterator[Callable[[float, float | None, Verdict | None], None] | None]:
    """Show media time, speed and what is being found, on a terminal only."""
    if not console.is_terminal:
        yield None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[place]}  {task.fields[speed]}  {task.fields[found]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task: TaskID = bar.add_task(escape(visible(path.name)), total=None, place="", speed="", found="")
        started = time.perf_counter()

        def tell(time_s: float, duration_s: float | None, verdict: Verdict | None) -> None:
            spent = time.perf_counter() - started
            label, style = _SHOWN[verdict.state if verdict else "warming_up"]
            sure = f" {verdict.confidence:.0%}" if verdict and verdict.state != "warming_up" else ""
            bar.update(
                task,
                total=duration_s,
                completed=min(time_s, duration_s or time_s),
                place=f"{_clock(time_s)}" + (f" / {_clock(duration_s)}" if duration_s else ""),
                speed=f"{time_s / spent:.1f}× real time" if spent > 0.5 else "",
                found=f"[{style}]{label}{sure}[/]",
            )

        yield tell


@contextmanager
def _counting(what: str) -> Iterator[Callable[[str], None]]:
    """Show how many samples are done, on a terminal only."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn(what), TextColumn("{task.completed} done  {task.fields[last]}"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None, last="")
        yield lambda last: bar.update(task, advance=1, last=escape(last))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _show(console: Console, data: dict[str, Any], report: Path | None) -> None:
    """Print the verdict for people."""
    verdict = data["verdict"]
    label, style = _SHOWN[verdict["state"]]
    low, high = verdict["interval"]
    head = Text.assemble(
        (label, style),
        f"  {visible(data['file'])}  ",
        (_clock(data["duration_s"]), "dim"),
    )
    sure = f"confidence {verdict['confidence']:.0%}, likely between {low:.0%} and {high:.0%}"
    questions = Table.grid(padding=(0, 2))
    for family, question in _QUESTIONS.items():
        covered = verdict["coverage"].get(family)
        seen = "not examined" if covered is None else f"{covered:.0%} of what can be seen was seen"
        seen += "; an unsure sign of it" if verdict["doubted"] == family else ""
        questions.add_row(question, f"{verdict['families'][family]:.0%}", Text(seen, style="dim"))
    lines: list[Any] = [
        head,
        Padding(Text(verdict["summary"]), (0, 2)),
        Padding(sure, (0, 2)),
        Padding(questions, (1, 2)),
    ]
    for reason in verdict["reasons"][:5]:
        mark, colour = ("▼ for an attack", "red") if reason["llr"] > 0 else ("▲ for a live person", "green")
        lines.append(
            Padding(Text.assemble((f"{mark}  ", colour), f"{_clock(reason['time_s'])}  {reason['text']}"), (0, 2))
        )
    for one in data["challenges"]:
        mark, colour = _RESULTS[one["result"]]
        said = f"{_clock(one['time_s'])}  {one['title']}: {one['reason']}"
        lines.append(Padding(Text.assemble((f"{mark}  ", colour), said), (0, 2)))
    if verdict["missing"]:
        lines.append(Padding(Text(f"Not measurable: {', '.join(verdict['missing'])}", style="dim"), (0, 2)))
    if verdict["next_step"]:
        lines.append(Padding(Text.assemble(("Next step  ", "bold"), verdict["next_step"]["why"]), (1, 2, 0, 2)))
    if data["media"]["damaged"]:
        lines.append(Padding(Text(f"Damaged: {data['media']['damaged']}", style="yellow"), (0, 2)))
    if report:
        lines.append(Padding(Text(f"Report: {report}"), (0, 2)))
    console.print(Group(*lines, ""), highlight=False)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all.  [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.  [8080]")] = None,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Where database and secrets are kept.")] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Where browsers reach it.")] = None,
    tls_self_signed: Annotated[bool | None, typer.Option("--tls-self-signed", help="Make a certificate.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="PEM", help="Certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="PEM", help="Its private key.")] = None,
    workers: Annotated[int | None, typer.Option(help="Media worker processes.  [one a core]")] = None,
    calibration: Annotated[Path | None, typer.Option(metavar="PATH", help="Another calibration.")] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make and print one more API key.")] = False,
) -> None:
    """Serve live interviews; prints the links to open. What is not given comes from LIVENESS_… in the environment."""
    from liveness.service import serving

    serving.serve(
        host=host,
        port=port,
        data=data,
        base_url=base_url,
        tls_self_signed=tls_self_signed,
        tls_cert=tls_cert,
        tls_key=tls_key,
        workers=workers,
        calibration=calibration,
        fresh_key=new_key,
    )


@app.command()
def check(
    calibration: Annotated[Path | None, typer.Option(metavar="PATH", help="Another calibration.")] = None,
) -> None:
    """Hold a short call against the service itself on loopback, and say what works."""
    import asyncio
    import logging

    import structlog

    from liveness.service.checks import load_settings
    from liveness.service.self_check import Step, check_service

    # What the service logs of its own is for operators of a running one.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console(highlight=False)

    def say(step: Step) -> None:
        console.print(
            Text.assemble(("✔ ", "bold green"), f"{step.name}  ", (f"{step.told}  {step.seconds:.1f} s", "dim"))
        )

    asyncio.run(check_service(load_settings({"calibration": calibration}), say))
    console.print("All of it works.")


@app.command()
def bench(
    calls: Annotated[
        str, typer.Option(metavar="N|auto", help="Measure 1, 2, … N calls; auto: until a step fails.")
    ] = "auto",
    baseline: Annotated[
        str | None, typer.Option(metavar="naive", help="What to compare with, in the same run.")
    ] = None,
    clip: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Recording that the senders replay; else a drawing.")
    ] = None,
    layers: Annotated[int, typer.Option(help="Temporal layers of the video: 2 as the SDK sends, or 1.")] = 2,
    seconds: Annotated[float, typer.Option(help="How long each step is measured.")] = 15.0,
    json_to: Annotated[str | None, typer.Option("--json", metavar="PATH|-", help="Write the figures.")] = None,
    svg: Annotated[Path | None, typer.Option(metavar="PATH", help="Write a picture of them.")] = None,
) -> None:
    """Measure how many calls a core holds, with real WebRTC senders on loopback."""
    from liveness.lab.bench.page import picture
    from liveness.lab.bench.running import BenchOptions, run_bench

    if calls != "auto" and not calls.isdecimal():
        raise ConfigError(f"--calls: expected a number or auto, got {calls!r}")
    if baseline not in (None, "naive"):
        raise ConfigError(f"--baseline: there is only naive, got {baseline!r}")
    targets = [Path(json_to)] if json_to not in (None, "-") else []
    check_targets([*targets, *([svg] if svg else [])], [clip] if clip else [])
    options = BenchOptions(
        calls=None if calls == "auto" else int(calls),
        baseline="naive" if baseline else None,
        clip=clip,
        layers=layers,
        steady_s=seconds,
    )
    console = Console(stderr=True, highlight=False)
    results = run_bench(options, say=lambda sentence: console.print(sentence, markup=False))
    text = json.dumps(results, indent=1, allow_nan=False) + "\n"
    if json_to == "-":
        sys.stdout.write(text)
    elif json_to:
        with whole_file(Path(json_to)) as file:
            file.write(text)
    if svg:
        with whole_file(svg) as file:
            file.write(picture(results))
