"""The rooms of the package: the order of their imports, their stubs, and the public face."""

import ast
import importlib
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import colorlib

PACKAGE = Path(colorlib.__file__).parent
ROOMS = sorted(init.parent.name for init in PACKAGE.glob("*/__init__.py"))
PUBLIC_FACE = {"Colorizer", "Recipe", "Run", "TrainConfig", "color", "evaluate", "fit", "load", "load_weights", "metrics",
               "plots", "save_weights"}


def module_name(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}
# "colorlib.color.lab_to_rgb" -> "colorlib.color.lab", from the stubs of the rooms and of the package
DEFINED_IN = {f"{module_name(stub)}.{alias.name}": f"{module_name(stub)}.{node.module}"
              for stub in PACKAGE.rglob("__init__.pyi")
              for node in ast.walk(ast.parse(stub.read_text()))
              if isinstance(node, ast.ImportFrom) and node.module for alias in node.names}


def imported_names(module):
    """Full names that a module imports or uses through a room, anywhere: "colorlib.color.lab_to_rgb"."""
    names, rooms = set(), {}
    tree = ast.parse(MODULES[module].read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} has a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                names.add(name)
                if name in MODULES:
                    rooms[alias.asname or alias.name] = name
    names |= {f"{rooms[node.value.id]}.{node.attr}" for node in ast.walk(tree)
              if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in rooms}
    return {name for name in names if name.split(".")[0] == "colorlib"}


def module_of(name):
    """The module that defines a full name; the room itself if only the room is imported."""
    while name not in MODULES:
        name = DEFINED_IN.get(name, name.rpartition(".")[0])
    return name


def room_of(module):
    """The first part of the name below the package: a room, "cli", or "" for the package itself."""
    return [*module.split("."), ""][1]


DEPENDENCIES = {module: {module_of(name) for name in imported_names(module)} - {module} for module in MODULES}


def test_imports_between_rooms_have_an_order():
    """Imports inside functions count as well; graphlib raises a CycleError that names the rooms of a cycle."""
    graph = defaultdict(set)
    for module, imported in DEPENDENCIES.items():
        graph[room_of(module)] |= {room_of(other) for other in imported} - {room_of(module)}
    graph[""] |= set(ROOMS)                     # the package imports every room, if lazily
    order = list(TopologicalSorter(graph).static_order())
    assert set(order[:len(ROOMS)]) == set(ROOMS), "the package and the command line stand above all rooms"


@pytest.mark.parametrize("room", ROOMS)
def test_imports_between_the_files_of_a_room_have_an_order(room):
    graph = {module: {other for other in imported if room_of(other) == room and other != f"colorlib.{room}"}
             for module, imported in DEPENDENCIES.items() if room_of(module) == room}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("room", ["", *ROOMS])
def test_every_public_name_of_a_stub_exists(room):
    package = importlib.import_module(f"colorlib.{room}".rstrip("."))
    assert package.__all__ == sorted(package.__all__)
    for name in package.__all__:
        value = getattr(package, name)
        is_module = f"{package.__name__}.{name}" in MODULES
        assert not is_module or value.__name__ == f"{package.__name__}.{name}", f"{name} hides a module of its name"


def test_the_public_face():
    assert set(colorlib.__all__) >= PUBLIC_FACE
    assert set(dir(colorlib)) >= PUBLIC_FACE
