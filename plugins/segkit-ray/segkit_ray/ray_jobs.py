"""Ray's job API: a job is a command line on some node, which the cluster keeps track of whoever watches."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machine that was not asked for

from ray.job_submission import JobSubmissionClient

from segkit import SegkitError
from segkit_ray import own_ray
from segkit_ray.params import RayParams

LOG = "job.log"
PASSED_ON = ("SEGKIT_", "PYTHON", "OMP_")
"""How variables begin that a job is given; whatever else there is may be a secret, and Ray shows a job's variables."""
STATES = {"PENDING": "waiting", "RUNNING": "running", "SUCCEEDED": "finished", "FAILED": "failed", "STOPPED": "failed"}
PATIENCE = 180
"""Seconds in which a Ray of this machine has to answer, and then to take its first job."""
MB = 2**20


class RayJobs:
    """A launcher of Ray jobs; jobs go on whether or not anybody watches them."""

    pause = 1.0

    def __init__(self, params: RayParams) -> None:
        self.params = params
        self.address = params.address or f"http://{own_ray.LOOPBACK}:{params.port}"
        self.found: Any = None
        self.head: subprocess.Popen[bytes] | None = None
        self.has_taken = False
        self.until: float | None = None

    def client(self) -> Any:
        """The cluster's; None where it is to be this machine's and is not there. Raises SegkitError."""
        if self.found is None and self.params.address is not None:
            try:
                self.found = JobSubmissionClient(self.address)
            except Exception as error:  # Ray has none of its own for this
                raise SegkitError(f"launcher ray: {self.address} does not answer", "see: ray status") from error
        elif self.found is None:
            # One that was started here asks for its token; one that its user has started need not know it.
            for headers in (own_ray.headers(), {}):
                with contextlib.suppress(Exception):
                    self.found = JobSubmissionClient(self.address, headers=headers)
                    break
        return self.found

    def start(self) -> None:
        """Start Ray on this machine, and wait until it answers; its first job then waits until it is taken."""
        self.head = own_ray.start(self.params.port)
        end = time.monotonic() + PATIENCE
        while self.head.poll() is None and time.monotonic() < end:
            time.sleep(self.pause)
            if self.client() is not None:
                return
        self.close()
        raise SegkitError(
            f"launcher ray: Ray does not start on port {self.params.port}", "see: ray start --head --block"
        )

    def close(self) -> None:
        """End what was started here."""
        if self.head is not None:
            own_ray.end(self.head)

    def submit(self, arguments: Sequence[str], folder: Path) -> str:
        """Submit a job, in this directory and with what variables may be passed on."""
        if self.client() is None:
            self.start()
        id = f"segkit-{uuid.uuid4().hex}"
        memory = {} if self.params.memory is None else {"entrypoint_memory": self.params.memory * MB}
        self.hand_in(
            id,
            entrypoint=entrypoint(arguments, folder),
            runtime_env={"env_vars": self.variables()},
            entrypoint_num_cpus=self.params.cpus,
            entrypoint_num_gpus=self.params.gpus or None,
            **memory,
        )
        return id

    def hand_in(self, id: str, **job: Any) -> None:
        """Give the cluster a job; a Ray of this machine that has taken none yet is given time to start in.

        Its dashboard answers before its node is there, on a busy machine by half a minute, and refuses jobs until then
        (500, "No available agent"). Asking with the same id again is safe: Ray takes an id once.
        """
        # For all jobs together: of a hundred, each would wait that long.
        self.until = time.monotonic() + PATIENCE if self.until is None else self.until
        while True:
            try:
                self.answered(self.client().submit_job, submission_id=id, **job)
                break
            except SegkitError as error:
                if self.has_taken or self.params.address is not None:
                    raise
                with contextlib.suppress(SegkitError):
                    if self.state(id) != "unknown":  # taken, and only the answer did not come
                        break
                if time.monotonic() > self.until:
                    raise SegkitError(
                        f"{error.message} (Ray was started on port {self.params.port} and takes no job)",
                        "see: ray start --head --block, and the logs below /tmp/ray/session_latest",
                    ) from error
                if self.head is not None and self.head.poll() is not None:
                    # Ray ends itself where its agent takes longer to start than it allows, as on a busy machine.
                    self.found = None
                    self.start()
            time.sleep(self.pause)
        self.has_taken = True

    def variables(self) -> dict[str, str]:
        """The variables of a job."""
        passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        return {"OMP_NUM_THREADS": str(self.params.cpus), **passed}

    def script(self, jobs: Sequence[tuple[Sequence[str], Path]]) -> str:
        """Return what would be submitted."""
        asked = f"# to {self.address}, each with {self.params.cpus} processors and {self.params.gpus} GPUs"
        return "\n".join([asked, *(entrypoint(arguments, folder) for arguments, folder in jobs)])

    def states(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Say where jobs are; one that a cluster before this had is unknown."""
        client = self.client()
        listed = [] if client is None else self.answered(client.list_jobs)
        told = {job.submission_id: str(job.status.value) for job in listed}
        return {id: STATES.get(told[id], "unknown") for id in ids if id in told}

    def state(self, id: str) -> str:
        """Say where one job is."""
        return self.states([id]).get(id, "unknown")

    def reason(self, id: str) -> str:
        """Say by which signal a job was ended, or what Ray says where it never came to an exit code."""
        client = self.client()
        if client is None:
            return ""
        info = self.answered(client.get_job_info, id)
        code = info.driver_exit_code
        if code is None:
            return f"Ray: {(info.message or str(info.status)).splitlines()[0]}"
        if code < 0 or code > 128:
            number = -code if code < 0 else code - 128
            return f"ended by {signal.Signals(number).name}" if number in {*signal.Signals} else ""
        return ""

    def cancel(self, id: str) -> None:
        """Ask a job to save and stop: Ray sends SIGTERM, and SIGKILL a little later."""
        client = self.client()
        if client is not None and self.state(id) in ("waiting", "running"):
            self.answered(client.stop_job, id)

    def answered(self, call: Callable[..., Any], *values: Any, **named: Any) -> Any:
        """Call the cluster; raises SegkitError where it does not answer."""
        try:
            return call(*values, **named)
        except Exception as error:  # of the network, of Ray, or its answer as a RuntimeError
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise SegkitError(f"launcher ray: {self.address}: {lines[-1]}", "see: ray status") from error


def entrypoint(arguments: Sequence[str], folder: Path) -> str:
    """A job's command for the shell that Ray gives it to."""
    place, log = shlex.quote(str(Path.cwd())), shlex.quote(str(folder / LOG))
    return f"cd {place} && exec {shlex.join(arguments)} >>{log} 2>&1"
