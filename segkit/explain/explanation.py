"""One explanation: a raw map, its heat map, and what they are of."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from segkit.data.arrays import read_arrays
from segkit.errors import SegkitError
from segkit.files import json_text, parse_json, reason_of, write_whole

COLOUR_MAP = "viridis"
"""Perceptually uniform, told apart with any colour vision, and printed grey still from dark to light."""
NOTHING_POSITIVE = "nothing positive"
CONSTANT = "constant map"
UNCERTAINTY = "uncertainty"


@dataclass(frozen=True, repr=False)
class Explanation:
    """Why a model gives some pixels of one image a class, as a map.

    Attributes:
        raw: float32 on the layer's grid, signed: positive speaks for the target, negative against it.
        heat: float32 in [0, 1] on the image's own grid; how it is made is in `meta["order"]`. Of uncertainty its own
            values, else divided by the largest.
        raw_max: largest value of `raw`.
        status: "ok"; "empty target"; "nothing positive": the heat map is 0 everywhere; "constant map": there is
            nothing to see in it.
        target_score: the sum of the target's logits; 0 of uncertainty, which is of no class.
        meta: explainer, its params and version, layer, target, class, pixels in the target, order, versions.
        evidence: numbers that say whether to believe the map; empty where none were asked for.
        image: (C, *S) as it was read, at any size, for a notebook to show beneath the map; it is not saved.
    """

    raw: np.ndarray
    heat: np.ndarray
    raw_max: float
    status: str
    target_score: float
    meta: Mapping[str, Any]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    image: np.ndarray | None = field(default=None, compare=False)

    @property
    def of_uncertainty(self) -> bool:
        """Whether it says how unsure the model is, not what speaks for a class."""
        return bool(self.meta.get("map") == UNCERTAINTY)

    @property
    def top(self) -> float:
        """The value of the brightest colour: of uncertainty, which has a unit and is often small, the largest."""
        return (float(self.heat.max(initial=0.0)) or 1.0) if self.of_uncertainty else 1.0

    @property
    def shown(self) -> np.ndarray:
        """The heat map (*S) as it is coloured, from 0 to 1."""
        return self.heat / self.top if self.of_uncertainty else self.heat

    def __repr__(self) -> str:
        """What is explained by what, and what the evidence says, without the arrays."""
        grid = " x ".join(map(str, self.heat.shape))
        said = "; ".join([self.evidence.get("verdict", self.status), *self.evidence.get("words", ())])
        layer = f", layer {self.meta['layer']}" if self.meta.get("layer") else ""
        what = UNCERTAINTY if self.of_uncertainty else self.meta.get("target")
        return f"<Explanation of {what} by {self.meta.get('explainer')}{layer}, {grid}: {said}>"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the heat map in colours; of a volume the axial slice with the most heat."""
        heat = self.shown
        return coloured_png(heat if heat.ndim == 2 else heat[int(heat.sum(axis=(1, 2)).argmax())])

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the verdict, the image, and the map over the image."""
        from segkit.explain.notebook import panel

        return panel(self)

    def save(self, stem: Path) -> None:
        """Write stem.npz (raw and heat map, meta and evidence as JSON) and, of an image, stem.png (the heat map)."""
        described = {
            "raw_max": self.raw_max,
            "status": self.status,
            "target_score": self.target_score,
            "meta": self.meta,
            "evidence": self.evidence,
        }
        text = json_text(described)
        write_whole(
            stem.with_name(f"{stem.name}.npz"),
            lambda stream: np.savez_compressed(stream, raw=self.raw, heat=self.heat, about=np.array(text)),
        )
        if self.heat.ndim == 2:
            content = coloured_png(self.shown)
            write_whole(stem.with_name(f"{stem.name}.png"), lambda stream: stream.write(content))


def read_explanation(path: Path) -> Explanation:
    """Read what `Explanation.save` wrote; nothing is unpickled.

    Raises:
        SegkitError: the file is not there or is none of these.
    """
    try:
        about, raw, heat = read_arrays(path, ["about", "raw", "heat"], hint="give the .npz of an explanation")
        return Explanation(raw, heat, **parse_json(str(about)))
    except (ValueError, TypeError) as error:
        raise SegkitError(f"{path.name} is no explanation ({reason_of(error)})", "explain the case again") from None


def coloured_heat(heat: np.ndarray) -> np.ndarray:
    """Colour a heat map (H, W) in [0, 1]; returns (H, W, 3) uint8."""
    import matplotlib

    table = matplotlib.colormaps[COLOUR_MAP](np.arange(256), bytes=True)[:, :3]
    return np.asarray(table[np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)])


def coloured_png(heat: np.ndarray) -> bytes:
    """Encode a coloured heat map, without metadata."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(coloured_heat(heat)).save(stream, "PNG")
    return stream.getvalue()
