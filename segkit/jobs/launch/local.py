"""The core's own launcher: processes of this machine, which shares out its cores and devices among them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segkit.files import whole_number
from segkit.jobs.launch.job import LOG
from segkit.params import param

NAME = "local"
THREADS = "OMP_NUM_THREADS"
DEVICES = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class LocalParams:
    """What a job may use."""

    threads: int | None = param(
        None, "Threads of each job; none: as OMP_NUM_THREADS says, else the cores shared out among the jobs.", min=1
    )
    devices: tuple[str, ...] = param(
        (), "CUDA devices, one for each job in turn; those that there are where not given."
    )


class Local:
    """Jobs as processes of their own sessions, which Ctrl-C in the terminal does not reach.

    Args:
        params: as people set them.
        at_once: how many jobs share the machine.
    """

    goes_on = False
    """Whoever stops the command stops its jobs; one that was killed leaves them, and takes them up again."""
    pause = 0.25

    def __init__(self, params: LocalParams, at_once: int) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.threads = params.threads or (None if THREADS in os.environ else max(1, cores // at_once))
        self.devices = params.devices or visible_devices()
        self.own: dict[str, tuple[subprocess.Popen[bytes], str | None]] = {}

    def submit(self, arguments: Sequence[str], folder: Path) -> str:
        """Start a process, on the device that has fewest."""
        device = self.free_device()
        with (folder / LOG).open("wb") as log:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.variables(device)},
                start_new_session=True,
            )
        id = f"{process.pid}-{started_at(process.pid)}"
        self.own[id] = process, device
        return id

    def variables(self, device: str | None) -> dict[str, str]:
        """What the environment of a job says besides this one's."""
        threads = {} if self.threads is None else {THREADS: str(self.threads)}
        return threads if device is None else {**threads, DEVICES: device}

    def free_device(self) -> str | None:
        """Return the device on which fewest jobs run; None where there is none."""
        busy = [device for process, device in self.own.values() if process.poll() is None]
        return min(self.devices, key=busy.count, default=None)

    def state(self, id: str) -> str:
        """Say where a job is, also one that a command before this started."""
        if id in self.own:
            code = self.own[id][0].poll()
            return "running" if code is None else "failed" if code else "finished"
        pid, _, started = id.partition("-")
        process = whole_number(pid)
        return "running" if process is not None and started and started_at(process) == started else "unknown"

    def reason(self, id: str) -> str:
        """Say by which signal a job was ended; "" where it ended by itself."""
        code = self.own[id][0].poll() if id in self.own else None
        if code is None or code >= 0:
            return ""
        hint = ", as systems do where memory runs out" if code == -signal.SIGKILL else ""
        return f"ended by {signal.Signals(-code).name}{hint}"

    def cancel(self, id: str) -> None:
        """Ask a job to save and stop."""
        if self.state(id) == "running":
            os.kill(int(id.partition("-")[0]), signal.SIGTERM)

    def script(self, jobs: Sequence[tuple[Sequence[str], Path]]) -> str:
        """Return what would be started."""
        import shlex

        said = " ".join(f"{name}={value}" for name, value in self.variables(self.free_device()).items())
        return "\n".join(" ".join(filter(None, [said, shlex.join(arguments)])) for arguments, _ in jobs)


def visible_devices() -> tuple[str, ...]:
    """The CUDA devices that this process may use."""
    if DEVICES in os.environ:
        return tuple(filter(None, (name.strip() for name in os.environ[DEVICES].split(","))))
    import torch

    return tuple(map(str, range(torch.cuda.device_count())))


def started_at(pid: int) -> str:
    """When a process was started, so that another one of the same number is not taken for it; "" where it is gone.

    A process that has ended and was not asked for yet, a zombie, is gone.
    """
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return ""
        asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return "".join(asked.stdout.split())
    except OSError:
        return ""
    return "" if after_name[0] == "Z" else after_name[19]
