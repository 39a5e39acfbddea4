"""What is said of images that are not like those of training."""

from __future__ import annotations

from segkit.jobs.another_place import SHOWN, shift_lines


def far_out(count):
    """So many figures that are far out."""
    return [{"what": f"figure {n}", "scored": [0, 9.5, 10], "trained": [1, 2, 3]} for n in range(count)]


def test_the_first_figures_are_named_and_the_others_counted():
    """Exactly as many as are shown leave none to count."""
    (line,) = shift_lines({"enough": True, "far_out": far_out(SHOWN + 2)})
    assert line.startswith("ANOTHER PLACE: these cases are not like those of training: figure 0 9.5 (training 1 to 3)")
    assert line.count("figure") == SHOWN
    assert line.endswith(", and 2 more")
    (line,) = shift_lines({"enough": True, "far_out": far_out(SHOWN)})
    assert "more" not in line


def test_nothing_is_said_where_nothing_is_far_out_or_known():
    """Too few patients are told."""
    assert shift_lines(None) == []
    assert shift_lines({"enough": True, "far_out": []}) == []
    (line,) = shift_lines({"enough": False, "patients": 2, "trained": 40})
    assert line == (
        "note: 2 scored and 40 training patients or cases are too few to tell whether these images are like those of "
        "training"
    )
