"""Read YOLO segmentation labels: a text file of outlines for each photograph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from segkit import SegkitError
from segkit_coco import faults
from segkit_coco.data_yaml import Description, find_description
from segkit_coco.labels import Line, read_labels
from segkit_coco.outlines import Region
from segkit_coco.params import YoloParams
from segkit_coco.reader import Drawing, OutlineReader, chosen_classes
from segkit_coco.tree import Tree, case_ids, is_case_name
from segkit_coco.yolo_files import EXAMPLE, describing, label_files, photographs_of
from segkit_nifti.problems import add


class YoloReader(OutlineReader):
    """Photographs whose outlines lie in text files: `labels/a.txt` for `images/a.jpg`.

    Raises:
        SegkitError: the root is no such folder, or its classes or splits cannot be told.
    """

    params: YoloParams

    def __init__(self, root: Path, params: YoloParams) -> None:
        super().__init__(root, params)
        tree = Tree(self.root)
        description = find_description(tree, params.yaml)
        splits = photographs_of(tree, description, self.faults, self.told)
        self.describing = [self.root / file for file in describing(tree, description)]
        for file in tree.images:
            if file not in splits:
                self.left_out[self.root / file] = "is in none of the folders of photographs"
        files = label_files(tree, self.faults)
        if not any(file in files for file in splits):
            raise SegkitError(f"none of the {len(splits)} photographs in {self.root} has a label file", EXAMPLE)
        add(self.faults, faults.NO_NAME, *(str(file) for file in splits if not is_case_name(file.name)))
        add(self.told, faults.NO_LABEL, *(str(file) for file in splits if file not in files))
        lines = {
            file: read_labels(self.root / label, str(label), self.faults, self.told)
            for file, label in files.items()
            if file in splits
        }
        names = self._class_names(description, lines.values())
        classes = chosen_classes(params.classes, [*names.values()], description.file)
        labels = {number: classes.index(name) + 1 for number, name in names.items() if name in classes}
        ids = case_ids(list(splits))
        drawings = []
        for id, (file, split) in zip(ids, splits.items(), strict=True):
            outlines = self.root / files[file] if file in files else None
            regions = self._regions(str(files.get(file, "")), lines.get(file, []), names, labels)
            drawings.append(Drawing(id, split, str(file), outlines, None, regions, shares=True))
        self._finish(drawings, classes, description.file if description.places else "the folders' names")

    @classmethod
    def make_sample(cls, root: Path, params: YoloParams) -> None:
        """Write generated photographs of cells and YOLO labels of their outlines into the empty folder `root`."""
        from segkit_coco.sample import write_yolo

        write_yolo(root, params.split_seed)

    def _class_names(self, description: Description, lines: Iterable[Sequence[Line]]) -> Mapping[int, str]:
        """Names by number: as they are given, or made of the numbers that labels have."""
        used = {line.category for listed in lines for line in listed}
        if not description.names:
            self.notes.append(("names", "no data.yaml and no classes.txt gives any: the numbers are taken"))
            return {number: f"class-{number}" for number in sorted(used)}
        self.notes.append(("names", f"from {description.file}"))
        self._tell_unused([*description.names.values()], {description.names.get(number, "") for number in used})
        return description.names

    def _regions(
        self, file: str, lines: Sequence[Line], names: Mapping[int, str], labels: Mapping[int, int]
    ) -> tuple[Region, ...]:
        regions = []
        for line in lines:
            called = f"line {line.number}"
            if line.category not in names:
                add(self.faults, faults.YOLO_CLASS, f"{file}, {called}")
            elif line.category not in labels:
                add(self.told, faults.OTHER_CLASS, f"{file}, {called}")
            else:
                regions.append(Region(called, labels[line.category], (line.points,)))
        return tuple(regions)
