"""The models that a client may ask for: what each name means here, how much it reads, and what it can do.

Three names are ours: `auto`, `local` and `cloud`; beside them stand the names of the models behind them.
What is not known is left out of a list, never guessed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from policies.decide import named_track, untagged
from policies.decision import TrackName
from router.tracks.server_abilities import Ability

Capability = Ability | Literal["embedding"]
"""`insert` is the completion of code between a beginning and an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """One name, and what stands behind it. Sizes in tokens, 0 where unknown."""

    name: str
    track: TrackName | Literal[""]
    """Where it is answered; empty where the policy decides."""
    served: str
    """The model that answers; empty where that is not known."""
    description: str
    """What asking for it means here, for a person."""
    context: int = 0
    output: int = 0
    """The longest answer."""
    capabilities: tuple[Capability, ...] = ("completion", "tools")

    @property
    def embeds(self) -> bool:
        """Whether it embeds texts, and writes none."""
        return "embedding" in self.capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """What is known of the local model."""

    name: str = ""
    context: int = 0
    capabilities: tuple[Capability, ...] = ("completion", "tools")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingModel:
    """A model that embeds texts, and writes none."""

    name: str
    track: TrackName
    context: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything that a list is made of."""

    local: LocalModel
    cloud: str
    """The configured model of the provider's."""
    own_name: Callable[[str], str]
    """What the provider is asked for where a client names a model of its; empty for any other name."""
    row: Callable[[str], Mapping[str, Any]]
    """What the table of models has on a name of the provider's; empty where it has nothing."""
    embedders: tuple[EmbeddingModel, ...] = ()

    def list(self) -> tuple[ListedModel, ...]:
        """The names to show, `auto` first."""
        names = ["auto", "local", "cloud", self.cloud, self.local.name]
        names += [model.name for model in self.embedders]
        return tuple(self.find(name) for name in dict.fromkeys(names) if name)

    def find(self, name: str) -> ListedModel:
        """What any name means, in any spelling that a request may have; an unknown one means `auto`."""
        track = named_track(name, self.local.name)
        for embedder in self.embedders:
            if not track and name.removesuffix(":latest") == embedder.name:
                return self._embedder(embedder, name)
        if track == "local":
            return self._local(name)
        model = self.own_name(name) or (self.cloud if self.cloud in (name, untagged(name)) else "")
        if track == "cloud":
            model = model or self.cloud
            return self._cloud(name, model, f"always the cloud model, {model}")
        if model:
            return self._cloud(name, model, f"where the policy decides for the cloud, {model}", track="")
        return self._auto(name)

    def _embedder(self, model: EmbeddingModel, name: str) -> ListedModel:
        return ListedModel(
            name=name,
            track=model.track,
            served=model.name,
            description=f"embeds texts, {'on this machine' if model.track == 'local' else 'at the provider'}",
            context=model.context,
            capabilities=("embedding",),
        )

    def _local(self, name: str) -> ListedModel:
        local = self.local
        return ListedModel(
            name=name,
            track="local",
            served=local.name,
            description=f"always the local model, {local.name or 'whatever its server calls it'}",
            context=local.context,
            capabilities=local.capabilities,
        )

    def _cloud(
        self, name: str, model: str, description: str, *, track: TrackName | Literal[""] = "cloud"
    ) -> ListedModel:
        row = self.row(model)
        can: tuple[tuple[Capability, str], ...] = (
            ("vision", "supports_vision"), ("thinking", "supports_reasoning"),
        )  # fmt: skip
        return ListedModel(
            name=name,
            track=track,
            served=model,
            description=description,
            context=tokens_of(row.get("max_input_tokens")),
            output=tokens_of(row.get("max_output_tokens")),
            capabilities=("completion", "tools", *(word for word, column in can if row.get(column))),
        )

    def _auto(self, name: str) -> ListedModel:
        """What is too long for the local model may go to the cloud, so that the larger window is told."""
        cloud = self._cloud(name, self.cloud, "the policy decides between the local and the cloud model")
        return replace(cloud, track="", served="", context=max(cloud.context, self.local.context))


def tokens_of(value: Any) -> int:
    """A size as the table of models has it; 0 where it has none."""
    return value if type(value) is int and value > 0 else 0
