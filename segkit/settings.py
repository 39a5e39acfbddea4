"""The core's own settings, section by section: what a config file, SEGKIT_* and flags can set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segkit.errors import UsageError
from segkit.params import param

AXES = {2: ("height", "width"), 3: ("depth", "height", "width")}
"""Names of the axes that a network is shown, in their order."""


@dataclass(frozen=True)
class Components:
    """Which components a run is made of."""

    arch: str | None = param(None, "Architecture, by name.")
    data: str | None = param(None, "Dataset, by name.")
    loss: str | None = param(None, 'Loss or sum of losses, such as "dice + 0.5*focal".')
    metrics: tuple[str, ...] = param((), "Metrics to score with, the main one first.")
    explainers: tuple[str, ...] = param((), "Explainers to run on chosen cases.")


@dataclass(frozen=True)
class Run:
    """Where and how a run is carried out."""

    name: str | None = param(None, "Name of the run; made from its components where not given.")
    output: str | None = param(None, "The run's directory; runs/<name> where not given.")
    seed: int = param(0, "Seed of weights, order and augmentation.", min=0, max=2**31 - 1)
    device: str = param("auto", "auto, cpu, cuda, cuda:1 or mps.")
    workers: int | None = param(None, "Threads that prepare data; none: as suits the machine.", min=0, max=256)
    threads: int | None = param(None, "Threads of one CPU operator; none: one per core.", min=1)
    autocast: Literal["auto", "none", "bfloat16", "float16"] = param(
        "auto", "Reduced precision; auto: bfloat16 on CUDA, and for training on processors with matrix units (AMX)."
    )
    save_minutes: float = param(5.0, "Save the resume state this often, besides after every epoch.", min=0)
    keep_state: bool = param(
        False, "Keep the resume state of a finished run, so that it can go on for more epochs as if it had not ended."
    )
    deterministic: bool = param(False, "On CUDA: bit-reproducible operators only.")
    compile: Literal["none", "inductor", "aot_eager"] = param(
        "none", "Backend of torch.compile that training steps go through; aot_eager finds out whether a network can be."
    )
    profile: bool = param(False, "Write where the time goes: profile.json, and trace.json for the browser.")


@dataclass(frozen=True)
class Start:
    """What weights a run starts from; `--from` says where they are, which no config does: paths differ by machine."""

    source: str | None = param(None, "Name of the run or file that the weights are from; written down by --from.")
    digest: str | None = param(None, "SHA-256 of those weights; written down by --from. none: start anew.")
    classes: tuple[str, ...] = param((), "Classes that are called otherwise in the source, as old=new.")


@dataclass(frozen=True)
class Data:
    """What the network is shown of the data."""

    root: str | None = param(None, "Folder of the dataset; looked for where not given.")
    mode: str | None = param(None, "Which of the dataset's modes; the first that the architecture supports.")
    size: tuple[int, ...] | None = param(
        None, "Working size, H,W, of tiles the crop, or of patches D,H,W; the dataset's recipe where not given.", min=8
    )
    normalization: str = param(
        "unit",
        "unit: divided by 255; image: zero mean and unit deviation per image and channel; "
        "dataset: by the training split's mean and deviation; fixed: by data.mean and data.std; "
        "ct: clipped to data.window or to the foreground's 0.5th and 99.5th percentile, then by the foreground's mean "
        "and deviation; body: as image, of the voxels inside the body (above Otsu's threshold); or a plugin's.",
    )
    mean: tuple[float, ...] = param(
        (), "Mean per channel for fixed normalisation, image values in 0 to 1; of ct beside data.window."
    )
    std: tuple[float, ...] = param(
        (), "Deviation per channel for fixed normalisation; of ct beside data.window.", min=1e-6
    )
    window: tuple[float, ...] = param((), "Lowest and highest value that ct normalisation keeps, such as -160,240.")
    spacing: tuple[float, ...] | None = param(
        None, "Patches: mm per voxel, D,H,W, that volumes are resampled to; none: median of the training set.", min=1e-3
    )
    resolution: str | None = param(
        None,
        "Tiles: a scale such as 0.5, half as many pixels along each side, or micrometres per pixel such as 0.5um where "
        "files say theirs; none: every pixel.",
    )
    slab: int = param(5, "Slab: how many neighbouring slices a network is shown at once, an odd number.", min=1, max=99)
    patches: int | None = param(
        None,
        "Samples of one volume or tiled image and epoch; none: 2 patches, every slice, or tiles that would cover it.",
        min=1,
        max=100_000,
    )
    foreground: float = param(
        0.33,
        "Share of patches and tiles (and of slices, where data.patches is set) centred on a foreground pixel.",
        min=0,
        max=1,
    )
    sampler: str | None = param(None, "Sampler that chooses the cases of an epoch, by name; none: every case alike.")


@dataclass(frozen=True)
class Train:
    """How the weights are found."""

    epochs: int = param(20, "Passes over the training split.", min=1, max=100_000)
    batch_size: int = param(8, "Samples of one step.", min=1, max=65_536)
    accumulate: int = param(1, "Parts a step's batch is split into to save memory.", min=1, max=65_536)
    optimizer: str = param("adamw", "Optimizer: adamw, adam, or a plugin's, by name.")
    learning_rate: float = param(1e-3, "Highest learning rate.", min=1e-9, max=100)
    weight_decay: float = param(1e-4, "Weight decay of weights with two or more dimensions.", min=0, max=1)
    schedule: str = param("cosine", "Learning rate over the run: constant, cosine (up and down), or a plugin's.")
    warmup: float = param(0.1, "Share of the run in which the learning rate rises.", min=0, max=0.9)
    gradient_clip: float | None = param(1.0, "Largest gradient norm; none: not clipped.", min=1e-6)
    average: float = param(
        0.0, "Decay per step of the average of the weights that is validated and saved; 0: off.", min=0, max=0.99999
    )
    selection: str | None = param(None, "Metric that picks the best epoch; the first where not given.")
    scale_with_ranks: bool = param(
        False, "With several processes: batch size and learning rate times their number (Goyal et al. 2017)."
    )
    sync_batch_norm: bool = param(False, "With several processes on CUDA: batch normalisation over all of them.")
    freeze: tuple[str, ...] = param(
        (), "What does not learn: parts of the architecture (encoder, head), modules, or patterns of names with stars."
    )
    release: int | None = param(None, "Epochs after which what is frozen learns too; none: never.", min=1)
    rates: tuple[str, ...] = param(
        (), "Factors of the learning rate as PART=FACTOR; one of them is also set as train.rates.PART=FACTOR."
    )
    layer_decay: float = param(
        1.0, "Factor of the learning rate from each layer to the one before it, the last one's being 1.", min=0.1, max=1
    )
    patience: int | None = param(
        None, "Stop when validation has not gained for so many epochs; never by what is scored.", min=1
    )


@dataclass(frozen=True)
class Augment:
    """Random changes of training samples; every range is symmetric around no change."""

    flip: float | tuple[float, ...] = param(
        0.0,
        "Probability of mirroring, one for all axes or one each: H,W or D,H,W, as 0,0,0.5 for left and right alone.",
        min=0,
        max=1,
    )
    transpose: float = param(0.0, "Probability of swapping the last two axes (square grids only).", min=0, max=1)
    warp: float = param(
        0.0, "Probability of one warp: rotation, tilt, scale, shift and elastic together.", min=0, max=1
    )
    rotation: float = param(0.0, "Largest rotation in degrees.", min=0, max=180)
    scale: float = param(0.0, "Largest relative change of scale: 0.2 means from 1/1.2 to 1.2.", min=0, max=4)
    shift: float = param(0.0, "Largest shift as a share of the side.", min=0, max=1)
    tilt: float = param(0.0, "Patches: largest rotation about each of the in-plane axes, degrees.", min=0, max=180)
    elastic: float = param(
        0.0,
        "Largest move of a smooth deformation's control points, as a share of their distance, a quarter of the side.",
        min=0,
        max=0.4,
    )
    noise: float = param(0.0, "Largest deviation of noise added to the normalised values.", min=0, max=2)
    brightness: float = param(
        0.0,
        "Largest additive change of values in 0 to 1; of floats and volumes once they are normalised.",
        min=0,
        max=1,
    )
    contrast: float = param(0.0, "Largest relative change of contrast around the image's mean.", min=0, max=4)
    saturation: float = param(0.0, "Largest relative change of the distance from grey (3 channels).", min=0, max=4)
    colour: float = param(0.0, "Largest relative change of each channel on its own.", min=0, max=1)
    further: tuple[str, ...] = param((), "Augmentations of plugins, by name, in the order in which they act.")

    def flips(self, dims: int) -> tuple[float, ...]:
        """Return the probability of mirroring each axis; raises UsageError where there is another number of them."""
        if not isinstance(self.flip, tuple):
            return (self.flip,) * dims
        if len(self.flip) == dims:
            return self.flip
        if len(self.flip) == 1:
            return self.flip * dims
        raise UsageError(
            f"augment.flip has {len(self.flip)} values, the network is shown {dims} axes",
            f"give one number, or one each for {', '.join(AXES[dims])}",
        )

    def turned(self, dims: int) -> bool:
        """Whether training shows images turned by any number of quarters in the plane of the last two axes."""
        whole = self.warp > 0 and self.rotation == 180
        return whole or (self.transpose > 0 and {*AXES[2]} <= {*self.mirrored(dims)})

    def mirrored(self, dims: int) -> tuple[str, ...]:
        """Return the names of the axes that training mirrors."""
        return tuple(name for name, share in zip(AXES[dims], self.flips(dims), strict=True) if share > 0)


@dataclass(frozen=True)
class Evaluate:
    """What is scored, and how."""

    split: Literal["auto", "train", "val", "test", "all"] = param(
        "auto", "auto: test, or val without one; all: every case of data that the model was not trained on."
    )
    overlap: float = param(0.5, "Patches and tiles: share of a window that its neighbours cover too.", min=0, max=0.9)
    window: tuple[int, ...] | None = param(
        None, "Patches and tiles: window that scoring shows the network, D,H,W or H,W; none: that of training.", min=8
    )
    validation_cases: int = param(
        20, "Volumes: how many of the validation cases are scored after each epoch, evenly spread.", min=1
    )
    mirror: bool = param(False, "Average the probabilities over mirrored copies of the image.")
    turn: bool = param(
        False, "Average them over copies turned by 90, 180 and 270 degrees, too (in the plane; square grids only)."
    )
    save_predictions: bool = param(True, "Write the prediction of every scored case.")
    aggregation: tuple[Literal["case_mean", "pooled"], ...] = param(
        ("case_mean",),
        "case_mean: mean over cases per class, then over classes; pooled: counts summed over cases, then scored.",
    )
    background: bool = param(False, "Score label 0 as a class as well.")
    minimum_size: int = param(0, "Drop predicted components of fewer pixels or voxels; 0: none.", min=0)
    keep_largest: tuple[str, ...] = param((), "Classes of which the largest predicted component is kept, or all.")
    fill_holes: tuple[str, ...] = param((), "Classes whose enclosed background is filled, or all.")
    postprocess: tuple[str, ...] = param((), "Steps of plugins that change a prediction last, by name, in order.")


@dataclass(frozen=True)
class Explain:
    """What the explainers explain, and how that is checked."""

    cases: tuple[str, ...] = param(
        ("worst", "median", "best"), "Scored cases by rank or id: worst, median, best, worst:4, best:2, ID."
    )
    target: str = param("predicted", "What is explained, [margin:]SET[:NUMBER][:CLASS], such as fp:lesion.")
    classes: int = param(3, "Where the target names no class: explain so many, the largest predicted ones.", min=1)
    layer: str | None = param(
        None, "Layer of explainers that take one: dotted name, last, middle or auto; none: middle, else auto."
    )
    evidence: bool = param(True, "Measure whether to believe the maps.")
    baseline: Literal["mean", "blur", "zero"] = param(
        "mean", "What deleted pixels become: the image's mean, the image blurred, or 0 after normalisation."
    )
    steps: int = param(16, "Steps of the deletion and insertion curves.", min=2, max=1000)
    seeds: int = param(3, "Random models per step of the randomisation check; 0: leave it out.", min=0, max=100)


SECTIONS: dict[str, type] = {
    "components": Components,
    "run": Run,
    "start": Start,
    "data": Data,
    "train": Train,
    "augment": Augment,
    "evaluate": Evaluate,
    "explain": Explain,
}
