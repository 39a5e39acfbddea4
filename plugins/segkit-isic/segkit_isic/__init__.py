"""ISIC skin lesion segmentation (2016, 2017, 2018 Task 1)."""
