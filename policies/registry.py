"""The policies of teams and keys that have their own: loaded when they are first named, and watched.

One that turns bad stays as it last was. One that was never good keeps everything here: what
it would have fenced in is not known.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from policies.load import PolicyError, PolicyHolder, load
from policies.policy import Policy


class PolicyRegistry:
    """Policies by name or path; the empty name is the endpoint's own."""

    def __init__(self, own: PolicyHolder, report: Callable[[str, str], None]) -> None:
        """Take the endpoint's own policy; `report` is called with a name and its problem."""
        self._own = own
        self._report = report
        self._others: dict[str, PolicyHolder] = {}
        self._closed = load("private")
        self.errors: dict[str, str] = {}
        """What is wrong, by name."""

    def of(self, name: str) -> Policy:
        """Return the policy of this name or path."""
        if not name:
            return self._own.policy
        if holder := self._others.get(name):
            return holder.policy
        return replace(self._closed, name=f"{name[:150]} (cannot be loaded)")

    @property
    def holders(self) -> Mapping[str, PolicyHolder]:
        """What holds each that was loaded, by its name or path; the endpoint's own has the empty name."""
        return {"": self._own, **self._others}

    def all(self) -> list[Policy]:
        """Return all that are in use."""
        return [self._own.policy, *(holder.policy for holder in self._others.values())]

    def sync(self, names: Iterable[str]) -> bool:
        """Hold `names` and no others, as their files are now; True where anything changed."""
        required = set(names)
        changed = False
        for name in set(self._others) - required:
            del self._others[name]
            changed = True
        errors: dict[str, str] = {}
        for name in required:
            try:
                if name in self._others:
                    changed |= self._others[name].refresh()
                else:
                    self._others[name] = PolicyHolder(name, guard=self._own.guard)
                    changed = True
            except PolicyError as error:
                errors[name] = str(error)
            else:
                if self._others[name].error:
                    errors[name] = self._others[name].error
        for name, why in errors.items():
            if self.errors.get(name) != why:
                self._report(name, why)
        self.errors = errors
        return changed
