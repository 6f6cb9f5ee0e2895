"""Boards from strangers, through the command line: refused in clear words, in bounds, unpaid."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import wave
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.cli.main import main

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "flows.cli"]
HEAD = """\
provider: ark
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2}
shots:
"""
KILOBYTES_MOST = 600_000
"""Of memory, where a plain check takes sixty thousand."""


@dataclass
class Stage:
    """A folder that came from a stranger, what lies outside of it, and a vendor that counts."""

    folder: Path
    outside: Path
    listener: socket.socket
    capsys: pytest.CaptureFixture[str]

    def refuse(self, *words: str, code: int = 2) -> str:
        """Run a command that has to end so, in one sentence and with nothing sent; returns it."""
        assert main(list(words)) == code
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        assert "this is a bug" not in err
        with pytest.raises(BlockingIOError):
            self.listener.accept()
        return err

    def board(self, shot: str, *, head: str = HEAD) -> str:
        """Write a board of one shot."""
        (self.folder / "board.yaml").write_text(f"{head}  - {{id: one, prompt: Dawn, {shot}}}\n")
        return "board.yaml"

    def render(self, shot: str, *, head: str = HEAD) -> str:
        """Why a render of a board of one shot is refused: one problem, told in one line."""
        err = self.refuse("render", self.board(shot, head=head), "--yes")
        assert err.count("\n") == 1, err
        assert err.startswith("board.yaml:5:")
        return err


@pytest.fixture
def stage(tmp_path: Path, monkeypatch, capsys) -> Iterator[Stage]:
    """The stranger's folder is the working directory; a picture and a key lie beside it."""
    folder, outside = tmp_path / "stranger", tmp_path / "mine"
    folder.mkdir()
    outside.mkdir()
    (outside / "private.png").write_bytes(png(640, 360))
    (folder / "fine.png").write_bytes(png(640, 360))
    monkeypatch.chdir(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "sk-canary")
        monkeypatch.setenv(
            "SHOTCHAIN_ARK_BASE_URL", f"http://127.0.0.1:{listener.getsockname()[1]}/api/v3"
        )
        yield Stage(folder, outside, listener, capsys)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *more: bytes) -> bytes:
    """A grey PNG that says it is so large, whatever it holds."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = zlib.compress(bytes(min((width + 1) * height, 1_000_000)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + b"".join(more)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def link(stage: Stage) -> None:
    (stage.folder / "link.png").symlink_to(stage.outside / "private.png")


def link_to_folder(stage: Stage) -> None:
    (stage.folder / "refs").symlink_to(stage.outside)


def link_to_device(stage: Stage) -> None:
    (stage.folder / "zero.png").symlink_to("/dev/zero")


def pipe(stage: Stage) -> None:
    os.mkfifo(stage.folder / "pipe.png")


def folder(stage: Stage) -> None:
    (stage.folder / "a.png").mkdir()


def nothing(stage: Stage) -> None:
    """The name alone is the attack."""


@pytest.mark.parametrize(
    ("written", "make", "said"),
    [
        ("../mine/private.png", nothing, "outside the board's folder"),
        ("./../stranger/../mine/private.png", nothing, "outside the board's folder"),
        ("link.png", link, "outside the board's folder"),
        ("refs/private.png", link_to_folder, "outside the board's folder"),
        ("zero.png", link_to_device, "outside the board's folder"),
        ("/etc/hostname", nothing, "outside the board's folder"),
        ("pipe.png", pipe, "is not a regular file"),
        ("a.png", folder, "is not a regular file"),
        ("~/.ssh/id_rsa", nothing, "no file ~/.ssh/id_rsa beside"),
        ("file:///etc/hostname", nothing, "file"),
        ("FILE:///etc/hostname", nothing, "file"),
        ("file:fine.png", nothing, "file"),
        ("data:image/png;base64,AAAA", nothing, "file"),
        ("HTTP://127.0.0.1/a.png", nothing, "file"),
        ("fine.png/../../mine/private.png", nothing, "outside the board's folder"),
        ("n" * 3000, nothing, "no name of a file"),
    ],
)
@pytest.mark.parametrize("word", ["first_frame", "clip"])
def test_nothing_outside_of_the_folder_is_read(stage: Stage, word, written, make, said) -> None:
    """Whatever way out a reference tries, as a picture or as a clip."""
    make(stage)
    head = HEAD
    if word == "clip":
        (stage.folder / "board.yaml").write_text(f'{HEAD}  - {{id: one, clip: "{written}"}}\n')
        err = stage.refuse("render", "board.yaml", "--yes")
    else:
        err = stage.render(f'{word}: "{written}"', head=head)

    assert said in err
    assert err.count("\n") == 1


def test_a_link_within_the_folder_is_a_file(stage: Stage) -> None:
    """Only what leads out is refused."""
    (stage.folder / "link.png").symlink_to("fine.png")

    assert main(["check", stage.board("first_frame: link.png")]) == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://127.1/a.png",
        "http://0x7f000001/a.png",
        "http://2130706433/a.png",
        "http://localhost./a.png",
        "https://user@192.168.0.1/a.png",
        "http://[::ffff:127.0.0.1]/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://127。0。0。1/a.png",
        "http://nas.local/a.png",
    ],
)
def test_no_vendor_is_sent_into_this_network(stage: Stage, monkeypatch, url: str) -> None:
    """A reference at a near address, in whatever spelling, for a vendor out there."""
    monkeypatch.setenv("SHOTCHAIN_ARK_BASE_URL", "https://ark.example.com/api/v3")

    assert "ark can't reach" in stage.render(f'first_frame: "{url}"')


PICTURES = {
    "a bomb": (png(60_000, 60_000), "3600 megapixels|60000"),
    "a header twice": (png(640, 360)[:8] + png(60_000, 60_000)[8:], "60000"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
    "html": (b"<!doctype html><script>alert(1)</script>", "no picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run", "no picture"),
    "a cut jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "ends inside its header"),
    "endless markers": (b"\xff\xd8" + b"\xff" * 5_000_000, "has no size in its header"),
    "a cut webp": (b"RIFF\x04\x00\x00\x00WEBPVP8X", "0×0|too|make|Make|ends"),
    "an animation": (b"GIF89a\xff\xff\xff\xff\x00\x00\x00;", "65535"),
    "tiff that points nowhere": (b"II*\x00\xff\xff\xff\xff", "ends inside its header"),
    "nothing": (b"", "no picture"),
}


@pytest.mark.parametrize("case", PICTURES)
def test_a_picture_that_lies_is_refused(stage: Stage, case: str) -> None:
    """By its bytes and not by its name, and before it is opened."""
    data, said = PICTURES[case]
    (stage.folder / "lies.png").write_bytes(data)

    err = stage.render("first_frame: lies.png")

    assert any(word in err for word in said.split("|")), err


def test_a_picture_with_endless_text_in_it_is_measured_at_once(stage: Stage) -> None:
    """Text and colour profiles are not unpacked."""
    bomb = zlib.compress(bytes(200_000_000), 9)
    (stage.folder / "text.png").write_bytes(
        png(640, 360, chunk(b"zTXt", b"a\0\0" + bomb), chunk(b"iCCP", b"a\0\0" + bomb))
    )

    ended, kilobytes = measured(stage, "check", stage.board("first_frame: text.png"))

    assert ended == 0
    assert kilobytes < KILOBYTES_MOST / 3


# What a process has in memory counts for the child that it starts: a small one is to start it.
STARTER = """\
import os, sys
hushed = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=hushed)
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss)
"""


def measured(stage: Stage, *words: str) -> tuple[int, int]:
    """The exit code of a command as a process of its own, and the memory it took, in kilobytes."""
    with (stage.folder / "told").open("wb") as told:
        starter = subprocess.run(
            [sys.executable, "-S", "-c", STARTER, *PROGRAM, *words],
            cwd=stage.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=told,
            check=True,
        )
    code, kilobytes = map(int, starter.stdout.split())
    return code, kilobytes


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
BOARDS = {
    "ten megabytes": (HEAD + "# padding\n" * 1_000_000, "larger than 2 MB"),
    "a billion laughs": (LAUGHS, "aliases included"),
    "an alias of itself": ("shots: &a [*a]\n", "inside its own anchor"),
    "brackets": ("shots: " + "[" * 500_000, "nested deeper"),
    "braces": ("{a: " * 100_000, "nested deeper"),
    "indents": ("".join(" " * n + "a:\n" for n in range(1200)), "nested deeper"),
    "many flaws": (HEAD + "  - {x: 1}\n" * 20_000, "more problems"),
    "one long word": (HEAD + "  - {id: " + "a" * 1_900_000 + "}\n", "id"),
    "one long number": (HEAD + "  - {id: one, seconds: " + "9" * 100_000 + "}\n", "seconds"),
    "nothing but keys": ("".join(f"k{n}: 1\n" for n in range(30_000)), "k0"),
    "binary": (b"\x00\x01\x02" * 1000, "U+0000"),
    "utf-16": (HEAD.encode("utf-16"), "UTF-16"),
    "latin": (b"title: caf\xe9\n", "UTF-8"),
    "a marked and empty file": (b"\xef\xbb\xbf", "empty"),
    "a tag that runs": ("!!python/object/apply:os.system ['true']", "tag"),
    "an escape": ('title: "\\e[2J"\n' + HEAD + "  - {id: one, prompt: x}\n", "control character"),
}


@pytest.mark.parametrize("case", BOARDS)
def test_a_board_that_was_made_to_choke_us_is_refused(stage: Stage, case: str) -> None:
    """Each in a moment, in little memory, in words."""
    text, said = BOARDS[case]
    data = text if isinstance(text, bytes) else text.encode()
    (stage.folder / "board.yaml").write_bytes(data)

    ended, kilobytes = measured(stage, "render", "board.yaml", "--yes")

    err = (stage.folder / "told").read_text()
    assert ended == 2, err
    assert said in err
    assert "Traceback" not in err
    assert len(err) < 300_000
    assert kilobytes < KILOBYTES_MOST


def test_two_thousand_shots_are_planned_in_bounds(stage: Stage) -> None:
    """All of them from the same large picture, which is looked at and not loaded for each."""
    data = png(4000, 3000, chunk(b"teXt", os.urandom(20_000_000)))
    (stage.folder / "large.png").write_bytes(data)
    shots = "".join(
        f"  - {{id: s{n}, prompt: Dawn {n}, first_frame: large.png}}\n" for n in range(2000)
    )
    (stage.folder / "board.yaml").write_text(HEAD + shots)

    ended, kilobytes = measured(stage, "plan", "board.yaml")

    assert ended == 0, (stage.folder / "told").read_text()
    assert kilobytes < KILOBYTES_MOST


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "socket"])
def test_a_board_that_is_no_file_is_refused(stage: Stage, kind: str) -> None:
    """Nothing is waited for."""
    path = stage.folder / "board.yaml"
    with socket.socket(socket.AF_UNIX) as unix:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "folder":
            path.mkdir()
        else:
            unix.bind("board.yaml")

        assert stage.refuse("render", "board.yaml", "--yes").count("\n") == 1


def test_the_folder_of_a_board_is_where_its_name_stands(stage: Stage) -> None:
    """A board that is a link reads beside the link and not beside what it leads to."""
    (stage.outside / "board.yaml").write_text(
        f"{HEAD}  - {{id: one, prompt: Dawn, first_frame: private.png}}\n"
    )
    (stage.folder / "board.yaml").symlink_to(stage.outside / "board.yaml")

    assert "no file private.png" in stage.refuse("check", "board.yaml")


@pytest.mark.parametrize(
    "prompt", ["Dawn --duration 12", "--rt 1:1 Dawn", "Dawn. {flag}", "Dawn --camerafixed true"]
)
def test_words_of_a_prompt_never_become_flags(stage: Stage, monkeypatch, prompt: str) -> None:
    """Where the wire format takes flags in the text, also out of a variable."""
    monkeypatch.setenv("SHOTCHAIN_COMETAPI_VOLC_API_KEY", "sk-canary")
    head = "variables: {flag: --resolution 1080p}\n" + HEAD.replace("ark", "cometapi-volc")
    (stage.folder / "board.yaml").write_text(f'{head}  - {{id: one, prompt: "{prompt}"}}\n')

    assert "--" in stage.refuse("render", "board.yaml", "--yes")


def sound(stage: Stage) -> bytes:
    path = stage.folder / "real.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(32_000))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.wav", b"<!doctype html>"),
        ("list.mp3", b"#EXTM3U\nfile:///etc/hostname\n"),
        ("empty.wav", b""),
        ("riff.wav", b"RIFF\xff\xff\xff\xffAVI "),
    ],
)
def test_a_sound_that_is_none_is_refused(stage: Stage, name: str, data: bytes) -> None:
    """By its bytes: nothing of a stranger's is sent under a wrong name."""
    (stage.folder / name).write_bytes(data)
    (stage.folder / "fine.wav").write_bytes(sound(stage))
    head = HEAD.replace("1.0-pro", "2.0").replace("seconds: 2", "seconds: 4")

    err = stage.refuse(
        "render",
        stage.board(f"references: {{images: [fine.png], audio: [{name}]}}", head=head),
        "--yes",
    )
    assert "neither WAV nor MP3" in err


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.mp4", b"<!doctype html><title>Error</title>"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"),
        ("concat.mp4", b"ffconcat version 1.0\nfile '/etc/hostname'\n"),
        ("cut.mp4", b"\x00\x00\x00\x20ftypisom" + bytes(20) + b"\x00\x10\x00\x00mdat" + bytes(99)),
        ("empty.mp4", b""),
    ],
)
def test_a_clip_that_is_none_is_refused_before_anything_is_paid(stage: Stage, name, data) -> None:
    """The shots beside it would have been rendered, for a film that can't be joined."""
    (stage.folder / name).write_bytes(data)
    (stage.folder / "board.yaml").write_text(
        f"{HEAD}  - {{id: paid, prompt: Dawn}}\n  - {{id: theirs, clip: {name}}}\n"
    )

    assert name in stage.refuse("render", "board.yaml", "--yes")


ESCAPES = "\x1b[31m\x07\u202e\u2066"


def test_no_name_moves_the_cursor_or_forges_a_line(stage: Stage) -> None:
    """Not in a problem, not in a note, not where all is well."""
    name = f"b{ESCAPES}\nboard.yaml: is clean.yaml"
    (stage.folder / name).write_text(f"{HEAD}  - {{id: one, prompt: Dawn}}\n")

    assert main(["check", name]) == 0
    out, err = stage.capsys.readouterr()
    (stage.folder / name).write_text(
        f'{HEAD}  - {{id: one, prompt: Dawn, first_frame: "a\\n\u202eb.png"}}\n'
    )
    refused = stage.refuse("check", name)

    assert out.count("\n") == refused.count("\n") == 1
    assert not [one for one in (out + err + refused).replace("\n", "") if not one.isprintable()]


def test_a_name_that_is_no_text_is_told_all_the_same(stage: Stage) -> None:
    """File systems hold bytes; a document is still a document."""
    name = os.fsdecode(b"b\xff.yaml")
    (stage.folder / name).write_text(f"{HEAD}  - {{id: one, prompt: x, secconds: 2}}\n")

    assert main(["check", name, "--json"]) == 2
    assert json.loads(stage.capsys.readouterr().out)["problems"][0]["file"] == name
