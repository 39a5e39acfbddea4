"""Read COCO instance files and the photographs that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from segkit import IGNORE, SegkitError
from segkit.data.naming import SPLITS
from segkit.files import expanded
from segkit_coco import faults
from segkit_coco.entries import Annotation, Listed, short
from segkit_coco.outlines import Region
from segkit_coco.params import CocoParams
from segkit_coco.reader import Drawing, OutlineReader, chosen_classes, shown
from segkit_coco.sources import Source, find_sources
from segkit_coco.tree import Tree, case_ids, is_case_name
from segkit_nifti.problems import add


@dataclass(frozen=True)
class Image:
    """An image of an annotation file, found on disk.

    Attributes:
        file: relative to the tree it was found in.
    """

    source: Source
    listed: Listed
    file: PurePosixPath


class CocoReader(OutlineReader):
    """Photographs whose instances COCO files outline, by polygons or run lengths.

    Raises:
        SegkitError: the root holds no such file, or one is broken, or its classes or splits cannot be told.
    """

    params: CocoParams

    def __init__(self, root: Path, params: CocoParams) -> None:
        super().__init__(root, params)
        tree = Tree(self.root)
        sources = find_sources(tree, params.annotations, self.left_out)
        self.describing = [source.path for source in sources]
        self.notes.append(("annotations", ", ".join(source.name for source in sources)))
        for source in sources:
            for kept, told in ((self.faults, source.entries.faults), (self.told, source.entries.remarks)):
                for fault, named in told.items():
                    add(kept, fault, *named)
        if {source.split for source in sources}.isdisjoint(("train", None)):
            add(self.faults, faults.NO_TRAINING, for_training(sources[0]))
        classes = chosen_classes(params.classes, self._class_names(sources), sources[0].name)
        if params.images is not None:
            tree = self._images_tree(params.images)
        images = list(self._once([image for source in sources for image in self._find_images(tree, source)]))
        labels = {name: label for label, name in enumerate(classes, 1)}
        ids = case_ids([image.file for image in images])
        drawings = [self._drawing(id, tree, image, labels) for id, image in zip(ids, images, strict=True)]
        used = {image.file for image in images}
        self.left_out |= {tree.root / file: "is in no annotation file" for file in tree.images if file not in used}
        self._finish(drawings, classes, "the annotation files")

    @classmethod
    def make_sample(cls, root: Path, params: CocoParams) -> None:
        """Write generated photographs of cells and COCO files of their outlines into the empty folder `root`."""
        from segkit_coco.sample import write_coco

        write_coco(root, params.split_seed)

    def _class_names(self, sources: Sequence[Source]) -> list[str]:
        """Names in the order of their ids, the first file's first; a file's ids are its own affair."""
        names = list(dict.fromkeys(name for source in sources for name in source.entries.categories.values()))
        used = {source.entries.categories[id] for source in sources for id in source.entries.used}
        # Roboflow writes the group of all classes as a category of its own, with the id 0.
        groups = [name for name in names if name not in used and any(name in s.entries.groups for s in sources)]
        if groups and len(groups) < len(names):
            names = [name for name in names if name not in groups]
            self.notes.append(("groups", f"no classes, since nothing is of them: {', '.join(groups)}"))
        self._tell_unused(names, used)
        numbers = {tuple(source.entries.categories.items()) for source in sources}
        if len(numbers) > 1:
            self.notes.append(("categories", "differ between the annotation files; they are matched by name"))
        return names

    def _images_tree(self, written: str) -> Tree:
        folder = self.root / expanded(written, "data.images")
        if not folder.is_dir():
            raise SegkitError(f"data.images={written}: there is no such folder", f"give it as below {self.root}")
        return Tree(folder)

    def _find_images(self, tree: Tree, source: Source) -> Iterator[Image]:
        """Yield the images of a file that are there; the others are added to the faults."""
        near = [PurePosixPath(), PurePosixPath("images")]
        if source.folder is not None and tree.root == self.root:
            near = [source.folder, *near, source.folder / "images"]
        for listed in source.entries.images:
            file, fault = tree.find(listed.name, near, source.split)
            if fault is None and file is not None and not is_case_name(file.name):
                fault = faults.NO_NAME
            if fault is not None:
                add(self.faults, fault, f"{short(listed.name)} in {source.name}")
            elif file is not None:
                yield Image(source, listed, file)

    def _once(self, images: Sequence[Image]) -> Iterator[Image]:
        """Yield each file once; one that is listed twice is added to the faults."""
        seen: dict[PurePosixPath, Image] = {}
        for image in images:
            other = seen.setdefault(image.file, image)
            if other is image:
                yield image
            else:
                leak = other.source.split != image.source.split
                add(self.faults, faults.LEAK if leak else faults.LISTED_TWICE, f"{image.file} in {image.source.name}")

    def _drawing(self, id: str, tree: Tree, image: Image, labels: Mapping[str, int]) -> Drawing:
        source, listed = image.source, image.listed
        annotations = source.entries.annotations.get(listed.id, [])
        regions = []
        for annotation in annotations:
            label = labels.get(source.entries.categories[annotation.category])
            if label is None:
                add(self.told, faults.OTHER_CLASS, f"{source.name}, {annotation.name}")
            else:
                regions.append(self._region(annotation, label))
        if not annotations:
            add(self.told, faults.EMPTY, str(image.file))
        crowds = [annotation.name for annotation in annotations if annotation.crowd]
        add(self.told, faults.CROWD, *(f"{source.name}, {name}" for name in crowds))
        return Drawing(
            id, source.split, shown(tree.root / image.file, self.root), source.path, listed.size, tuple(regions)
        )

    def _region(self, annotation: Annotation, label: int) -> Region:
        ignored = annotation.crowd and self.params.crowd == "ignore"
        return Region(annotation.name, IGNORE if ignored else label, annotation.parts, annotation.runs)


def for_training(source: Source) -> str:
    """Name the file that would be for training beside that of another split: instances_train.json."""
    words = "|".join(sorted(SPLITS[source.split or "val"], key=len, reverse=True))
    return re.sub(rf"(?<![a-z])({words})(?![a-z])", "train", source.name, flags=re.IGNORECASE)
