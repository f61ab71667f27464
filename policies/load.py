"""From a YAML file to a `Policy`: everything that can be wrong with one is found here.

Each problem is one line, `file:line: key: what is wrong; the nearest valid name`. All
problems of a file are reported at once. Nothing is guessed and nothing is dropped.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from policies.bars import Gate
from policies.bars import find_pointless as find_pointless_bars
from policies.bars import parse as parse_bar
from policies.comparisons import find_impossible, find_pointless, find_unquoted, rules_named
from policies.conditions import compile_condition, nearest
from policies.constraints import Scope
from policies.document import Document, Loc, PolicyError, read
from policies.globs import compile_glob
from policies.policy import Policy, PrivacyRules, Rule
from policies.reach import Line, findings, line
from policies.schema import (
    Budget,
    Check,
    Degrade,
    Escalate,
    NeverCloud,
    OtherwiseSpec,
    PolicySpec,
    RuleSpec,
)
from policies.variables import sample

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

log = logging.getLogger(__name__)

__all__ = ["SHIPPED", "PolicyError", "PolicyHolder", "find", "load", "parse", "proof_beside"]

SHIPPED = ("balanced", "local-first", "quality-first", "private", "observe")
RESERVED = frozenset(
    {
        "asked",
        "budget",
        "completion",
        "degrade",
        "escalate",
        "guard",
        "never_cloud",
        "observe",
        "otherwise",
        "provider_only",
        "safeguards",
        "unreadable",
    }
)
"""Names that decisions bear which no rule made."""

_MODELS: Mapping[str, type[BaseModel]] = {
    "rules": RuleSpec,
    "otherwise": OtherwiseSpec,
    "escalate": Escalate,
    "degrade": Degrade,
    "never_cloud": NeverCloud,
    "budget": Budget,
}


def load(name_or_path: str | Path) -> Policy:
    """Load a shipped policy by its name, or any by its path; its warnings are logged.

    Raises:
        PolicyError: there is no such policy, or it is wrong.
    """
    path, label = find(name_or_path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PolicyError((f"{label}: cannot be read: {error.strerror}",)) from error
    policy = parse(text, source=label)
    for warning in policy.warnings:
        log.warning("%s", warning)
    return policy


def parse(text: bytes | str, *, source: str) -> Policy:
    """Make a policy of YAML; `source` is what messages call the file.

    Raises:
        PolicyError: it is wrong.
    """
    document = read(text, source)
    try:
        spec = PolicySpec.model_validate(document.data)
    except ValidationError as error:
        raise PolicyError(tuple(_describe(item, document) for item in error.errors())) from error
    compiler = _Compiler(spec, document)
    policy = compiler.policy()
    if compiler.problems:
        raise PolicyError(tuple(compiler.problems))
    return policy


PolicyGuard = Callable[[str | Path, Policy], None]
Stamp = tuple[int, int]


class PolicyHolder:
    """The policy in use. A reload that fails keeps the last good one and says why in `error`."""

    def __init__(self, name_or_path: str | Path, *, guard: PolicyGuard | None = None) -> None:
        """Load it; the first one must be good.

        Args:
            name_or_path: A shipped policy's name, or a path.
            guard: Refuses, by `PolicyError`, a policy that may not serve.

        Raises:
            PolicyError: it is wrong, or there is none, or the guard refuses it.
        """
        self.name_or_path = name_or_path
        self.guard = guard
        self._stamp = self._stamps()
        self.policy = self._load()
        self.error = ""

    def reload(self) -> bool:
        """Load the file again; False where it is wrong and the last good policy stays."""
        self._stamp = self._stamps()
        try:
            self.policy = self._load()
        except PolicyError as error:
            self.error = str(error)
            return False
        self.error = ""
        return True

    def refresh(self) -> bool:
        """Load the file again if it or its proof changed since; True where a new policy is in use."""
        return self._stamps() != self._stamp and self.reload()

    def _load(self) -> Policy:
        policy = load(self.name_or_path)
        if self.guard:
            self.guard(self.name_or_path, policy)
        return policy

    def _stamps(self) -> tuple[Stamp | None, Stamp | None]:
        try:
            path = find(self.name_or_path)[0]
        except PolicyError:
            return None, None
        return _stamp(path), _stamp(proof_beside(path)) if self.guard else None


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


class _Compiler:
    """Compiles what the schema has let through; collects problems rather than stop at the first."""

    def __init__(self, spec: PolicySpec, document: Document) -> None:
        self._spec = spec
        self._document = document
        self._scope = Scope(sample=sample(spec.params))
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def policy(self) -> Policy:
        """Compile everything; good only while `problems` is empty."""
        spec = self._spec
        rules = tuple(self._rules())
        check = self._gate(spec.check)
        if spec.escalate and "turn_too_long" in spec.escalate.on and "max_turn_calls" not in spec.params:
            self._add_problem(("escalate", "on"), "'turn_too_long' needs the number params.max_turn_calls")
        if spec.escalate and spec.escalate.setbacks and spec.hold == "none":
            names = ", ".join(f"'{name}'" for name in sorted(spec.escalate.setbacks))
            self._add_problem(
                ("escalate",), f"{names} moves a turn that is held, and `hold: none` holds none"
            )
        return Policy(
            name=spec.name,
            description=spec.description.strip(),
            source=self._document.source,
            params=MappingProxyType(spec.params),
            rules=rules,
            otherwise=spec.otherwise,
            hold=spec.hold,
            hold_s=spec.hold_s,
            escalate=spec.escalate,
            degrade=spec.degrade,
            never_cloud=self._never_cloud(spec.never_cloud),
            budget=spec.budget,
            check=check,
            observe=spec.observe,
            warnings=tuple(self.warnings),
            variables=frozenset(name.partition(".")[0] for rule in rules for name in rule.when.names),
        )

    def _add_problem(self, loc: Loc, problem: str) -> None:
        self.problems.append(self._document.describe(loc, problem))

    def _add_warning(self, loc: Loc, problem: str) -> None:
        self.warnings.append(self._document.describe(loc, problem))

    def _rules(self) -> Iterator[Rule]:
        names: dict[str, int] = {}
        lines: list[Line] = []
        for at, rule in enumerate(self._spec.rules):
            before = len(self.problems)
            name = self._rule_name(at, rule, names)
            try:
                condition = compile_condition(rule.when, self._scope.sample)
            except ValueError as error:
                self._add_problem(("rules", at, "when"), find_unquoted(rule.when) or str(error))
                continue
            for problem in find_impossible(condition.tree, self._scope):
                self._add_problem(("rules", at, "when"), problem)
            if len(self.problems) == before:
                lines.append(line(at, name, condition, self._scope))
            yield Rule(name=name, when=condition, to=rule.to, why=rule.why)
        self._reachable(lines)
        self._pointless(lines, names)

    def _rule_name(self, at: int, rule: RuleSpec, names: dict[str, int]) -> str:
        name = rule.name or _slug(rule.why)
        if name in RESERVED:
            self._add_problem(
                ("rules", at), f"the name '{name}' is one that Turnout uses itself; choose another"
            )
        if name in names:
            self._add_problem(
                ("rules", at), f"the name '{name}' is that of rules[{names[name]}] too; choose another"
            )
        names.setdefault(name, at)
        return name

    def _reachable(self, lines: Sequence[Line]) -> None:
        """Refuse a rule that earlier ones leave nothing to, and one that is never or always true."""
        for finding in findings(lines, self._scope):
            loc: Loc = ("rules", finding.at, "when") if finding.when else ("rules", finding.at)
            (self._add_problem if finding.certain else self._add_warning)(loc, finding.text)

    def _pointless(self, lines: Sequence[Line], names: Mapping[str, int]) -> None:
        """Warn of what is in order and still does not do what it seems to."""
        for entry in lines:
            loc = ("rules", entry.at, "when")
            for problem in find_pointless(entry.condition.tree):
                self._add_warning(loc, problem)
            for rule in rules_named(entry.condition.tree):
                if rule and rule not in names and rule not in RESERVED:
                    hint = nearest(rule, [*names, *RESERVED])
                    self._add_warning(loc, f"no rule here is called '{rule}', as last.rule should be{hint}")

    def _gate(self, spec: Check) -> Gate:
        bars = []
        for metric, text in spec.written.items():
            try:
                bars.append(parse_bar(metric, text))
            except ValueError as error:
                self._add_problem(("check", metric), str(error))
        for metric, problem in find_pointless_bars(bars):
            self._add_problem(("check", metric), problem)
        return Gate(ci=spec.ci, bars=tuple(bars))

    def _never_cloud(self, spec: NeverCloud) -> PrivacyRules:
        paths = []
        for at, glob in enumerate(spec.paths):
            try:
                paths.append(compile_glob(glob))
            except ValueError as error:
                self._add_problem(("never_cloud", "paths", at), f"'{glob}' {error}")
        return PrivacyRules(paths=tuple(paths), patterns=spec.match, teams=spec.teams, opaque=spec.opaque)


def proof_beside(path: Path) -> Path:
    """Where the proof of a policy file lies."""
    return path.with_name(f"{path.stem}.check.json")


def find(name_or_path: str | Path) -> tuple[Path, str]:
    """Find the file, and what messages call it.

    Raises:
        PolicyError: there is none, or it cannot be looked at.
    """
    name = str(name_or_path)
    if name in SHIPPED:
        return Path(__file__).with_name(f"{name}.yaml"), f"{name}.yaml"
    path = Path(name_or_path)
    try:
        if path.is_file():
            return path, name
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise PolicyError((f"{name}: cannot be read: {error.strerror}",)) from error
    hint = nearest(path.name, list(SHIPPED))
    raise PolicyError((f"{name}: there is no such policy or file{hint}",))


_WORDS: Mapping[str, Callable[["ErrorDetails"], str]] = {
    "literal_error": lambda e: f"'{e['input']}' is not one of {e['ctx']['expected'].replace(' or ', ', ')}",
    "value_error": lambda e: str(e["ctx"]["error"]),
    "string_type": lambda e: f"must be text; put {e['input']!r} in quotes",
    "model_type": lambda _: "must be a mapping of keys to values",
    "dict_type": lambda _: "must be a mapping of keys to values",
    "tuple_type": lambda _: "must be a list; put it in [ ]",
}
"""What is wrong with a value, by pydantic's name for it; its own message for any other."""


def _describe(error: "ErrorDetails", document: Document) -> str:
    """Put one of pydantic's errors in the words of this file."""
    loc: Loc = tuple(part for part in error["loc"] if part != "[key]")
    within, last = loc[:-1], str(loc[-1]) if loc else ""
    if error["type"] == "extra_forbidden":
        model = _MODELS.get(str(loc[0]), PolicySpec) if within else PolicySpec
        hint = nearest(last, list(model.model_fields))
        return document.describe(within, f"unknown key '{last}'{hint}", key=last)
    if error["type"] == "missing":
        return document.describe(within, f"'{last}' is missing")
    if error["type"] == "invalid_key":
        return document.describe(within, f"the key {last} must be text", key=last)
    describe = _WORDS.get(error["type"])
    message = describe(error) if describe else f"{error['msg'][0].lower()}{error['msg'][1:]}"
    return document.describe(loc, message)


def _slug(why: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", why.lower()).strip("-")[:60].strip("-") or "rule"
