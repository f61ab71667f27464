"""An answer and its tests, each in a process of its own: `serve` runs the one, `examine` the other.

It stands alone, with nothing but the standard library, because its text is handed to the sandbox.

- The tests call the answer's function through a channel. Only arguments reach the answer: no test, no
  expected value, no word that would mean success. Whatever it changes, it changes in its own process.
- What comes back is data, and is made into plain built-in values here: a list that says it equals
  everything becomes a list. An object of the answer's own is a `Remote`, which compares with nothing.
- The answer cannot end the tests: its exit is an error, and so are `StopIteration` and `AssertionError`.
"""

import builtins
import contextlib
import importlib
import json
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, NoReturn

LONGEST = 32 * 2**20
"""Bytes of one message."""
SAFE_INTEGER = 2**53
"""Larger ones travel in hexadecimal: Python limits how many decimal digits it reads."""
_LAST_WORDS = 500

Tree = Any
"""What JSON can hold."""


class AnswerFailed(Exception):
    """The answer broke, or sent what is no value."""


class Channel:
    """Messages as lines of JSON, over two pipes."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads = os.fdopen(reads, "rb")
        self._writes = os.fdopen(writes, "wb", buffering=0)

    def send(self, message: Tree) -> None:
        """Write a message as a line of JSON."""
        left = memoryview(json.dumps(message).encode() + b"\n")
        while left:
            left = left[self._writes.write(left) or 0 :]

    def receive(self) -> Tree:
        """Read a message; None where the other side is gone.

        Raises:
            ValueError: it is not JSON.
        """
        line = self._reads.readline(LONGEST)
        return json.loads(line) if line.endswith(b"\n") else None


def encode(value: Any, refer: Callable[[Any], Tree]) -> Tree:
    """Write a value by the built-in type that it is, or is derived from; others as `refer` says."""

    def each(items: Any) -> list[Tree]:
        return [encode(item, refer) for item in items]

    if value is None or value is True or value is False:
        return value
    for kind, write in _WRITERS.items():
        if isinstance(value, kind):
            return write(value, each)
    return refer(value)


def decode(tree: Tree, resolve: Callable[[str, Any], Any]) -> Any:
    """Make plain values of what was sent; `resolve` is asked for tags that are no value's.

    Raises:
        AnswerFailed: it is none of ours.
    """
    if not isinstance(tree, list):
        if isinstance(tree, dict):
            raise AnswerFailed("sent what is no value")
        return tree
    try:
        tag, *parts = tree
        if tag in _MADE:
            return _MADE[tag]([decode(item, resolve) for item in parts[0]])
        if tag == "d":
            return {decode(key, resolve): decode(item, resolve) for key, item in parts[0]}
        if tag in _PLAIN:
            return _PLAIN[tag](*parts)
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise AnswerFailed("sent what is no value") from error
    return resolve(tag, parts[0] if parts else None)


Each = Callable[[Any], list[Tree]]
"""Writes the items of an iterable."""

_WRITERS: dict[Any, Callable[[Any, Each], Tree]] = {
    str: lambda value, _: value,
    float: lambda value, _: value,
    int: lambda value, _: int(value) if abs(value) < SAFE_INTEGER else ["i", hex(value)],
    list: lambda value, each: ["l", each(value)],
    tuple: lambda value, each: ["t", each(value)],
    frozenset: lambda value, each: ["f", each(value)],
    set: lambda value, each: ["s", each(value)],
    type({}.keys()): lambda value, each: ["s", each(value)],
    type({}.items()): lambda value, each: ["s", each(value)],
    dict: lambda value, each: ["d", [each(pair) for pair in value.items()]],
    bytes: lambda value, _: ["b", value.hex()],
    bytearray: lambda value, _: ["b", value.hex()],
    complex: lambda value, _: ["c", value.real, value.imag],
    range: lambda value, _: ["r", value.start, value.stop, value.step],
    Fraction: lambda value, _: ["F", str(value)],
    Decimal: lambda value, _: ["D", str(value)],
}
_MADE: dict[str, Callable[[list[Any]], Any]] = {"l": list, "t": tuple, "f": frozenset, "s": set}
_PLAIN: dict[str, Callable[..., Any]] = {
    "i": lambda text: int(text, 16),
    "b": bytes.fromhex,
    "c": complex,
    "r": range,
    "F": Fraction,
    "D": Decimal,
}


# The answer's side.


class _Server:
    """Calls what the answer defines, for the tests."""

    def __init__(self, names: dict[str, Any], channel: Channel) -> None:
        self._names = names
        self._channel = channel
        self._objects: list[Any] = []

    def run(self) -> None:
        """Answer until the tests are through."""
        while (request := self._channel.receive()) is not None:
            try:
                reply = self._reply(*request)
            except BaseException as error:  # whatever the answer raises, `SystemExit` too, is its result
                reply = ["error", type(error).__name__, str(error)[:_LAST_WORDS]]
            self._channel.send(reply)

    def _reply(self, verb: str, target: Tree, *more: Tree) -> Tree:
        thing = decode(target, self._resolve)
        arguments = [decode(tree, self._resolve) for tree in more]
        if verb == "next":
            for item in thing:
                return ["value", encode(item, self._refer)]
            return ["end"]
        if verb == "set":
            setattr(thing, *arguments)
            return ["value", None]
        value = getattr(thing, arguments[0]) if verb == "get" else thing(*arguments[0], **arguments[1])
        return ["value", encode(value, self._refer)]

    def _resolve(self, tag: str, which: Any) -> Any:
        return self._names[which] if tag == "n" else self._objects[which]

    def _refer(self, value: Any) -> Tree:
        if isinstance(value, type({}.values())):
            value = iter(value)
        self._objects.append(value)
        return ["g" if isinstance(value, Iterator) else "o", len(self._objects) - 1]


def serve(*, source: str, pipes: tuple[int, int]) -> NoReturn:
    """Run an answer as a module, and then do as the tests ask."""
    channel = Channel(*pipes)
    # A module of its own, so that its `__main__` block stays asleep and its dataclasses find their names.
    module = sys.modules["answer"] = types.ModuleType("answer")
    try:
        exec(compile(source, "answer.py", "exec"), module.__dict__)  # noqa: S102 - what it is for
    except BaseException as error:  # as above
        channel.send(["error", type(error).__name__, str(error)[:_LAST_WORDS]])
    else:
        channel.send(["value", None])
        _Server(module.__dict__, channel).run()
    os._exit(0)  # threads left behind do not hold it up


# The tests' side.


class Remote:
    """Something of the answer's: it can be called, read and set, and never be compared or be true."""

    __slots__ = ("_client", "_target")
    __hash__: ClassVar[None] = None  # type: ignore[assignment] # no two are the same

    def __init__(self, client: "Client", target: Tree) -> None:
        object.__setattr__(self, "_client", client)
        object.__setattr__(self, "_target", target)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it, with values or with what else is the answer's."""
        return self._client.ask("call", self._target, arguments, named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._client.ask("get", self._target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._client.ask("set", self._target, name, value)

    def __bool__(self) -> NoReturn:
        raise AnswerFailed("returned an object of its own, which is no value")

    def __eq__(self, other: object) -> NoReturn:
        raise AnswerFailed("returned an object of its own, which is no value")

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__


class RemoteIterator(Remote):
    """One that the answer returned: its items come as they are asked for."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._client.ask("next", self._target)


class Client:
    """The examiner's side: calls the answer's function."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._result("import")

    def ask(self, verb: str, target: Tree, *arguments: Any) -> Any:
        """Have the answer do something, and return the value that it sends."""
        self._channel.send([verb, target, *(encode(argument, _refer) for argument in arguments)])
        return self._result(verb)

    def _result(self, verb: str) -> Any:
        try:
            reply = self._channel.receive()
        except (ValueError, RecursionError) as error:
            raise AnswerFailed("sent what is no value") from error
        if reply is None:
            raise AnswerFailed("ended before its tests did")
        match reply:
            case ["value", tree]:
                return decode(tree, self._resolve)
            case ["error", str(name), str(words)]:
                raise _raised(name, words)
            case ["end"] if verb == "next":  # elsewhere it would end a loop of the tests' own
                raise StopIteration
        raise AnswerFailed("sent what is no value")

    def _resolve(self, tag: str, which: Any) -> Any:
        kinds = {"o": Remote, "g": RemoteIterator}
        if tag not in kinds:
            raise AnswerFailed("sent what is no value")
        return kinds[tag](self, [tag, which])


def _refer(value: Any) -> Tree:
    if isinstance(value, Remote):
        return object.__getattribute__(value, "_target")
    raise AnswerFailed(f"a test hands over a {type(value).__name__}, which cannot be sent")


def _raised(name: str, words: str) -> Exception:
    """What the answer raised, where a test may expect it."""
    kind = getattr(builtins, name, None)
    # These would end a test's loop early, or look like its own.
    apart = (StopIteration, StopAsyncIteration, AssertionError)
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, apart):
        with contextlib.suppress(TypeError):  # one that needs more than words
            return kind(words)
    return AnswerFailed(f"{name}: {words}" if words else name)


def examine(*, entry: str, stub: str, tests: str, pipes: tuple[int, int], proof: str) -> NoReturn:
    """Run the tests, and write `proof` to the standard output when all are through."""
    status = 1
    try:
        client = Client(Channel(*pipes))
        module = sys.modules["tests"] = types.ModuleType("tests")
        names = module.__dict__
        exec(compile(stub, "stub.py", "exec"), names)  # noqa: S102 - helpers that tests use
        names[entry] = Remote(client, ["n", entry])
        code = compile(tests, "tests.py", "exec")
        for name in _names(code) - names.keys() - set(dir(builtins)):
            is_module = name in sys.stdlib_module_names
            names[name] = importlib.import_module(name) if is_module else Remote(client, ["n", name])
        exec(code, names)  # noqa: S102 - what it is for
    except AnswerFailed as error:
        print(error, file=sys.stderr)
    except BaseException:  # the tests' own end, whatever it is, is not the end of all of them
        traceback.print_exc()
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.flush()
    if not status:
        os.write(1, proof.encode())
    os._exit(status)


def _names(code: types.CodeType) -> set[str]:
    """Names that code uses which are not its functions' own; attributes' are among them."""
    inner = (each for each in code.co_consts if isinstance(each, types.CodeType))
    return {*code.co_names, *(name for each in inner for name in _names(each))}
