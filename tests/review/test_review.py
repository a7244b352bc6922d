"""`liveness review` as people use it: files in, exit status, JSON and words out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from clips import cut, tone, write_clip
from people import photograph, plain, save, static, talking

SCHEMA = {
    "type": "object",
    "required": ["schema", "file", "sha256", "duration_s", "media", "verdict", "timeline", "evidence", "engine"],
    "properties": {
        "schema": {"const": "liveness.review/1"},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "verdict": {
            "type": "object",
            "required": ["confidence", "interval", "state", "families", "coverage", "reasons", "next_step"],
            "properties": {
                "state": {"enum": ["live", "suspect", "inconclusive"]},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
            },
        },
        "timeline": {"type": "array", "items": {"required": ["time_s", "confidence", "state"]}},
        "evidence": {
            "type": "array",
            "items": {"required": ["id", "signal", "start_s", "end_s", "value", "unit", "quality", "llr", "reason"]},
        },
        "processing": {"type": "object", "required": ["seconds", "realtime_factor"]},
    },
}


def liveness(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liveness", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
    )


def documents(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["file"]: one for one in found}


@pytest.fixture(scope="module")
def nothing_to_see(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Reviews of recordings in which there is nothing to be sure of."""
    folder = tmp_path_factory.mktemp("nothing")
    save(folder / "noise.mp4", static(4))
    save(folder / "black.mp4", plain(10, 0))
    save(folder / "nobody.mp4", plain(10, 120))
    save(folder / "short.mp4", talking(2))
    done = liveness("review", folder, "--json", "-")
    assert done.returncode == 3, done.stderr
    return documents(done)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("noise.mp4", "No face could be measured"),
        ("black.mp4", "No face could be measured"),
        ("nobody.mp4", "No face could be measured"),
        ("short.mp4", "Less than 2.5 seconds"),
    ],
)
def test_where_nothing_can_be_known_the_answer_is_inconclusive(
    nothing_to_see: dict[str, dict[str, Any]], name: str, reason: str
) -> None:
    document = nothing_to_see[name]
    jsonschema.validate(document, SCHEMA)
    assert document["verdict"]["state"] == "inconclusive"
    assert reason in document["verdict"]["summary"]
    assert document["verdict"]["missing"]
    assert {point["state"] for point in document["timeline"]} <= {"warming_up", "inconclusive"}


def test_a_loop_and_a_still_are_found_and_the_talking_person_is_not_accused(clips: Path) -> None:
    done = liveness("review", clips, "--json", "-")
    assert done.returncode == 4, done.stderr
    found = documents(done)
    for document in found.values():
        jsonschema.validate(document, SCHEMA)
    assert found["talking.mp4"]["verdict"]["state"] != "suspect"
    # A picture that does not move is as well one that is held before the camera as one that is fed in.
    for name, sentence, families in (
        ("loop.mp4", "this is a loop", {"injection"}),
        ("frozen.mp4", "do not move at all", {"injection", "presentation"}),
    ):
        verdict = found[name]["verdict"]
        assert verdict["state"] == "suspect", name
        assert max(verdict["families"], key=verdict["families"].get) in families
        assert any(sentence in reason["text"] for reason in verdict["reasons"])
        assert verdict["next_step"]["challenge"]


def test_the_same_file_gives_the_same_json_under_load(clips: Path, tmp_path: Path) -> None:
    def review(name: str) -> subprocess.Popen[str]:
        arguments = ["review", str(clips / "talking.mp4"), "--json", str(tmp_path / name)]
        return subprocess.Popen(
            [sys.executable, "-m", "liveness", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    alone = review("alone.json")
    alone.communicate(timeout=120)
    crowd = [review(f"{number}.json") for number in range(4)]
    for process in crowd:
        process.communicate(timeout=240)
    texts = set()
    for name in ("alone", "0", "1", "2", "3"):
        document = json.loads((tmp_path / f"{name}.json").read_text())
        document.pop("processing")
        texts.add(json.dumps(document))
    assert len(texts) == 1


def test_unreadable_files_are_named_in_one_line_each_and_the_rest_is_reviewed(tmp_path: Path) -> None:
    good = save(tmp_path / "good.mp4", talking(3))
    text = tmp_path / "text.mp4"
    text.write_text("this is no video")
    zero = tmp_path / "zero.mp4"
    zero.touch()
    truncated = save(tmp_path / "truncated.mp4", talking(2))
    cut(truncated, 0.5)
    audio = write_clip(tmp_path / "audio.mp4", sound=tone(1.0))
    empty = tmp_path / "empty"
    empty.mkdir()
    missing = tmp_path / "missing.mp4"
    bad = [text, zero, truncated, audio, empty, missing]
    done = liveness("review", *bad, good, "--json", "-")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == len(bad), done.stderr
    for path, line in zip(bad, lines, strict=True):
        assert line.startswith(f"liveness: {path}: ")
        assert len(line) > len(f"liveness: {path}: ") + 15
        assert "Errno" not in line
        assert "Traceback" not in line
    assert list(documents(done)) == ["good.mp4"]


def test_a_region_picks_one_tile_of_a_gallery_view(tmp_path: Path) -> None:
    tile = (photograph()[y : y + 240, 60:300] for y in [20] * 100)
    other = static(4)
    import numpy as np

    gallery = (np.hstack([one, two[:, :240]]) for one, two in zip(tile, other, strict=False))
    path = save(tmp_path / "gallery.mp4", iter(gallery))
    left = documents(liveness("review", path, "--region", "0,0,240,240", "--json", "-"))["gallery.mp4"]
    right = documents(liveness("review", path, "--region", "240,0,240,240", "--json", "-"))["gallery.mp4"]
    assert left["media"]["region"] == [0, 0, 240, 240]
    assert left["evidence"]
    assert not right["evidence"]
    assert "No face" in right["verdict"]["summary"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--region", "1,2,3"], "expected X,Y,W,H"),
        (["--region", "0,0,20,20"], "64"),
        (["--off", "nose"], "no such signal: nose"),
        (["--prior", "1"], "prior_bonafide must lie between 0 and 1"),
        (["--json", "no/such/folder/x.json"], "choose a folder that exists"),
        (["--calibration", "nowhere.json"], "liveness calibrate"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(clips: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    done = liveness("review", clips / "frozen.mp4", *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_outputs_never_destroy_inputs_or_one_another(tmp_path: Path) -> None:
    recording = save(tmp_path / "good.mp4", talking(3))
    before = recording.read_bytes()
    both = tmp_path / "both"
    cases: list[tuple[list[str | Path], str]] = [
        (["review", recording, "--json", recording], "one of the inputs"),
        (["review", recording, "--html", recording], "one of the inputs"),
        (["review", recording, "--json", both, "--html", both], "two outputs"),
        (["review", recording, "--html", tmp_path], "this is a folder"),
        (["review", recording, "--html", tmp_path / "no" / "x.html"], "choose a folder that exists"),
        (["attack", "still", recording, recording], "one of the inputs"),
    ]
    for arguments, words in cases:
        done = liveness(*arguments)
        assert done.returncode == 2, done.stderr
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert recording.read_bytes() == before


def test_an_attack_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    recording = save(tmp_path / "good.mp4", talking(3))
    kept = tmp_path / "keep.xyz"
    kept.write_text("precious")
    done = liveness("attack", "loop", recording, kept)
    assert done.returncode == 1
    assert "name a file such as attack.mp4" in done.stderr
    assert kept.read_text() == "precious"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["good.mp4", "keep.xyz"]


def test_names_from_strangers_do_not_steer_the_terminal_nor_break_the_json(tmp_path: Path) -> None:
    source = save(tmp_path / "good.mp4", talking(3))
    folder = tmp_path / "names"
    folder.mkdir()
    for name in (b"esc\x1b[31mred\n.mp4", b"bad\xff\xfe.mp4"):
        (folder / os.fsdecode(name)).write_bytes(source.read_bytes())
    done = liveness("review", folder, "--json", tmp_path / "out.ndjson")
    assert done.returncode == 3, done.stderr
    assert "\x1b" not in done.stdout
    names = [json.loads(line)["file"] for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    assert len(names) == 2


def test_control_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    recording = save(tmp_path / "long.mp4", talking(12))
    out = tmp_path / "out"
    out.mkdir()
    arguments = [str(recording)] * 6 + ["--json", str(out / "all.json"), "--html", str(out / "pages")]
    process = subprocess.Popen(
        [sys.executable, "-m", "liveness", "review", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    deadline = time.monotonic() + 60
    while not any(out.glob(".all.json*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    # Where it came while a compiled library was being loaded, Python ends by the signal: 130 to any shell.
    assert process.returncode in (130, -signal.SIGINT)
    assert errors.strip() == "interrupted; nothing half-written is left behind"
    assert not (out / "all.json").exists()
    assert not [one for one in out.rglob("*") if one.is_file() and one.suffix != ".html"]


def test_three_lines_of_a_terminal_say_what_was_found(clips: Path) -> None:
    done = liveness("review", clips / "frozen.mp4")
    assert done.returncode == 4
    assert "suspect" in done.stdout
    assert "Next step" in done.stdout
    assert "This alone proves nothing" in done.stdout
    assert "\x1b" not in done.stdout, "no colour codes in a pipe"
    assert done.stderr == "", "no progress bar in a pipe"


def test_a_report_is_written_beside_the_json(clips: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = liveness("review", clips / "loop.mp4", "--html", page, "--json", tmp_path / "out.json")
    assert done.returncode == 4
    document = json.loads((tmp_path / "out.json").read_text())
    text = page.read_text()
    assert document["sha256"] in text
    assert "data:video/mp4" in text
    assert "data:image/jpeg" in text


def test_a_still_picture_is_refused_with_what_to_give_instead(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "photo.jpg"), photograph())
    done = liveness("review", tmp_path / "photo.jpg")
    assert done.returncode == 1
    assert "give a recording" in done.stderr


@pytest.mark.corpus
def test_real_people_of_the_corpus_are_not_accused_and_their_stills_and_loops_are_found(
    corpus: Path, tmp_path: Path
) -> None:
    real = corpus / "bonafide" / "b001.mp4"
    for kind in ("still", "loop"):
        assert liveness("attack", kind, real, tmp_path / f"{kind}.mp4", "--seed", "5").returncode == 0
    found = documents(liveness("review", real, tmp_path, "--json", "-"))
    assert found["b001.mp4"]["verdict"]["state"] == "live"
    assert found["still.mp4"]["verdict"]["state"] == "suspect"
    assert found["loop.mp4"]["verdict"]["state"] == "suspect"
