"""The server and the workers of the sandbox: `python -m gram.data.importers.worker`, started by `sandbox`.

The server forks a supervisor for each request, and the supervisor a worker, which reads a file under limits and writes
its columns to a folder. Without a socket handed over, one request is read from standard input and carried out.
"""

import contextlib
import itertools
import json
import math
import os
import select
import shutil
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa

from gram.data.importers.base import Importer, Loaded, Source, Table
from gram.data.importers.limits import HEADER, REPLY, Allowance, Limits, error_line, format_bytes
from gram.errors import EmbeddingSetError

_LONGEST_REPLY = 2**26


def _serve(server: socket.socket, root: str) -> None:
    """Fork a supervisor for each request, until the library process ends; then end what was started."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for supervisors
    server.sendall(b"\n")
    with contextlib.suppress(OSError):
        while True:
            module, sockets, _, _ = socket.recv_fds(server, HEADER, 1)
            if not module:
                break
            while len(module) < HEADER:
                module += server.recv(HEADER - len(module))
            name = module.decode().strip()
            with contextlib.suppress(Exception):  # the worker meets it again, and reports it
                Importer(name, ()).load()
            with socket.socket(fileno=sockets[0]) as channel:
                if os.fork() == 0:
                    server.close()
                    _supervise(channel)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    shutil.rmtree(root, ignore_errors=True)


def _supervise(channel: socket.socket) -> NoReturn:
    """Run one request in a worker, watch it, and report how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with channel.makefile("rb") as lines:
        request = json.loads(lines.readline())
    allowance = Allowance(*request["allowance"])
    running, ended = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(running)
        channel.close()
        _limit(allowance)
        _work(request)
    os.close(ended)
    reason = _watch(worker, running, channel, Path(request["folder"]), allowance)
    channel.sendall(json.dumps(reason).encode())
    os._exit(0)


def _watch(worker: int, running: int, channel: socket.socket, folder: Path, allowance: Allowance) -> str:
    """Wait for a worker; return why it was ended early, or an empty string."""
    end, reason = time.monotonic() + allowance.wall, ""
    while not reason:
        ready, _, _ = select.select([running, channel.fileno()], [], [], 0.5)
        if running in ready:
            break
        if channel.fileno() in ready:
            reason = "nobody waits for it"
        elif time.monotonic() > end:
            reason = allowance.too_slow
        elif sum(file.lstat().st_size for file in folder.rglob("*")) > allowance.output:
            reason = f"unpacks to more than {format_bytes(allowance.output)}; leave items out, or store float16"
    if reason:
        os.kill(worker, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    return reason or ("" if status == 0 else allowance.too_slow if status == -signal.SIGXCPU else allowance.crashed)


# the side of the worker


def _limit(allowance: Allowance) -> None:
    import resource

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (allowance.output,) * 2)
    used = resource.getrusage(resource.RUSAGE_SELF)
    processor = math.ceil(used.ru_utime + used.ru_stime) + allowance.processor
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 5))
    statm = Path("/proc/self/statm")
    if statm.exists():
        pages = int(statm.read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + allowance.memory,) * 2)


def _work(request: dict[str, Any]) -> NoReturn:
    """Run a request, write the reply, and end this process."""
    path = request["path"]
    try:
        reply = _perform(request)
    except EmbeddingSetError as error:
        reply = {"refused": str(error)}
    except MemoryError:
        reply = {"refused": f"{path}: needs more memory than it may take; leave items out, or store float16"}
    except OSError as error:
        reply = {"refused": f"{path}: cannot be read ({error_line(error)}); free space, or write it again"}
    except BaseException:
        reply = {"bug": traceback.format_exc()}
    status = 1
    try:
        text = json.dumps(reply)
        if len(text) <= _LONGEST_REPLY:
            (Path(request["folder"]) / REPLY).write_text(text)
            status = 0
    finally:
        os._exit(status)


def _perform(request: dict[str, Any]) -> dict[str, Any]:
    path, folder, limits = Path(request["path"]), Path(request["folder"]), Limits(*request["limits"])
    module = Importer(request["module"], ()).load()
    if request["action"] == "unpack":
        (folder / "unpacked").mkdir()
        module.unpack(path, folder / "unpacked", limits)
        return {}
    table: Table = module.read(path, limits)
    early = request["early"]
    with _Writer(folder) as writer:
        if request["action"] == "load":
            if request["column"] not in table.columns:
                raise EmbeddingSetError(f"{path}: was changed while it was read; open it again")
            return {"data": writer.loaded(table.columns[request["column"]].load())}
        columns = [writer.column(name, source, early=early) for name, source in table.columns.items()]
    return {"format": table.format, "notes": table.notes, "info": table.info, "columns": columns}


class _Writer:
    """Writes columns to a folder: each vector column as .npy, all values, one after the other, to one file of Arrow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count()
        self._file = pa.OSFile(str(folder / "values.arrow"), "wb")

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def column(self, name: str, source: Source, *, early: bool) -> dict[str, Any]:
        """Return the description of a column; its values are written now if they are in memory or small."""
        head = None if source.head is None else self._values(source.head)
        data = None
        if source.eager or (early and source.mapped is None):
            with contextlib.suppress(*([] if source.eager else [EmbeddingSetError])):  # raised again when it is loaded
                data = self.loaded(source.load())
        return {"name": name, "shape": source.shape, "dtype": source.dtype, "original": source.original,
                "head": head, "data": data, "mapped": source.mapped}  # fmt: skip

    def loaded(self, loaded: Loaded) -> dict[str, Any]:
        """Write a column; return where."""
        values, faults = loaded
        places: dict[str, Any] = dict.fromkeys(("vectors", "values", "faults"))
        if isinstance(values, pd.Series):
            places["values"] = self._values(values)
        else:
            places["vectors"] = f"{next(self._numbers)}.npy"
            np.save(self.folder / places["vectors"], values, allow_pickle=False)
        if faults:
            places["faults"] = self._table(pa.table({"row": list(faults), "what": list(faults.values())}))
        return places

    def _values(self, values: "pd.Series[Any]") -> int:
        return self._table(pa.Table.from_pandas(values.rename("values").to_frame(), preserve_index=False))

    def _table(self, table: pa.Table) -> int:
        offset = int(self._file.tell())
        with pa.ipc.new_stream(self._file, table.schema) as stream:
            stream.write_table(table)
        return offset


def main() -> None:
    """Serve the process at the other end of the socket that was handed over, or carry out one request."""
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401 loaded before the first fork

    pa.set_cpu_count(2)
    if len(sys.argv) > 1:
        _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
    else:
        _work(json.loads(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
