"""Processes of this computer that train together by gloo."""

import signal
from collections.abc import Callable
from pathlib import Path

import torch.distributed as dist
import torch.multiprocessing as mp

RANKS = 2
ATTEMPTS = 3


def run_ranks(work: Callable[[int, Path], None], folder: Path) -> Path:
    """Call `work(rank, results)` in two processes of one gloo group; return the folder `results`.

    A rank was once ended by SIGABRT on a busy computer, which Python code does not do; why is not known (pytorch issue
    188266 tells of a gloo that aborts when a peer is gone before it is accepted). That alone is tried again: an
    exception or a failed assertion of `work` is raised at once.
    """
    for attempt in range(ATTEMPTS):
        results = folder / f"attempt{attempt}"
        results.mkdir()
        try:
            mp.spawn(_join, args=(work, results), nprocs=RANKS)
        except mp.ProcessExitedException as error:
            if error.signal_name != signal.SIGABRT.name or attempt == ATTEMPTS - 1:
                raise
        else:
            return results
    raise AssertionError("unreachable")


def _join(rank: int, work: Callable[[int, Path], None], results: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{results}/meeting", rank=rank, world_size=RANKS)
    work(rank, results)
    dist.barrier()  # no rank leaves while another still needs it
    dist.destroy_process_group()
