"""Surface distances of one case, measured when a metric first asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from segkit import IGNORE

EDGES = ("prediction_to_reference", "reference_to_prediction")
"""Of each edge voxel to the other's nearest edge voxel."""
SURFELS = ("surfel_prediction_to_reference", "surfel_reference_to_prediction")
"""Of each surface element to the other's nearest."""
AREAS = ("surfel_prediction_area", "surfel_reference_area")
"""Area of each surface element, in the order of its distances."""

PerClass = Sequence[np.ndarray]
Part = tuple[np.ndarray, tuple[int, ...]]


class Distances(Mapping[str, PerClass]):
    """Distances by name, each one float64 array per class; measured once, at first access, then kept.

    Args:
        prediction, mask: (*S) label maps; where the mask is 255 both count as background, and so does all that lies
            outside of the image.
        spacing: mm per voxel and axis; None measures in pixels.
        classes: number of foreground classes.
    """

    def __init__(
        self, prediction: np.ndarray, mask: np.ndarray, spacing: tuple[float, ...] | None, classes: int
    ) -> None:
        self.prediction, self.mask, self.classes = prediction, mask, classes
        self.spacing = spacing or (1.0,) * mask.ndim
        self.known: dict[str, PerClass] = {}

    def __getitem__(self, name: str) -> PerClass:
        """Return one array per class; empty where the side it starts from lacks the class, inf where the other does."""
        if name not in self.known:
            if name in EDGES:
                self.known |= self.measure_edges()
            elif name in SURFELS or name in AREAS:
                self.known |= self.measure_surfels()
        return self.known[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter((*EDGES, *SURFELS, *AREAS))

    def __len__(self) -> int:
        """Return the number of names."""
        return len(EDGES) + len(SURFELS) + len(AREAS)

    def label_maps(self) -> tuple[np.ndarray, np.ndarray]:
        """Return prediction and mask with background where the mask is to be ignored."""
        ignored = self.mask == IGNORE
        if not ignored.any():
            return self.prediction, self.mask
        return np.where(ignored, 0, self.prediction), np.where(ignored, 0, self.mask)

    def measure_edges(self) -> dict[str, PerClass]:
        """Measure between edge voxels."""
        from segkit_metrics.edges import edge_voxels
        from segkit_metrics.nearest import distances

        there: list[np.ndarray] = []
        back: list[np.ndarray] = []
        for (predicted, predicted_start), (reference, reference_start) in self.pairs():
            first, second = edge_voxels(predicted, predicted_start), edge_voxels(reference, reference_start)
            there.append(distances(first, second, self.spacing))
            back.append(distances(second, first, self.spacing))
        return dict(zip(EDGES, (there, back), strict=True))

    def measure_surfels(self) -> dict[str, PerClass]:
        """Measure between surface elements."""
        from segkit_metrics.nearest import distances
        from segkit_metrics.surfels import surface_elements

        found: dict[str, list[np.ndarray]] = {name: [] for name in (*SURFELS, *AREAS)}
        for predicted, reference in self.pairs():
            first, first_area = surface_elements(*predicted, self.spacing)
            second, second_area = surface_elements(*reference, self.spacing)
            both_ways = distances(first, second, self.spacing), distances(second, first, self.spacing)
            for name, values in zip(found, (*both_ways, first_area, second_area), strict=True):
                found[name].append(values)
        return dict(found)

    def pairs(self) -> Iterator[tuple[Part, Part]]:
        """Yield each class in the box around it, with the box's start: of the prediction, then of the mask."""
        from segkit_metrics.boxes import class_boxes

        maps = self.label_maps()
        # One voxel stands for the box of a class that is not there.
        nowhere = (slice(0, 1),) * self.mask.ndim
        boxes = [class_boxes(labels, self.classes) for labels in maps]
        for label in range(1, self.classes + 1):
            around = [of_class[label - 1] or nowhere for of_class in boxes]
            predicted, reference = (
                (labels[box] == label, tuple(side.start for side in box))
                for labels, box in zip(maps, around, strict=True)
            )
            yield predicted, reference
