"""The networks beside the library's own, and nnU-Net's weights in them."""

import pytest

pytest.importorskip("dynamic_network_architectures", reason="segkit-resenc's library is not installed")

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet

from segkit import Outputs, Task, UsageError
from segkit.config import Layer
from segkit.discovery import Registry
from segkit.jobs.start import start_from
from segkit.planning.build import build_model
from segkit.planning.plan import make_plan
from segkit.rundir.source import open_source
from segkit_resenc.model import common, layout_of, plain, residual
from segkit_resenc.params import PlainParams, ResidualParams

TASK = Task(1, ("a", "b"), 3)


def library_own(params, size):
    """The library's network as nnU-Net builds it from its plan, with names of its own."""
    layout = layout_of(TASK, params, size)
    count = len(layout.strides)
    options = common(TASK, params, layout) | {"deep_supervision": True}
    if isinstance(params, ResidualParams):
        return ResidualEncoderUNet(**options, n_blocks_per_stage=params.blocks[:count], n_conv_per_stage_decoder=1)
    return PlainConvUNet(**options, n_conv_per_stage=2, n_conv_per_stage_decoder=2)


@pytest.mark.parametrize(
    ("build", "params"), [(residual, ResidualParams(4)), (plain, PlainParams(4))], ids=["res", "plain"]
)
def test_it_gives_what_the_library_gives(build, params) -> None:
    """With equal weights, in eval mode and in train mode but for the coarsest head, whose weight is 0 in nnU-Net."""
    torch.manual_seed(0)
    size = (32, 32, 32)
    theirs, ours = library_own(params, size), build(TASK, params, size)
    left = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not left.missing_keys
    image = torch.randn(2, 1, *size)
    told, found = theirs(image), ours.train()(image)
    assert isinstance(found, Outputs)
    assert len(found.logits) == len(told) - 1 == 2
    assert sum(found.weights) == pytest.approx(1)
    for one, other in zip(found.logits, told, strict=False):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(ours.eval()(image), told[0])


def test_no_weight_has_two_names() -> None:
    """The library gives layers two names, and the encoder a second one in the decoder."""
    state = residual(TASK, ResidualParams(4), (16, 16, 16)).state_dict()
    assert len({value.data_ptr() for value in state.values()}) == len(state)


def test_spacing_has_a_number_for_each_axis() -> None:
    """Two numbers are none of a volume."""
    with pytest.raises(UsageError, match=r"arch\.spacing has 2 numbers"):
        residual(TASK, ResidualParams(spacing=(1.0, 1.0)), (16, 16, 16))


def test_a_checkpoint_as_nnunet_writes_it_loads(tmp_path, monkeypatch) -> None:
    """Under `network_weights`, beside plans and logged figures, numpy's numbers among them; the heads are as many."""
    import numpy as np

    monkeypatch.setenv("SEGKIT_CACHE", str(tmp_path / "cache"))
    params = ResidualParams(4)
    theirs = library_own(params, (16, 24, 24))
    torch.save(
        {
            "network_weights": theirs.state_dict(),
            "optimizer_state": {},
            "grad_scaler_state": None,
            "logging": {"mean_fg_dice": [np.float64(0.8), np.float32(0.9)], "lrs": [0.01]},
            "_best_ema": np.float64(0.85),
            "current_epoch": 3,
            "init_args": {"plans": {"plans_name": "nnUNetResEncUNetMPlans"}, "fold": 0},
            "trainer_name": "nnUNetTrainer",
            "inference_allowed_mirroring_axes": (0, 1, 2),
        },
        tmp_path / "checkpoint_final.pth",
    )
    values = {
        "components.arch": "resenc",
        "components.data": "msd",
        "data.mode": "patches",
        "data.size": "16x24x24",
        "arch.width": 4,
        "data.root": str(msd_folder(tmp_path)),
    }
    source = open_source(str(tmp_path / "checkpoint_final.pth"))
    plan = make_plan([Layer("flag", values)], Registry.discover(), source=source)
    network = build_model(plan)
    started = start_from(plan, network)
    assert started.record["new"] == started.record["adapted"] == 0
    state = theirs.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def msd_folder(tmp_path):
    """A Decathlon folder of two volumes with two classes."""
    import json

    import nibabel
    import numpy as np

    root = tmp_path / "Task99"
    listed = []
    for name in ("imagesTr", "labelsTr"):
        (root / name).mkdir(parents=True)
    for number in range(6):
        image = np.random.default_rng(number).normal(0, 1, (24, 24, 16)).astype(np.float32)
        mask = np.zeros(image.shape, np.uint8)
        mask[4:8, 4:8, 4:8], mask[12:16, 12:16, 4:8] = 1, 2
        for folder, array in (("imagesTr", image), ("labelsTr", mask)):
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), root / folder / f"c_{number}.nii.gz")
        listed.append({"image": f"./imagesTr/c_{number}.nii.gz", "label": f"./labelsTr/c_{number}.nii.gz"})
    described = {"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "a", "2": "b"}, "training": listed}
    (root / "dataset.json").write_text(json.dumps({"name": "t", "tensorImageSize": "3D", "test": [], **described}))
    return root
