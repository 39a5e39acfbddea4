"""Files: read within bounds and checked, written whole or not at all, named by one function that leaves no folder."""

from __future__ import annotations

from segkit.files.locks import alone_in
from segkit.files.parts import new_part, remove_parts
from segkit.files.places import (
    expanded,
    home_folder,
    inside,
    is_file,
    is_folder,
    is_inside,
    name_the_user,
    own_folder,
    real,
)
from segkit.files.reading import (
    bytes_text,
    open_regular,
    parse_json,
    parse_toml,
    read_bytes,
    read_end,
    read_json,
    read_lines,
    read_rows,
    read_text,
    read_toml,
    reason_of,
)
from segkit.files.room import check_room
from segkit.files.shape import Either, Limited, check_shape
from segkit.files.tables import from_cell, to_cell, write_table
from segkit.files.tensors import TensorFile, read_tensor_file
from segkit.files.whole import whole_number
from segkit.files.writing import (
    json_text,
    sync_folder,
    whole_folder,
    without_non_finite,
    write_json,
    write_text,
    write_whole,
)

__all__ = [
    "Either",
    "Limited",
    "TensorFile",
    "alone_in",
    "bytes_text",
    "check_room",
    "check_shape",
    "expanded",
    "home_folder",
    "from_cell",
    "inside",
    "is_file",
    "is_folder",
    "is_inside",
    "json_text",
    "open_regular",
    "name_the_user",
    "new_part",
    "own_folder",
    "parse_json",
    "parse_toml",
    "read_bytes",
    "read_end",
    "read_json",
    "read_lines",
    "read_rows",
    "read_tensor_file",
    "read_text",
    "read_toml",
    "real",
    "reason_of",
    "remove_parts",
    "sync_folder",
    "to_cell",
    "whole_folder",
    "whole_number",
    "without_non_finite",
    "write_json",
    "write_table",
    "write_text",
    "write_whole",
]
