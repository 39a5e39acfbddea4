"""What people can set of the launcher: which cluster, and what each job asks it for."""

from __future__ import annotations

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class RayParams:
    """Params of ray."""

    address: str | None = segkit.param(
        None, "Address of the cluster's dashboard, http://HOST:8265; none: this machine's, which is started if need be."
    )
    port: int = segkit.param(8265, "Port of this machine's dashboard, where no address is given.", min=1, max=65_535)
    cpus: int = segkit.param(1, "Processors of a job, and its threads unless OMP_NUM_THREADS is set.", min=1)
    gpus: int = segkit.param(0, "GPUs of a job; a run uses one.", min=0, max=64)
    memory: int | None = segkit.param(None, "Memory of a job in MB, which Ray counts and does not enforce.", min=1)

    def __post_init__(self) -> None:
        if self.address is not None and not self.address.startswith(("http://", "https://")):
            raise ValueError(f"address={self.address} is none of a dashboard: write http://HOST:8265")
