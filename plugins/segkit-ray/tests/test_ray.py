"""Against a real Ray on loopback: jobs and their states."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

pytest.importorskip("ray")
pytest.importorskip("segkit_ray")

from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from segkit import SegkitError
from segkit_ray.params import RayParams
from segkit_ray.ray_jobs import RayJobs, entrypoint

AGENT_PORT = 52365
"""The port that Ray's agents take where nobody says otherwise, of which a machine has one."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_cluster_that_does_not_answer(tmp_path) -> None:
    """It is named; nothing is started in its place."""
    launcher = RayJobs(RayParams(address=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(SegkitError, match=r"launcher ray: http://127\.0\.0\.1:\d+ does not answer; see: ray status"):
        launcher.submit(["true"], tmp_path)
    assert launcher.head is None


def test_asking_starts_nothing(tmp_path) -> None:
    """Where no Ray runs on this machine, jobs of a command before are unknown, and their runs are resumed."""
    launcher = RayJobs(RayParams(port=free_port()))
    assert launcher.state("segkit-x") == "unknown"
    launcher.cancel("segkit-x")
    assert launcher.reason("segkit-x") == ""
    assert launcher.head is None


def test_an_address_of_something_else() -> None:
    """That of the cluster itself is no dashboard's."""
    with pytest.raises(ValueError, match=r"address=ray://head:10001 is none of a dashboard: write http://HOST:8265"):
        RayParams(address="ray://head:10001")


def test_what_a_job_is(tmp_path, monkeypatch) -> None:
    """A line that any shell takes, in this directory, its words and variables as they are; no secrets."""
    folder = tmp_path / "logs of 'one'"
    folder.mkdir()
    monkeypatch.chdir(folder)
    line = entrypoint([sys.executable, "-c", "import os; print(os.getcwd(), 'a b')"], folder)
    subprocess.run(["sh", "-c", line], check=True, cwd="/")
    assert (folder / "job.log").read_text() == f"{folder} a b\n"
    assert line in RayJobs(RayParams()).script(
        [([sys.executable, "-c", "import os; print(os.getcwd(), 'a b')"], folder)]
    )
    monkeypatch.setenv("SEGKIT_CACHE", "/cache")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    passed = RayJobs(RayParams(cpus=3)).variables()
    assert (passed["SEGKIT_CACHE"], passed["OMP_NUM_THREADS"]) == ("/cache", "3")
    assert "WANDB_API_KEY" not in passed


class Starting:
    """The client of a Ray that has just started: it takes no job at first, and once takes one without saying so."""

    def __init__(self, refusals: int, lost: bool = False) -> None:
        self.refusals, self.lost, self.asked, self.taken = refusals, lost, [], []

    def submit_job(self, submission_id: str, **_: object) -> None:
        """Refuse, as the dashboard does while its node is not there."""
        self.asked.append(submission_id)
        if len(self.asked) > self.refusals or self.lost:
            self.taken.append(submission_id)
        if len(self.asked) <= self.refusals:
            raise RuntimeError("Request failed with status code 500: No available agent to submit job.")

    def list_jobs(self) -> list[SimpleNamespace]:
        """Tell what was taken."""
        return [SimpleNamespace(submission_id=id, status=SimpleNamespace(value="PENDING")) for id in self.taken]


def starting(monkeypatch, client: Starting, **params: object) -> RayJobs:
    """A launcher with that client, which waits no second."""
    launcher = RayJobs(RayParams(**params))
    launcher.found = client
    monkeypatch.setattr(RayJobs, "pause", 0.0)
    return launcher


def test_a_ray_that_was_just_started_is_given_time(tmp_path, monkeypatch) -> None:
    """It is asked with the same id until it takes a job; one that has taken some is believed."""
    client = Starting(refusals=3)
    launcher = starting(monkeypatch, client)
    id = launcher.submit(["true"], tmp_path)
    assert client.asked == [id] * 4
    client.refusals = 10**9
    with pytest.raises(SegkitError, match="No available agent to submit job"):
        launcher.submit(["true"], tmp_path)
    assert len(client.asked) == 5


def test_a_ray_that_ends_itself_while_it_starts_is_started_again(tmp_path, monkeypatch) -> None:
    """As it does on a busy machine, where its agent takes longer than it allows."""
    client, started = Starting(refusals=1), []
    launcher = starting(monkeypatch, client)
    launcher.head = SimpleNamespace(poll=lambda: None if started else 1)

    def start(self: RayJobs) -> None:
        started.append(self.found)
        self.found = client

    monkeypatch.setattr(RayJobs, "start", start)
    assert [launcher.submit(["true"], tmp_path)] == client.taken
    assert started == [None]


def test_a_job_whose_answer_was_lost_is_not_submitted_twice(tmp_path, monkeypatch) -> None:
    """What Ray lists was taken."""
    client = Starting(refusals=1, lost=True)
    assert client.asked == [starting(monkeypatch, client).submit(["true"], tmp_path)]


def test_a_ray_that_never_takes_a_job(tmp_path, monkeypatch) -> None:
    """Bounded, and told with where to look; a cluster that people name is believed at once."""
    monkeypatch.setattr("segkit_ray.ray_jobs.PATIENCE", -1)
    client = Starting(10**9)
    launcher = starting(monkeypatch, client)
    for _ in range(2):
        with pytest.raises(
            SegkitError, match=r"No available agent.* \(Ray was started on port 8265 and takes no job\)"
        ):
            launcher.submit(["true"], tmp_path)
        monkeypatch.setattr("segkit_ray.ray_jobs.PATIENCE", 10**9)  # not given to every job anew
    assert len(client.asked) == 2
    named = Starting(1)
    with pytest.raises(SegkitError, match=r"No available agent to submit job\.; see: ray status"):
        starting(monkeypatch, named, address="http://head:8265").submit(["true"], tmp_path)
    assert len(named.asked) == 1


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        (-9, "", "ended by SIGKILL"),
        (137, "", "ended by SIGKILL"),
        (143, "", "ended by SIGTERM"),
        (1, "Job entrypoint command failed with exit code 1", ""),
        (255, "", ""),
        (None, "Job supervisor actor died: the node ran out of memory.\nlog", "Ray: Job supervisor actor died: the"),
        (None, None, "Ray: FAILED"),
    ],
)
def test_what_ended_a_job(code, message, told) -> None:
    """Killed for memory or by anybody; what Ray says where the job came to no exit code; nothing of its own error."""
    launcher = RayJobs(RayParams())
    info = SimpleNamespace(driver_exit_code=code, message=message, status="FAILED")
    launcher.found = SimpleNamespace(get_job_info=lambda _: info)
    assert launcher.reason("x").startswith(told)
    assert bool(launcher.reason("x")) == bool(told)


@pytest.mark.full
def test_jobs_and_their_states(tmp_path, monkeypatch) -> None:
    """A cluster beside another one, started, ended; jobs that end well, fail, are killed, are cancelled, and wait."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    launcher = RayJobs(RayParams(port=free_port()))
    taken = socket.socket()
    with contextlib.suppress(OSError):  # by another Ray: just as well
        taken.bind(("127.0.0.1", AGENT_PORT))
        taken.listen()
    try:
        commands = (["true"], ["false"], ["sh", "-c", "kill -9 $$"], ["sleep", "300"])
        ids = [launcher.submit(command, tmp_path) for command in commands]
        waiting = RayJobs(RayParams(port=launcher.params.port, cpus=1000)).submit(["true"], tmp_path)
        end = time.monotonic() + 180
        while any(launcher.state(id) in ("waiting", "running") for id in ids[:3]):
            assert time.monotonic() < end
            time.sleep(1)
        assert [launcher.state(id) for id in ids[:3]] == ["finished", "failed", "failed"]
        assert [launcher.reason(id) for id in ids[1:3]] == ["", "ended by SIGKILL"]
        assert launcher.state(waiting) == "waiting"
        launcher.cancel(ids[3])
        while launcher.state(ids[3]) in ("waiting", "running"):
            assert time.monotonic() < end
            time.sleep(1)
        assert launcher.state(ids[3]) == "failed"
        assert launcher.state("segkit-of-another-cluster") == "unknown"
        with pytest.raises(AuthenticationError):
            JobSubmissionClient(launcher.address)
    finally:
        launcher.close()
        taken.close()
    with pytest.raises(SegkitError, match="launcher ray: http"):
        launcher.states(["x"])
