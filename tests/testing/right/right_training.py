"""Right parts as authors bring them from the ecosystem."""

from __future__ import annotations

import numpy as np
import torch

import segkit


def rmsprop(groups, params):
    """torch's RMSprop with momentum."""
    return torch.optim.RMSprop(groups, momentum=0.9)


def radam(groups, params):
    """torch's RAdam with decoupled decay."""
    return torch.optim.RAdam(groups, decoupled_weight_decay=True)


def adagrad(groups, params):
    """torch's Adagrad, which keeps a state from the start."""
    return torch.optim.Adagrad(groups)


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023: the sign of two averages."""

    def __init__(self, groups):
        super().__init__(groups, {"lr": 1e-4, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure=None):
        """One step."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                kept = self.state[weight].setdefault("average", torch.zeros_like(weight))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(torch.sign(0.9 * kept + 0.1 * weight.grad), alpha=group["lr"])
                kept.lerp_(weight.grad, 0.01)


def lion(groups, params):
    """Build it."""
    return Lion(groups)


def timm_lamb(groups, params):
    """timm's LAMB."""
    from timm.optim import Lamb

    return Lamb(groups)


def steps(params):
    """A tenth after each third."""
    return lambda done: 0.1 ** min(2, int(3 * done))


def warm_restarts(params):
    """Loshchilov and Hutter 2017: three falls along a cosine."""
    return lambda done: (1 + np.cos(np.pi * ((3 * done) % 1))) / 2


def rotate(task, params):
    """scipy turns image and mask by the same angle."""
    from scipy import ndimage

    def change(image, mask, random):
        angle = float(random.uniform(-15, 15))
        turned = ndimage.rotate(image.cpu().numpy(), angle, axes=(-2, -1), reshape=False, order=1, mode="nearest")
        labels = ndimage.rotate(mask.cpu().numpy(), angle, axes=(-2, -1), reshape=False, order=0, cval=segkit.IGNORE)
        return torch.from_numpy(turned).to(image.device), torch.from_numpy(labels).to(mask.device)

    return change


def monai_noise(task, params):
    """MONAI's noise, seeded from the generator that is given."""
    from monai.transforms import RandGaussianNoise

    transform = RandGaussianNoise(prob=0.5, std=0.2)

    def change(image, mask, random):
        transform.set_random_state(seed=int(random.integers(2**31)))
        return torch.as_tensor(transform(image)).as_subclass(torch.Tensor).to(image.dtype), mask

    return change


def low_resolution(task, params):
    """Down and up again, as nnU-Net simulates it."""

    def change(image, mask, random):
        if random.random() < 0.5:
            return image, mask
        factor = float(random.uniform(0.5, 1))
        size = [max(1, round(side * factor)) for side in mask.shape]
        small = torch.nn.functional.interpolate(image[None], size)
        return torch.nn.functional.interpolate(small, mask.shape)[0], mask

    return change


def histogram(params):
    """Clip at the 0.5 and 99.5 percentiles, then mean and deviation of what lies between."""

    def measure(image):
        channels = image.reshape(len(image), -1)
        low, high = np.percentile(channels, [0.5, 99.5], axis=1)
        inside = np.clip(channels, low[:, None], high[:, None])
        return low, high, inside.mean(axis=1), np.maximum(inside.std(axis=1), 1e-6)

    return measure


def by_size(task, params):
    """Cases with more classes more often."""

    def choose(labels, count, random):
        weights = np.array([1.0 + len(held) for held in labels])
        cases = random.choice(len(labels), count, p=weights / weights.sum())
        return [(int(case), None) for case in cases]

    return choose


def opened(task, params):
    """scipy's opening, class by class."""
    from scipy import ndimage

    def change(labels):
        found = np.zeros_like(labels)
        for label in range(1, len(task.classes) + 1):
            found[ndimage.binary_opening(labels == label)] = label
        return found

    return change


def numpy_archive(params):
    """Weights as .npz, into an open file: given a name, NumPy adds its suffix."""

    def write(network, example, path):
        with path.open("wb") as stream:
            np.savez(stream, **{name: value.cpu().numpy() for name, value in network.state_dict().items()})

    return write


def scripted(params):
    """TorchScript of a copy."""
    import copy

    def write(network, example, path):
        torch.jit.trace(copy.deepcopy(network), example).save(str(path))

    return write


def histogram_section(params):
    """A picture by matplotlib and a table."""

    def section(folder):
        import io

        from matplotlib.figure import Figure

        table = folder / "cases.csv"
        if not table.is_file():
            return None
        rows = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()]
        figure, stream = Figure(), io.BytesIO()
        figure.subplots().hist([float(row[4]) for row in rows[1:]])
        figure.savefig(stream, format="png", metadata={"Software": None})
        pictures = (("Predicted sizes", stream.getvalue()),)
        return segkit.SectionContent("Sizes", ("In pixels.",), tuple(rows[0]), rows[1:], pictures)

    return section


def halton(params):
    """Points of scipy's quasi-random sequence."""
    from scipy.stats import qmc

    class Halton:
        def __init__(self, study):
            self.study = study

        def suggest(self, number, trials):
            sequence = qmc.Halton(len(self.study.settings), seed=self.study.seed)
            (point,) = sequence.fast_forward(number).random(1) if number else sequence.random(1)
            return {one.name: placed(one, share) for one, share in zip(self.study.settings, point, strict=True)}

    return Halton


def placed(setting, share):
    """The value at a share of a setting's way."""
    if setting.choices:
        return setting.choices[int(share * len(setting.choices))]
    if setting.whole:
        return int(setting.low) + int(share * (setting.high - setting.low + 1))
    if setting.log:
        return float(np.exp(np.log(setting.low) + share * np.log(setting.high / setting.low)))
    return setting.low + share * (setting.high - setting.low)


def local_search(params):
    """Changes one value of the best trial so far, and stops what is worse than the worst."""

    class Local:
        def __init__(self, study):
            self.study, self.scores = study, {}

        def suggest(self, number, trials):
            draw = np.random.default_rng([self.study.seed, number])
            ended = [trial for trial in trials if trial.state == "finished"]
            sign = 1 if self.study.higher_is_better else -1
            new = {one.name: placed(one, draw.random()) for one in self.study.settings}
            if not ended:
                return new
            best = max(ended, key=lambda trial: sign * trial.score)
            chosen = self.study.settings[draw.integers(len(self.study.settings))].name
            return {**best.values, chosen: new[chosen]}

        def report(self, number, scores):
            return False

    return Local
