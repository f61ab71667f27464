"""The architecture's figures: that they are counted right, and that ours get no worse."""

from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks.research.source import (
    circles,
    count,
    depth,
    import_graph,
    loose_modules,
    place_graph,
    private_words,
    read,
)

ROOT = Path(__file__).parents[3]

PRIVATE_WORDS = 0.56
"""Per 1,000 lines, at most: the highest figure of nine well-kept code bases."""
LOOSE_MODULES = 4


@pytest.fixture(scope="module")
def modules():
    return read(ROOT)


def test_values_are_named_for_what_they_are(modules):
    bindings = private_words(modules)
    places = defaultdict(list)
    for item in bindings:
        places[item.file, item.name].append(str(item.line))
    listing = "\n".join(f"{file}: {name} {', '.join(at)}" for (file, name), at in sorted(places.items()))
    per_thousand = 1000 * len(bindings) / sum(module.lines for module in modules)
    assert per_thousand <= PRIVATE_WORDS, f"{per_thousand:.2f} per 1,000 lines; rename them:\n{listing}"


def test_router_has_few_loose_modules(modules):
    loose = loose_modules(modules)
    assert len(loose) <= LOOSE_MODULES, f"each belongs in a room: {', '.join(loose)}"


def test_no_two_modules_import_each_other(modules):
    assert circles(import_graph(modules)) == ()


SOURCE = {
    "router/__init__.py": "",
    "router/types.py": "import typing\nif typing.TYPE_CHECKING:\n    from router.errors import Wrong\n",
    "router/errors.py": "import router.types\n\n\nclass Wrong:\n    pass\n",
    "router/app/__init__.py": '"""The application."""\n',
    "router/app/serve.py": """\
from policies import decide
from router import errors


def serve(asked):
    '''Serve one.'''
    found = asked.some = decide.decide()
    try:
        return lambda one: one
    except ValueError as told:
        raise
    known(rest=1)
""",
    "policies/__init__.py": "",
    "policies/decide.py": "def decide():\n    '''Decide where one request goes.'''\n",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in SOURCE.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_figures_of_a_small_tree(tree):
    figures = count(tree)
    assert (figures.loose_modules, figures.rooms, figures.places) == (2, 1, 4)
    assert (figures.arrows, figures.depth) == (4, 3)
    assert (figures.place_circles, figures.module_circles) == (1, 1)
    assert (figures.short_docstrings, figures.docstrings) == (1, 2)
    assert figures.router_lines == sum(text.count("\n") for name, text in SOURCE.items() if "router" in name)


def test_bindings_count_and_uses_do_not(tree):
    names = [(item.name, item.line) for item in private_words(read(tree))]
    assert sorted(names) == [("asked", 5), ("found", 7), ("one", 9), ("some", 7), ("told", 10)]


def test_imports_are_of_the_module_that_is_named(tree):
    imports = import_graph(read(tree))
    assert imports["router.app.serve"] == {"policies.decide", "router.errors"}
    assert place_graph(imports)["router.app"] == {"policies", "router.errors"}


@pytest.mark.parametrize(
    ("graph", "longest"),
    [
        ({}, 0),
        ({"a": ""}, 1),
        ({"a": "bc", "b": "c", "c": ""}, 3),
        ({"a": "b", "b": "a", "c": ""}, 2),
        ({"a": "b", "b": "ca", "c": "d", "d": ""}, 4),
    ],
)
def test_depth_counts_each_member_of_a_circle(graph, longest):
    assert depth({name: frozenset(imported) for name, imported in graph.items()}) == longest
