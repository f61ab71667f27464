"""What the source is like, counted by parsing it: rooms, imports, function lengths, words, docstrings.

A place is a folder or a loose module directly in `router/`, or one of the packages beside it; the import
graph is the one between places. All imports count: inside functions, and under `TYPE_CHECKING`, too.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("router", "policies", "classifiers", "benchmarks")
PRIVATE_WORDS = frozenset(
    {
        "told",
        "tell",
        "asked",
        "found",
        "said",
        "seen",
        "shown",
        "held",
        "made",
        "one",
        "some",
        "known",
        "kept",
    }
    | {"wanted", "whole", "given", "rest"}
)
"""Names that say nothing about a value. Nine well-kept code bases bind 0 to 0.56 per 1,000 lines."""
SHORT_DOCSTRING = 4
"""Words. A docstring of no more repeats the name below it."""

Graph = Mapping[str, frozenset[str]]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A source file and its syntax tree."""

    name: str
    """Dotted, as it is imported; a package has the name of its folder."""
    file: Path
    """Relative to the tree."""
    lines: int
    tree: ast.Module


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A private word that is bound to a value."""

    file: Path
    line: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The figures of one tree."""

    loose_modules: int
    """Files directly in `router/`, apart from `__init__.py`."""
    rooms: int
    """Folders directly in `router/`."""
    places: int
    """Nodes of the import graph: the two above, and the packages beside `router/`."""
    depth: int
    """Places on the longest chain of imports; those in one circle count each."""
    arrows: int
    """Pairs of places of which the first imports the second."""
    place_circles: int
    """Pairs of places that import each other."""
    module_circles: int
    """Pairs of modules that import each other."""
    router_lines: int
    p95_function: int
    """Lines of a function, decorators left out: 95% are no longer."""
    private_words: float
    """Bindings of `PRIVATE_WORDS` per 1,000 lines of all packages."""
    short_docstrings: int
    """Of functions and classes, with at most `SHORT_DOCSTRING` words."""
    docstrings: int
    """Of functions and classes."""


def read(root: Path) -> tuple[Module, ...]:
    """Parse every module of our packages below `root`.

    Raises:
        FileNotFoundError: `root` has no `router/`.
    """
    if not (root / "router").is_dir():
        raise FileNotFoundError(f"{root}: no router/ in it")
    files = sorted(file for package in PACKAGES for file in (root / package).rglob("*.py"))
    return tuple(_module(root, file) for file in files)


def count(root: Path) -> Source:
    """Count the figures of the tree at `root`.

    Raises:
        FileNotFoundError: `root` has no `router/`.
    """
    modules = read(root)
    imports = import_graph(modules)
    places = place_graph(imports)
    router = [module for module in modules if module.file.parts[0] == "router"]
    loose = loose_modules(modules)
    lengths = sorted(_function_lengths(modules))
    docstrings = list(_docstrings(modules))
    lines = sum(module.lines for module in modules)
    return Source(
        loose_modules=len(loose),
        rooms=sum(place.startswith("router.") for place in places) - len(loose),
        places=len(places),
        depth=depth(places),
        arrows=sum(map(len, places.values())),
        place_circles=len(circles(places)),
        module_circles=len(circles(imports)),
        router_lines=sum(module.lines for module in router),
        p95_function=lengths[int(len(lengths) * 0.95)],
        private_words=round(1000 * len(private_words(modules)) / lines, 2),
        short_docstrings=sum(len(text.split()) <= SHORT_DOCSTRING for text in docstrings),
        docstrings=len(docstrings),
    )


def loose_modules(modules: tuple[Module, ...]) -> tuple[str, ...]:
    """Name the files directly in `router/`, apart from `__init__.py`."""
    loose = (module.file for module in modules if module.file.parent == Path("router"))
    return tuple(file.name for file in loose if file.name != "__init__.py")


def private_words(modules: tuple[Module, ...]) -> tuple[Binding, ...]:
    """List each binding of a private word: variables, parameters, attributes, functions, captures."""
    return tuple(
        Binding(file=module.file, line=line, name=name)
        for module in modules
        for node in ast.walk(module.tree)
        for name, line in _bound(node)
        if name in PRIVATE_WORDS
    )


def import_graph(modules: tuple[Module, ...]) -> Graph:
    """Map each module to those of ours that it imports."""
    names = frozenset(module.name for module in modules)
    return {module.name: frozenset(_imports(module.tree, names)) - {module.name} for module in modules}


def place_graph(imports: Graph) -> Graph:
    """Draw the modules of each place together; `router/__init__.py` is in none."""
    places: dict[str, set[str]] = {}
    for module, imported in imports.items():
        if module != "router":
            here = _place(module)
            there = {_place(name) for name in imported if name != "router"}
            places.setdefault(here, set()).update(there - {here})
    return {place: frozenset(imported) for place, imported in places.items()}


def circles(graph: Graph) -> tuple[Pair, ...]:
    """List the pairs that import each other."""
    pairs = ((name, other) for name in sorted(graph) for other in sorted(graph[name]))
    return tuple((name, other) for name, other in pairs if name < other and name in graph[other])


def depth(graph: Graph) -> int:
    """Count the nodes on the longest chain, where the members of a circle follow one another."""
    reach = {name: _reachable(graph, name) for name in graph}
    levels: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in levels:
            circle = {other for other in reach[name] if name in reach[other]} | {name}
            below = {other for member in circle for other in graph[member]} - circle
            levels[name] = len(circle) + max(map(level, below), default=0)
        return levels[name]

    return max(map(level, graph), default=0)


def _module(root: Path, file: Path) -> Module:
    text = file.read_text(encoding="utf-8")
    relative = file.relative_to(root)
    parts = relative.parent.parts if file.stem == "__init__" else relative.with_suffix("").parts
    return Module(name=".".join(parts), file=relative, lines=text.count("\n"), tree=ast.parse(text))


def _place(module: str) -> str:
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "router" else parts[0]


def _imports(tree: ast.Module, names: frozenset[str]) -> Iterator[str]:
    """Our modules that are imported; `from package import module` imports the module, not the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from (name for name in (inner if inner in names else node.module,) if name in names)


def _reachable(graph: Graph, start: str) -> frozenset[str]:
    reached: set[str] = set()
    queue = [start]
    while queue:
        for name in graph[queue.pop()] - reached:
            reached.add(name)
            queue.append(name)
    return frozenset(reached)


def _bound(node: ast.AST) -> Iterator[tuple[str, int]]:
    match node:
        case ast.Name(id=name, ctx=ast.Store(), lineno=line):
            yield name, line
        case ast.Attribute(attr=name, ctx=ast.Store(), lineno=line):
            yield name, line
        case ast.arg(arg=name, lineno=line):
            yield name, line
        case ast.FunctionDef(name=name, lineno=line) | ast.AsyncFunctionDef(name=name, lineno=line):
            yield name, line
        case ast.ExceptHandler(name=str(name), lineno=line):
            yield name, line
        case ast.MatchAs(name=str(name), lineno=line) | ast.MatchStar(name=str(name), lineno=line):
            yield name, line


def _function_lengths(modules: tuple[Module, ...]) -> Iterator[int]:
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield (node.end_lineno or node.lineno) - node.lineno + 1


def _docstrings(modules: tuple[Module, ...]) -> Iterator[str]:
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                text = ast.get_docstring(node)
                if text:
                    yield text
