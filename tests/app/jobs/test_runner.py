"""Jobs in real processes: computed once, in turn, ended with those who await them and with the server."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from app.jobs import runner
from app.jobs.job import Job
from gram.errors import GramError
from tests.helpers.patience import PATIENCE

ROOT = Path(__file__).parents[3]


def start(marks, key="a", seconds=60.0):
    return Job("tests.helpers.job_functions:count", {"marks": str(marks), "seconds": seconds}, key=key)


def until(done, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)
    return done()


def processes(marks):
    return {int(mark.name.partition("-")[0]) for mark in Path(marks).iterdir()}


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def jobs():
    made = []
    yield made
    for job in made:
        job.stop()


def test_ten_that_ask_the_same_get_one_process_and_its_result(tmp_path):
    jobs = [start(tmp_path, seconds=0.5) for _ in range(10)]
    for job in jobs:
        job.wait()
    (process,) = processes(tmp_path)
    assert [job.parts for job in jobs] == [[{"pid": process}]] * 10
    assert {job.share for job in jobs} == {1.0}
    assert not any(job.running or job.stopped for job in jobs)
    again = start(tmp_path, seconds=0.1)  # what is done is not under way: it is asked anew
    again.wait()
    assert len(processes(tmp_path)) == 2


def test_who_asks_for_some_of_what_is_under_way_waits_for_it(tmp_path, monkeypatch, jobs):
    monkeypatch.setattr(runner, "AT_ONCE", 2)
    jobs += [start(tmp_path, key=key) for key in ({"a", "b", "c"}, {"b"}, {"c", "a"}, {"c", "d"}, {"d"})]
    assert until(lambda: jobs[3].stage == jobs[0].stage == "counting")
    assert len(processes(tmp_path)) == 2
    assert [job.folder == jobs[0].folder for job in jobs] == [True, True, True, False, False]
    assert jobs[4].folder == jobs[3].folder


def test_a_stop_ends_the_process_once_nobody_else_waits(tmp_path, jobs):
    jobs += [start(tmp_path) for _ in range(2)]
    assert until(lambda: jobs[1].stage == "counting")
    folder = jobs[0].folder
    (process,) = processes(tmp_path)
    jobs[0].stop()
    assert (jobs[0].running, jobs[0].stopped, jobs[1].running) == (False, True, True)
    assert lives(process)
    jobs[1].stop()
    assert not jobs[1].running
    assert not lives(process)
    assert not folder.exists()
    jobs[1].wait()  # no error: it was stopped


def test_a_job_that_is_forgotten_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "GRACE", 0.2)
    job = start(tmp_path)
    assert until(lambda: processes(tmp_path))
    (process,) = processes(tmp_path)
    del job
    assert until(lambda: not lives(process))


def test_a_job_ends_when_its_sessions_have_disconnected_but_not_at_once(tmp_path, monkeypatch, jobs):
    connected = {"one", "two"}
    monkeypatch.setattr(runner, "GRACE", 3)
    monkeypatch.setattr(runner, "is_connected", lambda session: session in connected)
    jobs += [start(tmp_path) for _ in range(2)]
    jobs[0].session, jobs[1].session = "one", "two"
    assert until(lambda: jobs[0].stage == "counting")
    (process,) = processes(tmp_path)
    connected.remove("one")
    time.sleep(4)
    assert lives(process)
    connected.remove("two")
    time.sleep(0.7)
    connected.add("two")  # it was a gap in the network
    time.sleep(4)
    assert lives(process)
    connected.remove("two")
    assert until(lambda: not lives(process))
    assert until(lambda: not jobs[0].running)


def test_at_most_as_many_run_as_there_are_cores_and_the_rest_is_told_how_many_are_ahead(tmp_path, monkeypatch, jobs):
    monkeypatch.setattr(runner, "AT_ONCE", 2)
    jobs += [start(tmp_path, key=str(number)) for number in range(4)]
    assert until(lambda: len(processes(tmp_path)) == 2)
    assert [job.ahead for job in jobs] == [0, 0, 1, 2]
    time.sleep(0.5)
    assert len(processes(tmp_path)) == 2
    jobs[2].stop()  # one that has not begun
    assert [job.ahead for job in jobs] == [0, 0, 0, 1]
    jobs[0].stop()
    assert until(lambda: jobs[3].stage == "counting")
    assert len(processes(tmp_path)) == 3


def test_who_asks_while_the_same_question_is_being_given_up_has_it_computed_anew(tmp_path, jobs):
    held = threading.Event()
    question = "tests.helpers.job_functions:count", {"marks": str(tmp_path), "seconds": 0.1}
    jobs.append(Job(*question, key="a", prepare=lambda folder: held.wait(PATIENCE)))
    leaving = threading.Thread(target=jobs[0].stop)
    leaving.start()
    assert until(lambda: jobs[0]._computation.given_up)
    jobs.append(Job(*question, key="a"))
    held.set()
    leaving.join()
    jobs[1].wait()
    (process,) = processes(tmp_path)  # the first had not begun
    assert jobs[1].parts == [{"pid": process}]


def test_ctrl_c_in_a_terminal_is_for_the_server(tmp_path, jobs):
    jobs.append(start(tmp_path, seconds=1.0))
    assert until(lambda: processes(tmp_path))
    (process,) = processes(tmp_path)
    os.kill(process, signal.SIGINT)
    jobs[0].wait()
    assert jobs[0].parts == [{"pid": process}]


def test_a_bug_in_what_the_server_does_for_a_job_is_a_line_too(capfd):
    def lost(folder):
        raise KeyError("lost")

    job = Job("tests.helpers.job_functions:count", {}, key="bug", prepare=lost)
    with pytest.raises(GramError, match=r"the work failed: KeyError: 'lost'$"):
        job.wait()
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("refuse", "the work failed: no space left$"),
        ("bug", "the work failed: KeyError: 'lost'$"),
        ("memory", "the work failed: it needs more memory than there is$"),
        ("kill", "the work failed: its process was killed, which is often for lack of memory"),
    ],
)
def test_a_failure_is_one_line_and_a_bug_is_in_the_log(how, why, capfd):
    job = Job("tests.helpers.job_functions:fail", {"how": how}, key=how)
    with pytest.raises(GramError, match=why):
        job.wait()
    assert not job.running
    logged = capfd.readouterr().err
    assert "a library talks" in logged
    assert ("Traceback" in logged) == (how == "bug")


SERVER = """
import sys, time
from tests.app.jobs.test_runner import start
jobs = [start(sys.argv[1], key=str(number)) for number in range(2)]
print(jobs[0].folder, jobs[1].folder, flush=True)
if sys.argv[2] == "return":
    import signal
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the state of processes from /proc")
@pytest.mark.parametrize(("end", "seconds"), [(signal.SIGTERM, 3), (signal.SIGKILL, 10)])
def test_nothing_outlives_the_server(end, seconds, tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    command = [sys.executable, "-c", SERVER, str(marks), "return" if end == signal.SIGTERM else "die"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        folders = [Path(folder) for folder in server.stdout.readline().split()]
        assert until(lambda: len(processes(marks)) == 2 and all((folder / "file").exists() for folder in folders))
        server.send_signal(end)
        assert until(lambda: not any(lives(pid) for pid in processes(marks)), seconds)
        assert until(lambda: not any(folder.exists() for folder in folders), seconds)


def test_the_next_start_removes_what_was_left_behind(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = [Path(tempfile.mkdtemp(prefix=f"gram-{kind}-{ended.pid}-")) for kind in ("job", "session")]
    own = Path(tempfile.mkdtemp(prefix=f"gram-session-{os.getpid()}-"))
    code = "from tests.app.jobs.test_runner import start; import sys; start(sys.argv[1]).stop()"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert not any(folder.exists() for folder in left)
    assert own.exists()
    own.rmdir()
