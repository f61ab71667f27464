"""One request for embeddings: what is asked for, and the answer as its client gets it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus

from policies.decision import Decision, TrackName
from router.system.time_slices import Pacing
from router.tracks.upstream_call import OutgoingRequest, UpstreamCall
from router.types import ModelRequest, Plan, Progress, Reply, TrackError, Usage
from router.wire.embedding_reply import Embeddings, encode_reply, shorten
from router.wire.embedding_request import EmbeddingRequest, Fields, other_fields, read_request
from router.wire.usage_observer import UsageObserver

NUMBER = 20
"""Bytes of a number in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingCall:
    """A request that is put to one model."""

    plan: Plan
    track: TrackName
    model: str
    request: EmbeddingRequest
    other_fields: Fields
    """What the client asks for beyond that, as it came."""
    observer: UsageObserver

    @classmethod
    def of(cls, plan: Plan, decision: Decision, progress: Progress) -> "EmbeddingCall":
        """Read the request, and have `progress` follow it.

        Raises:
            BadRequest: names the field and the remedy.
        """
        dialect, body = plan.request.dialect, plan.request.body
        progress.model, progress.tap = decision.model, UsageObserver(decision.model)
        return cls(
            plan=plan,
            track=decision.track,
            model=decision.model,
            request=read_request(dialect, body),
            other_fields=other_fields(dialect, body),
            observer=progress.tap,
        )

    def upstream(self, dropped: Iterable[str] = ()) -> UpstreamCall:
        """The same, for what makes replies; `dropped` names what the model lacks of what was asked for."""
        return UpstreamCall(
            track=self.track,
            plan=self.plan,
            model=self.model,
            request=OutgoingRequest(body=b"", dropped=tuple(dropped)),
            observer=self.observer,
        )

    async def reply(self, embeddings: Embeddings, pacing: Pacing, dropped: Iterable[str] = ()) -> Reply:
        """Write the answer, and note what was used.

        Raises:
            BadRequest: the vectors have fewer numbers than were asked for.
        """
        embeddings = shorten(embeddings, self.request.dimensions)
        observer = self.observer
        observer.usage = embeddings.usage
        observer.started = observer.complete = True
        if embeddings.usage is None:
            embeddings = replace(embeddings, usage=Usage(input=self.plan.features.context_tokens))
        size = sum(map(len, embeddings.vectors)) * NUMBER
        dialect = self.plan.request.dialect
        body = await pacing.call(size, encode_reply, dialect, self.request, self.model, embeddings)
        if embeddings.cut:
            texts = "texts" if embeddings.cut > 1 else "text"
            dropped = (*dropped, f"the end of {embeddings.cut} too long {texts}")
        return self.upstream(dropped).document(body)


class EmbeddingTrack:
    """What both tracks of embeddings have in common."""

    def usable(self, request: ModelRequest) -> bool:  # noqa: ARG002 - as the protocol has it
        """See `router.types.Track`; nobody is moved here from elsewhere."""
        return False

    async def count(self, plan: Plan) -> int:  # noqa: ARG002 - as above
        """See `router.types.Track`; no client counts before it embeds."""
        raise TrackError("nothing is counted here", cause="unsupported", status=HTTPStatus.BAD_REQUEST)
