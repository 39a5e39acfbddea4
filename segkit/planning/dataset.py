"""The dataset that was asked for: its component, params and folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segkit.config import ChosenParams, Layer, resolve
from segkit.data.dataset import DatasetReader
from segkit.data.roots import Root, find_root
from segkit.data.working_grid import PART_MODES, TILES
from segkit.declarations import Dataset
from segkit.discovery import Found, Joint
from segkit.errors import SegkitError
from segkit.planning.joint import open_joint
from segkit.planning.replaced import of_sections
from segkit.planning.strangers import check_params, check_root


@dataclass(frozen=True)
class ChosenDataset:
    """A dataset component with its params.

    Attributes:
        given_root: the folder asked for, None where it is to be looked for.
        given_by: the option, file or variable that named it.
        layers: all that was said of the data, the weakest first.
        parts: the datasets that are trained on together, where there are several.
    """

    full_name: str
    declaration: Dataset
    reader_class: Any
    params: Any
    given_root: str | None
    given_by: str
    layers: Sequence[Layer] = ()
    parts: Sequence[Found] = ()

    def open(self, tell: Callable[[str], None] | None = None) -> tuple[DatasetReader, Root]:
        """Find the data, generating a sample where there are none, and open them.

        Raises:
            SegkitError: they are not there, or a run directory or checkpoint leads to what the user has not named.
        """
        if self.parts:

            def open_one(part: Found, layers: Sequence[Layer]) -> tuple[DatasetReader, Root]:
                return choose_dataset(part, layers).open(tell)

            return open_joint(
                self.parts,
                self.given_root,
                self.given_by,
                self.layers,
                self.declaration.offered,
                open_one,
                evenly=self.params.deal == "evenly",
            )
        name, params = self.declaration.name, self.declaration.params
        root = find_root(self.full_name, self.given_root, self.given_by, self.reader_class, self.params, tell)
        check_root(root, self.given_root, self.layers, name)
        check_params([ChosenParams("data", name, params)], {("data", name): self.params}, self.layers, root.path)
        return self.reader_class(root.path, self.params), root


def choose_dataset(found: Found, layers: Sequence[Layer]) -> ChosenDataset:
    """Build the dataset's params from layers, weakest first, that speak of nothing but the data and the core.

    Raises:
        UsageError: a param or field that there is not, or a value that does not fit.
    """
    assert isinstance(found.component, Dataset)
    name = found.component.name
    config = resolve(layers, [ChosenParams("data", name, found.component.params)])
    source = config.sources.get("data.root", "")
    params, given = config.params_of("data", name), config.data.root
    parts = found.parts if isinstance(found, Joint) else ()
    return ChosenDataset(found.full_name, found.component, found.load(), params, given, source, layers, parts)


def about_data(layers: Sequence[Layer]) -> list[Layer]:
    """Return of layers what they say of the data."""
    return [of_sections(layer, ("data",)) for layer in layers]


def recipe_of(reader: DatasetReader, dataset: Dataset, mode: str) -> dict[str, Any]:
    """Return the recipe for one mode: what is said under the mode's name goes before what is said for all.

    Raises:
        SegkitError: the recipe has a part for a mode that the dataset does not declare.
    """
    common = {name: value for name, value in reader.recipe.items() if not isinstance(value, Mapping)}
    parts = {name: value for name, value in reader.recipe.items() if isinstance(value, Mapping)}
    unknown = sorted(set(parts) - set(dataset.offered))
    if unknown:
        raise SegkitError(
            f"dataset {dataset.name}: its recipe has a part for {', '.join(unknown)}, which is no mode of it",
            "report it to the dataset's author",
        )
    if mode == TILES and mode not in parts:  # a photograph is a photograph: what suits it whole is the nearest guess
        mode = next((name for name, dims in dataset.modes.items() if dims == 2 and name not in PART_MODES), mode)
    return common | dict(parts.get(mode, {}))
