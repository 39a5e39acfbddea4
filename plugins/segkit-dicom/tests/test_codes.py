"""What segments are coded as: by classes.toml above the series, else tissue, with a warning."""

import logging

import pydicom
import pytest
from test_round_trip import TURNS, written

from segkit_dicom import prediction

CATEGORY_AND_TYPE = "SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence"


def coded(path):
    """By class the values of category and type, all of SNOMED CT."""
    found = {}
    for segment in pydicom.dcmread(path).SegmentSequence:
        if segment.SegmentLabel not in ("liver", "tumour"):
            continue  # the background of a label map
        codes = [getattr(segment, name)[0] for name in CATEGORY_AND_TYPE]
        assert {code.CodingSchemeDesignator for code in codes} == {"SCT"}
        found[segment.SegmentLabel] = tuple((code.CodeValue, code.CodeMeaning) for code in codes)
    return found


@pytest.mark.parametrize("form", ["dicom-seg", "dicom-labelmap"])
def test_segments_are_coded_as_the_classes_are_or_as_tissue_with_a_warning(tmp_path, form, caplog, monkeypatch):
    """A class without a code is named in the warning, with the line to write; one that has a code is not."""
    monkeypatch.setattr(prediction, "_told", set())
    (tmp_path / "classes.toml").write_text(
        'classes = ["liver", "tumour"]\n[codes]\nliver = "SCT:10200004:Liver"\n', encoding="utf-8"
    )
    with caplog.at_level(logging.WARNING, logger="segkit"):
        *_, path, _ = written(tmp_path, TURNS["axial"], form)
    found = coded(path)
    assert found["liver"][1] == ("10200004", "Liver")
    assert found["tumour"][0] == found["tumour"][1] == ("85756007", "Tissue")
    [told] = [record.getMessage() for record in caplog.records]
    assert told.startswith("no code is known of tumour: its segments are coded as tissue; give codes in classes.toml")
