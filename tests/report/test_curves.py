import io
import json
import math
from types import SimpleNamespace

import numpy as np
from PIL import Image

from segkit.report.curves import collect, curve_plots, loss_values
from segkit.report.style import DARK, LIGHT, figure_style, new_plot
from segkit.rundir.read import read_record


def test_losses_are_gathered_by_label(run_folder):
    """Sum, terms and validation loss are lines of their own with every epoch's value."""
    record = read_record(run_folder)
    lines = collect(record.history, loss_values)
    assert set(lines) == {"train", "train: bce", "train: dice", "validation"}
    assert lines["train"] == [(entry["epoch"], entry["loss"]) for entry in record.history]


def test_single_term_is_not_drawn_twice():
    """A loss of one term is that term."""
    assert set(loss_values({"epoch": 1, "loss": 0.5, "terms": {"dice": 0.5}})) == {"train", "validation"}


def test_undefined_values_are_left_out():
    """NaN and null leave a gap, the other epochs stay."""
    history = [{"epoch": 1, "loss": math.nan}, {"epoch": 2, "loss": 0.5}, {"epoch": 3, "loss": None}]
    assert collect(history, loss_values) == {"train": [(2, 0.5)]}


def test_no_history_has_no_plots(tmp_path, run_writer):
    """A run that was only scored has no curves."""
    folder = run_writer(tmp_path / "run", epochs=0)
    assert curve_plots(read_record(folder)) == []


def test_one_epoch_without_validation_is_drawn(tmp_path, run_writer):
    """A single point is visible: the figure is not a blank plot."""
    folder = run_writer(tmp_path / "run", epochs=1)
    (folder / "history.jsonl").write_text('{"epoch": 1, "loss": 0.5, "terms": {}}\n', encoding="utf-8")
    (plot,) = curve_plots(read_record(folder))
    pixels = np.asarray(Image.open(io.BytesIO(plot.png(LIGHT))).convert("RGB"))
    blue = (pixels == (0x00, 0x72, 0xB2)).all(axis=-1)
    assert blue.sum() > 50
    assert "0.500 in epoch 1" in plot.alt
    with figure_style(LIGHT):
        (axes,) = plot.draw(LIGHT).axes
        assert list(axes.get_xticks()) == [0, 1, 2]


def test_figures_repeat_bit_for_bit_and_hold_no_metadata(run_folder):
    """The same run gives the same bytes; neither program, time nor path is in them; names are no formulas."""
    plot = curve_plots(read_record(run_folder))[0]
    assert plot.png(LIGHT) == plot.png(LIGHT) == (run_folder / "figures" / "loss.png").read_bytes()
    image = Image.open(io.BytesIO(plot.png(DARK)))
    assert set(image.info) == {"dpi"}
    assert image.size == (720, 512)


def test_user_settings_of_matplotlib_do_not_reach_the_figures(run_folder):
    """A figure looks the same whatever the user's own style is, and leaves that style as it was."""
    import matplotlib

    plot = curve_plots(read_record(run_folder))[2]
    before = plot.png(LIGHT)
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False}):
        assert plot.png(LIGHT) == before
        assert matplotlib.rcParams["font.size"] == 30


def test_a_title_fits_beside_any_labels():
    """Long titles start at the figure's left edge, however wide the labels of the plot are, and end inside it."""
    record = SimpleNamespace(name="run", notice="generated sample: not real data")
    with figure_style(LIGHT):
        figure, axes = new_plot(record, "Ranks when cases are redrawn", LIGHT)
        axes.set_yticks([0, 1], ["a-model-with-long-name"] * 2)
        figure.canvas.draw()
        box = figure._suptitle.get_window_extent()
    assert box.x0 > 0
    assert box.x1 < figure.bbox.x1
    assert box.y1 < figure.bbox.y1
    assert box.y0 >= axes.get_window_extent().y1


def test_curves_say_on_how_many_cases_they_stand(tmp_path, run_writer):
    """The title says that 20 of 52 volumes were scored, a metric's label how many of its values are in no mean."""
    folder = run_writer(tmp_path / "run", epochs=1)
    counts = {"dice@store": {"n": 20, "failed": 0}, "hd95@store": {"n": 14, "failed": 6}}
    line = {"epoch": 1, "loss": 0.5, "terms": {}, "val": {"dice@store": 0.5, "hd95@store": 3.0}, "val_counts": counts}
    written = json.dumps({**line, "val_cases": {"scored": 20, "of": 52}})
    (folder / "history.jsonl").write_text(written + "\n", encoding="utf-8")
    plot = next(plot for plot in curve_plots(read_record(folder)) if plot.name == "validation")
    assert plot.alt.startswith("Validation during training on 20 of 52 cases by epoch. dice@store: 0.500")
    assert "hd95@store, finite only: 6 of 20 failed in the end: 3.000 in epoch 1" in plot.alt
