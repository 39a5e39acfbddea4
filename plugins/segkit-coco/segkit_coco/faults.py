"""What can be wrong with annotated photographs, and what is only told, as said of one and of many."""

from __future__ import annotations

from collections.abc import Iterator

from segkit_nifti.problems import Fault, Faults

NO_SUCH_IMAGE = Fault(
    "annotation is of an image that is not listed",
    "annotations are of images that are not listed",
    "take them out, or bring the images' entries back",
)
NO_SUCH_CATEGORY = Fault(
    "annotation is of a category that is not listed",
    "annotations are of categories that are not listed",
    "take them out, or bring the categories' entries back",
)
BOX = Fault(
    "annotation has a box and no outline",
    "annotations have a box and no outline",
    "outline them, or take them out: what they mark would be learnt as background",
)
NO_NUMBERS = Fault(
    "outline is no list of numbers x, y, x, y, ...",
    "outlines are no lists of numbers x, y, x, y, ...",
    "export the annotations again",
)
FEW_POINTS = Fault(
    "outline has fewer than 3 points",
    "outlines have fewer than 3 points",
    "draw them again, or take them out",
)
NO_PLACE = Fault(
    "outline has a coordinate that is no place in an image (NaN, infinite or absurdly large)",
    "outlines have coordinates that are no place in an image (NaN, infinite or absurdly large)",
    "draw them again, or take them out",
)
NO_RUNS = Fault(
    'region\'s run lengths are not of the form {"counts": ..., "size": [height, width]}',
    'regions\' run lengths are not of the form {"counts": ..., "size": [height, width]}',
    "export the annotations again",
)
SIZE = Fault(
    "image has a width or height that is none",
    "images have a width or height that is none",
    "write the size of the file in pixels",
)
OUTSIDE = Fault(
    "file name leads out of the folder",
    "file names lead out of the folder",
    "write file names below the data root, without .. and without a drive or first slash",
)
GONE = Fault(
    "image that is listed is not there",
    "images that are listed are not there",
    "bring them back or take them out of the file; if they lie elsewhere: --set data.images=FOLDER",
)
NO_TRAINING = Fault(
    "annotation file is missing: others are of splits, and none is to train on",
    "annotation files are missing: others are of splits, and none is to train on",
    "bring it back, or name those that are meant: --set data.annotations=FILE,FILE",
)
SEVERAL = Fault(
    "image's name fits several files",
    "images' names fit several files",
    "name the folder that is meant: --set data.images=FOLDER",
)
LISTED_TWICE = Fault(
    "image is listed twice",
    "images are listed twice",
    "keep one entry for each, with all its annotations",
)
LEAK = Fault(
    "image is in two splits",
    "images are in two splits",
    "keep each in one: a model must not be scored on what it was trained on",
)
NO_NAME = Fault(
    "image's name cannot name a case (control characters, or not UTF-8)",
    "images' names cannot name cases (control characters, or not UTF-8)",
    "rename them",
)
CAPITALS = Fault(
    "image differs from another one in capitals only",
    "images differ from others in capitals only",
    "rename them: on some systems one would overwrite the other",
)
YOLO_BOX = Fault(
    "line is a box (class, x, y, width, height) and no outline",
    "lines are boxes (class, x, y, width, height) and no outlines",
    "export the labels for segmentation",
)
YOLO_LINE = Fault(
    "line is not of the form: class x1 y1 x2 y2 x3 y3 ...",
    "lines are not of the form: class x1 y1 x2 y2 x3 y3 ...",
    "export the labels for segmentation again",
)
YOLO_CLASS = Fault(
    "line has a class without a name",
    "lines have a class without a name",
    "name every class in data.yaml, from 0 on",
)
YOLO_SHARES = Fault(
    "line has coordinates that are no shares of the image's width and height",
    "lines have coordinates that are no shares of the image's width and height",
    "divide them by the image's width and height",
)
YOLO_TEXT = Fault("label cannot be read as text", "labels cannot be read as text", "export the labels again")
YOLO_ORPHAN = Fault("label has no image", "labels have no image", "bring the images back, or remove their labels")
YOLO_SHARED = Fault(
    "label belongs to two photographs", "labels belong to two photographs each", "keep one photograph for each label"
)

# What is told, and no error.
CLIPPED = Fault(
    "outline reaches out of its image and is cut off there",
    "outlines reach out of their images and are cut off there",
    "",
)
CROWD = Fault(
    "region is a crowd (iscrowd=1)",
    "regions are crowds (iscrowd=1)",
    "",
)
OTHER_CLASS = Fault(
    "annotation of a class that was not asked for is background",
    "annotations of classes that were not asked for are background",
    "",
)
EMPTY = Fault(
    "image without annotations is background only",
    "images without annotations are background only",
    "",
)
NO_LABEL = Fault(
    "image without a label file is background only",
    "images without a label file are background only",
    "",
)
EMPTY_LABEL = Fault(
    "image with an empty label file is background only",
    "images with an empty label file are background only",
    "",
)
NO_PLACE_NAMED = Fault(
    "place that data.yaml names is not there",
    "places that data.yaml names are not there",
    "",
)


def sentences(faults: Faults) -> Iterator[str]:
    """Say each kind with how many it concerns and the first of them."""
    for fault, named in faults.items():
        first = min(named)
        yield f"1 {fault.one}: {first}" if len(named) == 1 else f"{len(named)} {fault.many}, first: {first}"
