"""What a hostile file costs, and what becomes of importers that hang, swell, crash or write too much."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gram import EmbeddingSetError
from gram.cli import main
from gram.data.importers import Limits, inspect, read, row_errors, sandbox, save
from gram.data.importers.limits import Allowance
from tests.helpers.hostile_files import HOSTILE, SOUND
from tests.helpers.patience import PATIENCE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits of the sandbox are Linux's")
SECONDS, MEGABYTES = 5, 500

TOY = """
import os, sys, tempfile, time
from pathlib import Path
import numpy as np
import pandas as pd
from gram.data.importers.base import Loaded, Source, Table, from_array
from gram.errors import EmbeddingSetError

SUFFIXES = (".toy",)

def read(path, limits):
    word = path.read_text()
    table = Table("a toy")
    while word == "wait" and not path.with_suffix(".go").exists():
        time.sleep(0.05)
    if word == "hang":
        time.sleep(600)
    elif word == "spin":
        while True: pass
    elif word == "swell":
        kept = [np.ones(2**20) for _ in range(10**5)]
    elif word == "crash":
        os.abort()
    elif word == "refuse":
        raise EmbeddingSetError(f"{path}: is no toy; buy another")
    elif word == "bug":
        1 / 0
    elif word == "flood":
        flood = np.broadcast_to(np.float32(1), (10**6, 10**4))
        table.add("text", Source(flood.shape, "float32", lambda: Loaded(flood)))
    elif word == "shower":
        folders = sorted(Path(tempfile.gettempdir()).glob("gram-import-*/*/0"), key=os.path.getmtime)
        for number in range(10**5):
            (folders[-1] / f"{number}.bin").write_bytes(bytes(2**22))
    else:
        table.notes.append(f"torch {'torch' in sys.modules}, {os.getppid() != os.getpid()}")
        values = np.arange(12, dtype=np.float32).reshape(4, 3)
        from_array(table, "text", values.shape, "float32", lambda: values, limits)
        table.add_values("id", __import__("pandas").Series(list("abcd")))
    return table
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Write a file for the toy importer, which does what the word in the file says."""
    plugin = tmp_path / "toy_importer.py"
    plugin.write_text(TOY)
    monkeypatch.setenv("GRAM_PLUGINS", str(plugin))

    def write(word):
        path = tmp_path / f"{word}.toy"
        path.write_text(word)
        return path

    return write


@pytest.fixture
def usual(tmp_path):
    """The seconds that a small sound file takes to be read here and now: how busy the machine is."""
    (tmp_path / "usual").mkdir()
    pd.DataFrame({"id": list("ab"), "v": [[1.0, 2.0]] * 2}).to_parquet(tmp_path / "usual" / "usual.parquet")
    sandbox.start()
    read(inspect(tmp_path / "usual" / "usual.parquet"))  # the first one also starts the sandbox
    began = time.monotonic()
    read(inspect(tmp_path / "usual" / "usual.parquet"))
    return time.monotonic() - began


class Watch:
    """Records how much memory this process gains, and the processes of the sandbox take at the most.

    Seconds are of processor time, of this process and those of the sandbox.
    """

    def __enter__(self):
        sandbox.start()
        self.group, self.peak, self.stop = sandbox._server()._process.pid, 0.0, threading.Event()
        self.before, self.spent = _megabytes(os.getpid(), "VmRSS"), {}
        self.began, self.clock = time.process_time() - _processor_seconds(self.group), time.monotonic()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self):
        while not self.stop.wait(0.01):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if os.getpgid(int(process.name)) == self.group:
                        self.peak = max(self.peak, _megabytes(process.name, "VmRSS"))
                        self.spent[process.name] = _processor_seconds(process.name)
                except (OSError, StopIteration):
                    pass

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join()
        self.seconds = time.process_time() - self.began + sum(self.spent.values())
        self.wall = time.monotonic() - self.clock
        self.gained = _megabytes(os.getpid(), "VmRSS") - self.before


def _processor_seconds(pid):
    """Return what a process has spent, in its own code and in the system's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid, field):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
@pytest.mark.parametrize("way", ["library", "convert", "validate"])
def test_a_hostile_file_is_refused_in_one_line_soon_and_in_little_memory(make, way, tmp_path, capsys, usual):
    path = make(tmp_path)
    with Watch() as watch:
        if way == "library":
            with pytest.raises(EmbeddingSetError) as caught:
                read(inspect(path))
            text = str(caught.value)
        else:
            assert main([way, str(path), *([str(tmp_path / "out")] if way == "convert" else [])]) == 1
            text = capsys.readouterr().err.removeprefix("gram: ").strip()
    assert str(path) in text
    assert len(text.splitlines()) == 1
    assert watch.seconds < SECONDS
    assert watch.wall < SECONDS + 20 * usual
    assert watch.peak < MEGABYTES
    assert watch.gained < MEGABYTES


@pytest.mark.parametrize("make", SOUND, ids=lambda make: make.__name__)
def test_an_odd_file_that_is_sound_opens(make, tmp_path):
    inspection = inspect(make(tmp_path))
    assert inspection.n == SOUND[make]
    bad = [error.row for error in row_errors(inspection)]
    assert len(read(inspection, without=bad)) == SOUND[make] - len(bad)


def test_a_plug_in_is_read_in_a_process_without_torch(toy):
    inspection = inspect(toy("fine"))
    assert "torch False, True" in inspection.notes
    features = read(inspection)
    np.testing.assert_array_equal(features.modalities["text"].numpy(), np.arange(12).reshape(4, 3))
    assert features.items["id"].tolist() == list("abcd")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("hang", "takes more than 1 s to read, which no sound file of its size does; write it again"),
        ("spin", "takes more than 1 s to read"),
        ("swell", "needs more memory than it may take"),
        ("crash", "is damaged, or needs more than .* of memory, which no sound file of its size does"),
        ("refuse", "is no toy; buy another"),
        ("flood", r"cannot be read \(.*\); free space"),
        ("shower", "unpacks to more than 151 MB"),
    ],
)
def test_a_worker_that_misbehaves_is_one_line(word, message, toy, usual):
    path = toy(word)
    began = time.monotonic()
    with pytest.raises(EmbeddingSetError, match=message) as caught:
        read(inspect(path, limits=Limits(seconds=1 if word in ("hang", "spin") else 60)))
    assert str(caught.value).startswith(f"{path}: ")
    assert time.monotonic() - began < SECONDS + 20 * usual


def test_a_bug_of_an_importer_shows_as_one(toy):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        inspect(toy("bug"))


def test_files_are_read_while_another_hangs(toy):
    path, found = toy("wait"), []
    waiting = threading.Thread(target=lambda: found.append(inspect(path, limits=Limits(seconds=PATIENCE)).n))
    waiting.start()
    for _ in range(5):
        inspect(toy("fine"))
    assert waiting.is_alive()
    path.with_suffix(".go").touch()
    waiting.join()
    assert found == [4]


def test_where_processes_cannot_fork_an_interpreter_reads(toy, monkeypatch):
    monkeypatch.setattr(sandbox, "_FORKS", False)
    assert read(inspect(toy("fine"))).items["id"].tolist() == list("abcd")
    with pytest.raises(EmbeddingSetError, match="is no toy; buy another"):
        inspect(toy("refuse"))
    with pytest.raises(EmbeddingSetError, match="is damaged, or needs more than"):
        inspect(toy("crash"))
    with pytest.raises(EmbeddingSetError, match="takes more than 1 s to read"):
        inspect(toy("hang"), limits=Limits(seconds=1))


def test_a_server_that_was_killed_is_replaced(toy):
    sandbox.start()
    killed = sandbox._server()._process
    killed.send_signal(signal.SIGKILL)
    killed.wait(10)
    assert inspect(toy("fine")).n == 4
    assert sandbox._server()._process.pid != killed.pid


def test_files_that_change_while_they_are_read_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "_SMALL", 0)
    table = pd.DataFrame({"text": list(np.ones((5, 3)))})
    table.to_parquet(tmp_path / "a.parquet")
    inspection = inspect(tmp_path / "a.parquet")
    table[:4].to_parquet(tmp_path / "a.parquet")
    with pytest.raises(EmbeddingSetError, match="was changed while it was read; open it again"):
        read(inspection)


HANG = """
import sys
from gram.data.importers import inspect, sandbox
sandbox.start()
print(sandbox._server()._process.pid, sandbox._root(__import__("os").getpid()), flush=True)
inspect(sys.argv[1])
"""


def test_all_ends_with_a_process_that_is_killed(toy):
    command = [sys.executable, "-c", HANG, str(toy("hang"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        server, folder = process.stdout.readline().split()
        deadline = time.monotonic() + 3
        while len(_members(int(server))) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(_members(int(server))) == 3  # server, supervisor, worker
        assert any(Path(folder).iterdir())
        process.kill()
    deadline = time.monotonic() + 3
    while (_members(int(server)) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _members(int(server))
    assert not Path(folder).exists()


def _members(group):
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if os.getpgid(int(process.name)) == group and state != "Z":
                found.append(process.name)
        except OSError:
            pass
    return found


def test_folders_go_with_what_was_read(tmp_path):
    folder = Path(sandbox._root(os.getpid()))
    before = set(folder.iterdir())
    (tmp_path / "a.csv").write_text("text_0,text_1\n1.5,2\n3,4\n")
    inspection = inspect(tmp_path / "a.csv")
    features = read(inspection)
    assert len(set(folder.iterdir()) - before) == 1
    del inspection
    assert features.modalities["text"].tolist() == [[1.5, 2], [3, 4]]
    del features
    assert set(folder.iterdir()) == before


def test_a_file_gets_more_as_it_is_larger():
    small, large = (Allowance.of(size, Limits()) for size in (1000, 2**30))
    assert small.processor == 2
    assert large.processor == 1026
    assert small.memory < 2**28 < large.memory


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather"])
def test_a_name_that_is_not_utf_8_is_read(suffix, tmp_path):
    table = pd.DataFrame({"text_0": [1.5, 2], "text_1": [3.0, 4]})
    path = tmp_path / f"a\udcff.{suffix}"
    plain = tmp_path / f"a.{suffix}"
    {"csv": lambda: table.to_csv(plain, index=False), "parquet": lambda: table.to_parquet(plain),
     "feather": lambda: table.to_feather(plain)}[suffix]()  # fmt: skip
    plain.rename(path)
    features = read(inspect(path))
    assert features.modalities["text"].tolist() == [[1.5, 3], [2, 4]]
    save(features, tmp_path / "set")
    path.write_bytes(b"junk\xff")
    with pytest.raises(EmbeddingSetError, match=f"a\udcff.{suffix}: is not readable as") as caught:
        inspect(path)
    assert "gram-import" not in str(caught.value)
