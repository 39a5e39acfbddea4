"""Samples, verification and what the plugin declares."""

import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segkit
from segkit import config, discovery, params, settings
from segkit_isic import segkit_datasets
from segkit_isic.params import IsicParams
from segkit_isic.reader import IsicReader

SHARED = Path(__file__).parents[4] / "shared" / "data"


def test_sample_is_the_files_pixels(add, reader, photograph, mask):
    """Image (3, H, W) and mask (H, W) hold what was written, in one block of memory each."""
    add()
    opened = reader()
    sample = opened.read(opened.cases("train")[0])
    np.testing.assert_array_equal(sample.image, np.moveaxis(photograph, 2, 0))
    np.testing.assert_array_equal(sample.mask, mask == 255)
    assert sample.image.dtype == sample.mask.dtype == np.uint8
    assert sample.image.flags.c_contiguous
    assert sample.mask.flags.c_contiguous
    assert sample.spacing is None


def test_error_names_the_file_relative_to_the_root(add, reader, root):
    """No absolute path is printed for a file inside the root."""
    add()[0].write_text("not an image")
    opened = reader()
    with pytest.raises(segkit.SegkitError) as caught:
        opened.read(opened.cases("train")[0])
    assert str(caught.value).startswith("ISIC-2017_Training_Data/ISIC_1.png is not a JPEG or PNG image")
    assert str(root) not in str(caught.value)


def test_verify_finds_every_problem(add, reader, mask):
    """All pairs are read, and each bad one is reported with its file; good ones are not."""
    add("train", "ISIC_1")
    add("train", "ISIC_2")[0].write_bytes(b"")
    add("val", "ISIC_3", marked=mask // 255)
    add("val", "ISIC_4", marked=mask * 0)
    add("test", "ISIC_5", marked=mask * 0 + 255)
    assert [(problem.file, problem.reason) for problem in reader().verify()] == [
        ("ISIC-2017_Training_Data/ISIC_2.png", "is empty (0 bytes)"),
        (
            "ISIC-2017_Validation_Part1_GroundTruth/ISIC_3_segmentation.png",
            "has no pixel above 128 (its highest is 1) and would be read as empty",
        ),
        ("ISIC-2017_Validation_Part1_GroundTruth/ISIC_4_segmentation.png", "marks no pixel as lesion"),
        ("ISIC-2017_Test_v2_Part1_GroundTruth/ISIC_5_segmentation.png", "marks every pixel as lesion"),
    ]


def test_verify_tells_faults_of_the_listing_one_by_one(add, reader):
    """What stops a run before it starts is named file by file, and the pairs that are whole are read all the same."""
    add("train", "ISIC_1")[1].unlink()
    add("train", "ISIC_2")[1].unlink()
    add("train", "ISIC_3")[0].write_bytes(b"")
    steps = []
    assert [(problem.file, problem.reason) for problem in reader().verify(lambda *step: steps.append(step))] == [
        ("ISIC-2017_Training_Data/ISIC_1.png", "image has no mask"),
        ("ISIC-2017_Training_Data/ISIC_2.png", "image has no mask"),
        ("ISIC-2017_Training_Data/ISIC_3.png", "is empty (0 bytes)"),
    ]
    assert steps == [(1, 1)]


def test_year_param_takes_numbers():
    """A config file may hold the year as a number."""
    assert params.build(IsicParams, {"year": 2018}, "data isic").year == "2018"
    with pytest.raises(segkit.UsageError, match="auto, 2016, 2017, 2018"):
        params.build(IsicParams, {"year": "2019"}, "data isic")


def test_recipe_is_a_valid_config():
    """Every field of the recipe exists and takes the value; the loss and metrics it names are installed."""
    resolved = config.resolve([config.Layer("recipe", IsicReader.recipe)], [])
    assert resolved.data.size == (128, 128)
    registry = discovery.Registry.discover()
    for loss in (resolved.components.loss or "").split("+"):
        assert registry.find("loss", loss.strip())
    assert [registry.find("metric", name).component.name for name in resolved.components.metrics] == ["dice", "iou"]


def test_report_config_is_the_published_one():
    """The shipped config resolves, and holds the report's hyper-parameters."""
    package, _, path = segkit_datasets()[0].configs["report"].partition(":")
    tables = tomllib.loads(resources.files(package).joinpath(path).read_text(encoding="utf-8"))
    assert tables.pop("format") == config.FORMAT
    network = discovery.Registry.discover().find("arch", "unet").component
    chosen = [config.ChosenParams("arch", "unet", network.params)]
    resolved = config.resolve([config.Layer("report", config.flatten(tables))], chosen)
    assert resolved.data.size == (767, 1022)
    assert (resolved.train.batch_size, resolved.train.epochs) == (4, 20)
    assert (resolved.train.optimizer, resolved.train.learning_rate) == ("adam", 1e-3)
    assert (resolved.train.schedule, resolved.train.weight_decay) == ("constant", 0.0)
    assert (resolved.train.gradient_clip, resolved.components.loss) == (None, "bce")
    assert resolved.augment == settings.Augment()
    layers = [config.Layer("recipe", IsicReader.recipe), config.Layer("report", config.flatten(tables))]
    over_recipe = config.resolve(layers, chosen)
    assert [name for name, source in over_recipe.sources.items() if source == "recipe"] == ["train.selection"]
    assert (resolved.params_of("arch", "unet").width, resolved.params_of("arch", "unet").norm) == (64, "none")


@pytest.mark.parametrize(("folder", "counts"), [("isic2017-small", (444, 60, 0)), ("isic2017-original", (38, 17, 0))])
def test_real_folders(folder, counts):
    """The official folders of the shared data are listed whole, and their pairs can be read."""
    if not (SHARED / folder).is_dir():
        pytest.skip(f"../shared/data/{folder} is not here")
    opened = IsicReader(SHARED / folder, IsicParams())
    assert tuple(len(opened.cases(split)) for split in ("train", "val", "test")) == counts
    sample = opened.read(opened.cases("val")[0])
    assert sample.mask is not None
    assert sample.image.shape == (3, *sample.mask.shape)
    assert 0 < sample.mask.mean() < 1


def test_orientations_that_sizes_do_not_tell(add, reader):
    """A photograph that EXIF turns by half beside a mask that says nothing is told; other photographs are not."""
    add("train", "ISIC_1")
    assert reader().remarks() == []
    exif = Image.Exif()
    exif[0x0112] = 3
    path, _ = add("train", "ISIC_2", exif=exif)
    [said] = reader().remarks()
    assert path.name in said
    assert "it is turned" in said
