"""Hostile boards and files: rejected with a clear message, within bounds, and nothing is sent."""

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
MAX_MEMORY_KB = 600_000
"""Memory limit of a command; a plain check takes about 60,000 kB."""


@dataclass
class Sandbox:
    """An untrusted folder, files outside of it, and a vendor that must not get a request."""

    folder: Path
    outside: Path
    vendor: socket.socket
    capsys: pytest.CaptureFixture[str]

    def run_rejected(self, *argv: str) -> str:
        """Run a command that must end with exit code 2 and send nothing; return its message."""
        assert main(list(argv)) == 2
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        assert "this is a bug" not in err
        with pytest.raises(BlockingIOError):
            self.vendor.accept()
        return err

    def write_board(self, fields: str, *, head: str = HEAD) -> str:
        """Write a board of one shot and return its name."""
        (self.folder / "board.yaml").write_text(f"{head}  - {{id: one, prompt: Dawn, {fields}}}\n")
        return "board.yaml"

    def reject_shot(self, fields: str, *, head: str = HEAD) -> str:
        """Render a board of one shot that must have one problem; return its line."""
        err = self.run_rejected("render", self.write_board(fields, head=head), "--yes")
        assert err.count("\n") == 1, err
        assert err.startswith("board.yaml:5:")
        return err

    def measure(self, *argv: str) -> tuple[int, int]:
        """Run a command in a process of its own; return its exit code and its memory in kB."""
        with self.log.open("wb") as log:
            starter = subprocess.run(
                [sys.executable, "-S", "-c", STARTER, *PROGRAM, *argv],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=log,
                check=True,
            )
        code, kilobytes = map(int, starter.stdout.split())
        return code, kilobytes

    @property
    def log(self) -> Path:
        """File with the messages of the measured command."""
        return self.outside / "log"


# A child starts with the peak memory of its parent on record, so a small parent starts it.
STARTER = """\
import os, sys
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch, capsys) -> Iterator[Sandbox]:
    """The untrusted folder is the working directory; a private picture is outside of it."""
    folder, outside = tmp_path / "stranger", tmp_path / "mine"
    folder.mkdir()
    outside.mkdir()
    (outside / "private.png").write_bytes(png(640, 360))
    (folder / "fine.png").write_bytes(png(640, 360))
    monkeypatch.chdir(folder)
    with socket.create_server(("127.0.0.1", 0)) as vendor:
        vendor.setblocking(False)
        url = f"http://127.0.0.1:{vendor.getsockname()[1]}/api/v3"
        monkeypatch.setenv("SHOTCHAIN_ARK_API_KEY", "sk-canary")
        monkeypatch.setenv("SHOTCHAIN_ARK_BASE_URL", url)
        yield Sandbox(folder, outside, vendor, capsys)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """Return a grey PNG of this declared size, which large pictures do not fill."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = zlib.compress(bytes(min((width + 1) * height, 1_000_000)))
    return (
        b"\x89PNG\r\n\x1a\n"
        + header
        + b"".join(chunks)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def link(sandbox: Sandbox) -> None:
    (sandbox.folder / "link.png").symlink_to(sandbox.outside / "private.png")


def link_to_folder(sandbox: Sandbox) -> None:
    (sandbox.folder / "refs").symlink_to(sandbox.outside)


def link_to_device(sandbox: Sandbox) -> None:
    (sandbox.folder / "zero.png").symlink_to("/dev/zero")


def pipe(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.folder / "pipe.png")


def folder(sandbox: Sandbox) -> None:
    (sandbox.folder / "a.png").mkdir()


def nothing(sandbox: Sandbox) -> None:
    """Create no file: the name alone is hostile."""


REFERENCES = [
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
    ("n" * 3000, nothing, "is not a valid file name"),
]


@pytest.mark.parametrize(("reference", "prepare", "message"), REFERENCES)
def test_picture_outside_folder_is_not_read(sandbox, reference, prepare, message) -> None:
    """A path, link, URL or device that leaves the folder is one problem of the shot."""
    prepare(sandbox)

    assert message in sandbox.reject_shot(f'first_frame: "{reference}"')


@pytest.mark.parametrize(("reference", "prepare", "message"), REFERENCES)
def test_clip_outside_folder_is_not_read(sandbox, reference, prepare, message) -> None:
    """The same references are rejected as a clip."""
    prepare(sandbox)
    (sandbox.folder / "board.yaml").write_text(f'{HEAD}  - {{id: one, clip: "{reference}"}}\n')
    err = sandbox.run_rejected("render", "board.yaml", "--yes")

    assert message in err
    assert err.count("\n") == 1


def test_link_within_folder_is_read(sandbox) -> None:
    """Only links that leave the folder are rejected."""
    (sandbox.folder / "link.png").symlink_to("fine.png")

    assert main(["check", sandbox.write_board("first_frame: link.png")]) == 0


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
def test_private_url_is_not_sent_to_vendor(sandbox, monkeypatch, url: str) -> None:
    """An address of a private network is rejected in every spelling for a remote vendor."""
    monkeypatch.setenv("SHOTCHAIN_ARK_BASE_URL", "https://ark.example.com/api/v3")

    assert "ark can't reach" in sandbox.reject_shot(f'first_frame: "{url}"')


PICTURES = {
    "a bomb": (png(60_000, 60_000), "60000"),
    "two headers": (png(640, 360)[:8] + png(60_000, 60_000)[8:], "60000"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image"),
    "html": (b"<!doctype html><script>alert(1)</script>", "is not an image"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run", "is not an image"),
    "a cut jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "ends inside its header"),
    "endless markers": (b"\xff\xd8" + b"\xff" * 5_000_000, "has no size in its header"),
    "a cut webp": (b"RIFF\x04\x00\x00\x00WEBPVP8X", "0×0 pixels"),
    "an animation": (b"GIF89a\xff\xff\xff\xff\x00\x00\x00;", "65535"),
    "tiff with a wild offset": (b"II*\x00\xff\xff\xff\xff", "ends inside its header"),
    "nothing": (b"", "is not an image"),
}


@pytest.mark.parametrize("case", PICTURES)
def test_hostile_picture_is_rejected(sandbox, case: str) -> None:
    """A picture is checked by its header, not by its name, and before it is decoded."""
    data, message = PICTURES[case]
    (sandbox.folder / "hostile.png").write_bytes(data)

    assert message in sandbox.reject_shot("first_frame: hostile.png")


def test_picture_with_text_bomb_is_not_unpacked(sandbox) -> None:
    """Compressed text and colour profiles in a picture are left packed."""
    bomb = zlib.compress(bytes(200_000_000), 9)
    (sandbox.folder / "text.png").write_bytes(
        png(640, 360, chunk(b"zTXt", b"a\0\0" + bomb), chunk(b"iCCP", b"a\0\0" + bomb))
    )
    code, kilobytes = sandbox.measure("check", sandbox.write_board("first_frame: text.png"))

    assert code == 0
    assert kilobytes < MAX_MEMORY_KB / 3


ALIAS_BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
BOARDS: dict[str, tuple[str | bytes, str]] = {
    "ten megabytes": (HEAD + "# padding\n" * 1_000_000, "larger than 2 MB"),
    "an alias bomb": (ALIAS_BOMB, "aliases included"),
    "an alias of itself": ("shots: &a [*a]\n", "inside its own anchor"),
    "brackets": ("shots: " + "[" * 500_000, "nested deeper"),
    "braces": ("{a: " * 100_000, "nested deeper"),
    "indents": ("".join(" " * n + "a:\n" for n in range(1200)), "nested deeper"),
    "many problems": (HEAD + "  - {x: 1}\n" * 20_000, "more problems"),
    "a long word": (HEAD + "  - {id: " + "a" * 1_900_000 + "}\n", "id"),
    "a long number": (HEAD + "  - {id: one, seconds: " + "9" * 100_000 + "}\n", "seconds"),
    "many keys": ("".join(f"k{n}: 1\n" for n in range(30_000)), "k0"),
    "binary": (b"\x00\x01\x02" * 1000, "U+0000"),
    "utf-16": (HEAD.encode("utf-16"), "UTF-16"),
    "latin": (b"title: caf\xe9\n", "UTF-8"),
    "only a byte order mark": (b"\xef\xbb\xbf", "empty"),
    "a tag that runs code": ("!!python/object/apply:os.system ['true']", "tag"),
    "an escape": ('title: "\\e[2J"\n' + HEAD + "  - {id: one, prompt: x}\n", "control character"),
}


@pytest.mark.parametrize("case", BOARDS)
def test_hostile_board_is_rejected_within_bounds(sandbox, case: str) -> None:
    """The command ends with a message, in little memory and with bounded output."""
    content, message = BOARDS[case]
    data = content if isinstance(content, bytes) else content.encode()
    (sandbox.folder / "board.yaml").write_bytes(data)

    code, kilobytes = sandbox.measure("render", "board.yaml", "--yes")

    err = sandbox.log.read_text()
    assert code == 2, err
    assert message in err
    assert "Traceback" not in err
    assert len(err) < 300_000
    assert kilobytes < MAX_MEMORY_KB


def test_many_shots_with_large_picture_fit_in_memory(sandbox) -> None:
    """Two thousand shots with the same large picture read it without loading it for each shot."""
    data = png(4000, 3000, chunk(b"teXt", os.urandom(20_000_000)))
    (sandbox.folder / "large.png").write_bytes(data)
    shots = "".join(
        f"  - {{id: s{n}, prompt: Dawn {n}, first_frame: large.png}}\n" for n in range(2000)
    )
    (sandbox.folder / "board.yaml").write_text(HEAD + shots)

    code, kilobytes = sandbox.measure("plan", "board.yaml")

    assert code == 0, sandbox.log.read_text()
    assert kilobytes < MAX_MEMORY_KB


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path.name)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir, make_socket],
    ids=["pipe", "device", "folder", "socket"],
)
def test_board_that_is_not_a_file_is_rejected(sandbox, make) -> None:
    """The command does not wait for a pipe or read a device."""
    make(sandbox.folder / "board.yaml")

    assert sandbox.run_rejected("render", "board.yaml", "--yes").count("\n") == 1


def test_linked_board_reads_files_beside_link(sandbox) -> None:
    """The files of a board that is a link are beside the link, not beside its target."""
    (sandbox.outside / "board.yaml").write_text(
        f"{HEAD}  - {{id: one, prompt: Dawn, first_frame: private.png}}\n"
    )
    (sandbox.folder / "board.yaml").symlink_to(sandbox.outside / "board.yaml")

    assert "no file private.png" in sandbox.run_rejected("check", "board.yaml")


@pytest.mark.parametrize(
    "prompt", ["Dawn --duration 12", "--rt 1:1 Dawn", "Dawn. {flag}", "Dawn --camerafixed true"]
)
def test_prompt_with_flags_is_rejected(sandbox, monkeypatch, prompt: str) -> None:
    """If the wire format has flags in the text, a prompt or variable must not contain any."""
    monkeypatch.setenv("SHOTCHAIN_COMETAPI_VOLC_API_KEY", "sk-canary")
    head = "variables: {flag: --resolution 1080p}\n" + HEAD.replace("ark", "cometapi-volc")
    (sandbox.folder / "board.yaml").write_text(f'{head}  - {{id: one, prompt: "{prompt}"}}\n')

    assert "--" in sandbox.run_rejected("render", "board.yaml", "--yes")


def write_sound(path: Path) -> None:
    """Write two seconds of silence."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(32_000))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.wav", b"<!doctype html>"),
        ("list.mp3", b"#EXTM3U\nfile:///etc/hostname\n"),
        ("empty.wav", b""),
        ("riff.wav", b"RIFF\xff\xff\xff\xffAVI "),
    ],
)
def test_file_that_is_not_a_sound_is_rejected(sandbox, name: str, data: bytes) -> None:
    """A sound is recognised by its content; a valid one is accepted in the same place."""
    (sandbox.folder / name).write_bytes(data)
    write_sound(sandbox.folder / "fine.wav")
    head = HEAD.replace("1.0-pro", "2.0").replace("seconds: 2", "seconds: 4")
    references = "references: {{images: [fine.png], audio: [{}]}}"

    assert main(["check", sandbox.write_board(references.format("fine.wav"), head=head)]) == 0
    board = sandbox.write_board(references.format(name), head=head)
    assert "neither WAV nor MP3" in sandbox.run_rejected("render", board, "--yes")


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
def test_file_that_is_not_a_clip_is_rejected(sandbox, name: str, data: bytes) -> None:
    """The other shots are not paid for a film that cannot be joined."""
    (sandbox.folder / name).write_bytes(data)
    (sandbox.folder / "board.yaml").write_text(
        f"{HEAD}  - {{id: paid, prompt: Dawn}}\n  - {{id: theirs, clip: {name}}}\n"
    )

    assert name in sandbox.run_rejected("render", "board.yaml", "--yes")


ESCAPES = "\x1b[31m\x07\u202e\u2066"


def test_name_with_escapes_prints_one_line(sandbox) -> None:
    """Control characters in a file name cannot move the cursor or forge a line."""
    name = f"b{ESCAPES}\nboard.yaml: is clean.yaml"
    (sandbox.folder / name).write_text(f"{HEAD}  - {{id: one, prompt: Dawn}}\n")

    assert main(["check", name]) == 0
    out, err = sandbox.capsys.readouterr()
    (sandbox.folder / name).write_text(
        f'{HEAD}  - {{id: one, prompt: Dawn, first_frame: "a\\n\u202eb.png"}}\n'
    )
    problem = sandbox.run_rejected("check", name)

    assert out.count("\n") == problem.count("\n") == 1
    printed = (out + err + problem).replace("\n", "")
    assert [char for char in printed if not char.isprintable()] == []


def test_name_that_is_not_text_is_in_document(sandbox) -> None:
    """A file name with undecodable bytes does not break the JSON document."""
    name = os.fsdecode(b"b\xff.yaml")
    (sandbox.folder / name).write_text(f"{HEAD}  - {{id: one, prompt: x, secconds: 2}}\n")

    assert main(["check", name, "--json"]) == 2
    assert json.loads(sandbox.capsys.readouterr().out)["problems"][0]["file"] == name
