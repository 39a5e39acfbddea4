"""Parts that `train.freeze` and `train.rates` call by name."""

import pytest

from segkit import Task, components
from segkit.declarations import resolve
from segkit.params import build

DECLARED = {
    item.component.name: item.component
    for item in components("arch")
    if item.plugin.name == "segkit-monai" and item.component.parts
}


@pytest.mark.parametrize("name", sorted(DECLARED))
@pytest.mark.parametrize("dims", [2, 3])
def test_parts_are_modules_with_weights_of_their_own(name, dims):
    """Each module that is named is there, trains, and belongs to one part."""
    declared = DECLARED[name]
    params = build(declared.params, declared.small, name)
    network = resolve(declared.factory, name)(Task(1, ("a",), dims), params)
    seen = set()
    for modules in declared.parts.values():
        # Heads that are not in use are nothing but a name.
        weights = {id(weight) for module in modules for weight in network.get_submodule(module).parameters()}
        assert weights
        assert not weights & seen
        seen |= weights
