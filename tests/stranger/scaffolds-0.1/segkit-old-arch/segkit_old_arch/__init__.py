"""Three dilated convolutions."""

from dataclasses import dataclass

import segkit


@dataclass(frozen=True)
class Params:
    """What can be set with `--set arch.PARAM=VALUE`."""

    # Replace by the params of your network.
    width: int = segkit.param(16, "Channels of the hidden layers.", min=2, max=1024)


@segkit.hookimpl
def segkit_architectures():
    """Declare the network; torch is imported when it is built."""
    return [
        segkit.Architecture(
            name="old-arch",
            factory="segkit_old_arch.model:build",
            # Replace by what it is, and by the paper it comes from.
            summary="Three dilated convolutions.",
            reference="",
            params=Params,
            spatial_dims=(2, 3),
            # Replace by the modules whose maps explain it, by the params of a variant that is quick to check, and by
            # what a first run should take.
            layers={"last": "features", "middle": "features"},
            small={"width": 4},
            defaults={2: {"train.learning_rate": 0.01}},
        )
    ]
