"""A SLURM of its own: slurmctld and slurmd of Debian's packages, on loopback, without accounting."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
PIP = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation")
DAEMONS = ("slurmctld", "slurmd")
CONF = """\
ClusterName=segkit
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/none
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1
ReturnToService=2
KillWait=5
MaxArraySize=4
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=1000 State=UNKNOWN
PartitionName=work Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """The daemons, and commands of segkit beside them."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        for name in ("state", "spool", "work"):
            (folder / name).mkdir()
        self.host = socket.gethostname().partition(".")[0]
        port, node_port = free_ports(2)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        cpus = min(2, len(os.sched_getaffinity(0)))
        conf = CONF.format(host=self.host, user=user, port=port, node_port=node_port, folder=folder, cpus=cpus)
        (folder / "slurm.conf").write_text(conf)
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SEGKIT_", "SLURM_"))},
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PYTHONPATH": str(site),
            "SEGKIT_CACHE": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }

    def start(self, daemon: str) -> None:
        """Start a daemon."""
        arguments = ["-N", self.host] if daemon == "slurmd" else []
        subprocess.run([daemon, *arguments], env=self.environ, check=True, timeout=60)

    def kill(self, daemon: str) -> None:
        """Kill a daemon with SIGKILL."""
        os.kill(int((self.folder / f"{daemon}.pid").read_text()), signal.SIGKILL)

    def call(self, *command: str) -> str:
        """Return what a command of SLURM prints."""
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False, timeout=60).stdout

    def ready(self) -> bool:
        """Whether the node takes jobs, waiting a while for it."""
        end = time.monotonic() + 60
        while "idle" not in self.call("sinfo", "--noheader", "--format=%T"):
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        return True

    def segkit(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of segkit."""
        command = [sys.executable, "-m", "segkit", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self.folder / "work", env=self.environ, text=True, **pipes)

    def run(self, *arguments: str) -> str:
        """Carry out a command of segkit that ends well; returns what it said."""
        process = self.segkit(*arguments)
        out, told = process.communicate(timeout=1500)
        assert process.returncode == 0, told
        return out + told

    def log(self, daemon: str) -> str:
        """The end of a daemon's log."""
        return (self.folder / f"{daemon}.log").read_text()[-2000:]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of one node."""
    if missing := [daemon for daemon in DAEMONS if shutil.which(daemon) is None]:
        pytest.skip(f"no {missing[0]} here: apt-get install slurmctld slurmd")
    site = tmp_path_factory.mktemp("source") / "site"
    packages = [str(PROJECT / "tests" / "toy"), str(PROJECT / "plugins" / "segkit-slurm")]
    subprocess.run([*PIP, "--target", str(site), *packages], check=True, timeout=300)
    found = Cluster(tmp_path_factory.mktemp("slurm"), site)
    try:
        for daemon in DAEMONS:
            found.start(daemon)
        if not found.ready():
            pytest.skip(f"SLURM does not start here: {found.log('slurmctld')} {found.log('slurmd')}")
        yield found
    finally:
        found.call("scancel", "--me")
        for daemon in DAEMONS:
            if (found.folder / f"{daemon}.pid").exists():
                os.kill(int((found.folder / f"{daemon}.pid").read_text()), signal.SIGTERM)
