"""Importers run in processes of their own, with limits on memory, processor time, wall-clock time and output.

    library process --socket--> server --fork--> supervisor --fork--> worker

The server is started by the first file that is opened; it imports numpy, pandas and pyarrow (never torch) once, and
forks for each request. The worker reads under limits that grow with the size of the file, and writes what it read to a
folder: vectors as .npy, values as Arrow, the rest as JSON. The library maps these files. The supervisor ends a worker
that takes too long or writes too much. A worker that dies, for whatever reason, is an `EmbeddingSetError` of one line.
When the library process ends, killed or not, the server ends all it started and removes the folders.

Address space is limited on Linux alone. Where processes cannot fork (Windows), each request starts an interpreter of
its own, and wall-clock time alone is limited.
"""

import atexit
import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from dataclasses import astuple
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gram.data.importers.base import Importer, Loaded, Mapped, Source, Table, importers, suffixes
from gram.data.importers.limits import HEADER, REPLY, Allowance, Limits, error_line
from gram.errors import EmbeddingSetError

_FORKS = hasattr(os, "fork")
_SMALL = 2**24  # bytes of a file whose columns are not worth a process each
_START = 10  # seconds until an interpreter has its libraries
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",  # each further arena takes 64 MB of address space, which is limited
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


def read_file(path: Path, limits: Limits, *, where: object = None) -> Table:
    """Return the columns of a file, read by the importer of its suffix; messages call the file `where`, or its path.

    Raises:
        EmbeddingSetError: its kind is not read, or whatever the importer and the limits refuse.
    """
    size, importer = limits.check_file(path), importers().get(path.suffix.lower())
    if importer is None:
        raise EmbeddingSetError(
            f"{path}: files of the kind '{path.suffix}' are not read; give one of {' '.join(suffixes())}, or a folder"
        )
    try:
        if not importer.reads_headers:
            return read_isolated(importer, path, size, limits, where=where)
        table: Table = importer.load().read(path, limits)
    except OSError as error:
        raise EmbeddingSetError(f"{path}: cannot be read ({error_line(error)}); give another path") from error
    except EmbeddingSetError as error:
        named = str(EmbeddingSetError(str(where or path)))
        raise error if named in str(error) else EmbeddingSetError(f"{named}: {error}") from error
    return table


def read_isolated(importer: Importer, path: Path, size: int, limits: Limits, *, where: object = None) -> Table:
    """Return the columns of `size` bytes in a file or folder; each is loaded, in the sandbox, on demand.

    Raises:
        EmbeddingSetError: whatever the importer and the limits refuse.
    """
    job = Job(importer, path, size, limits, where)
    reply, folder = job.run("open")
    table = Table(reply["format"], notes=reply["notes"], info=reply["info"], held=job)
    for column in reply["columns"]:
        head = None if column["head"] is None else _values(folder, column["head"])
        load = _Column(job, column, folder).load
        table.columns[column["name"]] = Source(tuple(column["shape"]), column["dtype"], load, head, column["original"])
    return table


class _Column:
    """A column in the files of a worker, which reads it at the first load if it has not yet."""

    def __init__(self, job: "Job", description: dict[str, Any], folder: Path) -> None:
        self.job, self.description, self.folder, self.data = job, description, folder, description["data"]

    def load(self) -> Loaded:
        """Return the values, mapped where they are vectors, and what is wrong with single rows.

        Raises:
            EmbeddingSetError: whatever the importer and the limits refuse, or the file is another one than before.
        """
        if self.description["mapped"] is not None:
            path, offset, dtype, shape, strides = self.description["mapped"]
            return Loaded(Mapped(path, offset, dtype, tuple(shape), tuple(strides)).load())
        if self.data is None:
            reply, self.folder = self.job.run("load", column=self.description["name"])
            self.data = reply["data"]
        vectors = self.data["vectors"]
        if vectors is None:
            values: Any = _values(self.folder, self.data["values"])
        else:
            values = np.load(self.folder / vectors, mmap_mode="c")
        if values.shape != tuple(self.description["shape"]):
            raise EmbeddingSetError(f"{self.job.where}: was changed while it was read; open it again")
        faults = self.data["faults"]
        table = None if faults is None else _table(self.folder, faults)
        return Loaded(values, {} if table is None else dict(zip(*(column.to_pylist() for column in table.columns))))


def _table(folder: Path, offset: int) -> pa.Table:
    mapped = pa.memory_map(str(folder / "values.arrow"))
    mapped.seek(offset)
    return pa.ipc.open_stream(mapped).read_all()


def _values(folder: Path, offset: int) -> "pd.Series[Any]":
    return _table(folder, offset).to_pandas()["values"].rename(None)


class PrivateFolder:
    """A folder that is removed with this object, or with this process."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(dir=_root(os.getpid())))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class Job(PrivateFolder):
    """A file that is read in the sandbox, in the folder of what came of it."""

    def __init__(self, importer: Importer, path: Path, size: int, limits: Limits, where: object = None) -> None:
        super().__init__()
        self.importer, self.file, self.size, self.limits = importer, path, size, limits
        self.where = where or path
        if not str(path).isprintable():  # not UTF-8, for example, by which few libraries open a file
            self.file = self.path / f"file{path.suffix}"
            self.file.symlink_to(path.resolve())
        self._numbers = itertools.count()

    def run(self, action: str, **more: str) -> tuple[dict[str, Any], Path]:
        """Run one action in a worker; return its reply and the folder of its files.

        Raises:
            EmbeddingSetError: the importer refuses, or the worker exceeded a limit or crashed.
        """
        folder = self.path / str(next(self._numbers))
        folder.mkdir()
        allowance = Allowance.of(self.size, self.limits)
        request = {"module": self.importer.module, "action": action, "path": str(self.file), "folder": str(folder),
                   "early": self.size <= _SMALL, "limits": list(astuple(self.limits)), "allowance": list(allowance),
                   **more}  # fmt: skip
        ended = _server().run(request) if _FORKS else _run_interpreter(request, allowance)
        if ended:
            raise EmbeddingSetError(f"{self.where}: {ended}")
        reply: dict[str, Any] = json.loads((folder / REPLY).read_bytes())
        if "bug" in reply:
            raise RuntimeError(f"{self.importer.module} failed on {self.file}\n{reply['bug']}")
        if "refused" in reply:
            raise EmbeddingSetError(reply["refused"].replace(str(self.file), str(self.where)))
        return reply, folder


@cache
def _root(pid: int) -> str:
    """Return the folder of all that a process has read."""
    folder = tempfile.mkdtemp(prefix=f"gram-import-{pid}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class _Server:
    """The process that forks workers."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock, self._ready = threading.Lock(), False
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gram.data.importers.worker", str(theirs.fileno()), _root(self.pid)],
                pass_fds=[theirs.fileno()], env=_environment(), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        weakref.finalize(self, _end, self._socket, self._process)

    @property
    def alive(self) -> bool:
        """Whether it runs, and was started by this process and not by one that was forked to become this one."""
        return self.pid == os.getpid() and self._process.poll() is None

    def wait(self) -> None:
        """Wait until the server can fork."""
        with self._lock:
            if not self._ready:
                self._ready = bool(self._socket.recv(1))

    def run(self, request: dict[str, Any]) -> str:
        """Return why the worker ended early, as a message; empty if it finished.

        Raises:
            RuntimeError: the server is gone.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                module = request["module"].encode().ljust(HEADER)
                socket.send_fds(self._socket, [module], [theirs.fileno()])
            with ours:
                ours.sendall(json.dumps(request).encode() + b"\n")
                reply = b"".join(iter(partial(ours.recv, 4096), b""))
        except OSError as error:
            raise RuntimeError("the process that reads files cannot be reached") from error
        if not reply:
            raise RuntimeError("the process that reads files ended; python -m gram.data.importers.worker says why")
        return str(json.loads(reply))


def _end(ours: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    ours.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)


def _environment() -> dict[str, str]:
    home = str(Path(__file__).parents[3])
    paths = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, **_ENVIRONMENT, "PYTHONPATH": paths}


_SERVERS: list[_Server] = []
_STARTING = threading.Lock()


def _server() -> _Server:
    with _STARTING:
        if not _SERVERS or not _SERVERS[0].alive:
            _SERVERS[:] = [_Server()]
        return _SERVERS[0]


def start(*, wait: bool = True) -> None:
    """Start the server, so that the first file need not wait for its libraries; `wait` until they are loaded."""
    if _FORKS:
        server = _server()
        if wait:
            server.wait()


def _run_interpreter(request: dict[str, Any], allowance: Allowance) -> str:
    """Run a worker where processes cannot fork; return why it ended early, as a message."""
    command = [sys.executable, "-m", "gram.data.importers.worker"]
    try:
        done = subprocess.run(
            command, input=json.dumps(request).encode(), env=_environment(), timeout=allowance.wall + _START,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return allowance.too_slow
    return allowance.crashed if done.returncode else ""
