"""Train the learned reading of an ask, and judge it on kinds of asks that it was not trained on.

Needs torch, which nothing else here does: `pip install torch`. The encoder's first layers are
trained further with the head; the word vectors stay as they are, in 4 bits.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from classifiers.ask_model import END, FORMAT, LAYERS, Pieces, Reading, tokens, vocabulary
from classifiers.ask_text import signs
from classifiers.placed_asks import SESSION, PlacedAsk

WIDTH, HEADS, QUERIES, HIDDEN = 384, 12, 4, 64
EPOCHS = 3
RATE, HEAD_RATE = 2e-4, 1e-3
"""Highest learning rates, of the encoder and of what is new above it."""
BATCH_TOKENS = 3_072
SMOOTHING = 0.03
"""Share of each label that is given to the other one: some labels are a matter of opinion."""
RELATION_WEIGHT = 1.0
"""How much it counts whether an ask goes on, beside whether it is self-contained."""
DROPPED = 0.1
"""Share of the pieces that are blanked while it trains, so that no single word decides."""
_WARM_UP = 50
_TINY = 1e-12

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One ask, cut and counted."""

    kind: str
    human: str
    pieces: Pieces
    signs: list[float]
    self_contained: bool
    goes_on: bool | None
    """Whether it goes on from the ask before it; None for a first ask."""


def examples(arrays: Arrays, asks: Iterable[PlacedAsk]) -> list[Example]:
    """Make the training rows.

    Args:
        arrays: Of the encoder; its vocabulary cuts the asks.
        asks: Labelled; `either` is left out.
    """
    tokenizer = vocabulary(arrays)
    return [
        Example(
            kind=ask.kind,
            human=ask.human,
            pieces=tokens(tokenizer, ask.text, ask.earlier),
            signs=signs(ask.text),
            self_contained=ask.label == "self-contained",
            goes_on=ask.relation == "goes-on" if ask.earlier else None,
        )
        for ask in asks
        if ask.label != "either"
    ]


class Layer(nn.Module):
    """As `ask_model` serves it."""

    def __init__(self, arrays: Arrays, number: int) -> None:
        super().__init__()
        self.attend, self.project, self.widen, self.narrow = (
            _dense(arrays, f"{number}.{name}") for name in ("attend", "project", "widen", "narrow")
        )
        self.norm1, self.norm2 = (_norm(arrays[f"{number}.{name}"]) for name in ("norm1", "norm2"))
        self.drop = nn.Dropout(0.1)

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Vectors of shape (rows, tokens, width), before and after; `bias` hides what is only padding."""
        rows, count, _ = hidden.shape
        mixed = self.attend(hidden).view(rows, count, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(mixed[0], mixed[1], mixed[2], attn_mask=bias)
        attended = attended.transpose(1, 2).reshape(rows, count, WIDTH)
        hidden = self.norm1(hidden + self.drop(self.project(attended)))
        wide = functional.gelu(self.widen(hidden), approximate="tanh")
        return self.norm2(hidden + self.drop(self.narrow(wide)))


class Network(nn.Module):
    """The encoder and the head, as `ask_model.AskModel` serves them.

    Args:
        arrays: Of the encoder.
        mean: Of each sign over the training rows.
        scale: The inverse of its deviation.
    """

    def __init__(self, arrays: Arrays, mean: torch.Tensor, scale: torch.Tensor) -> None:
        super().__init__()
        self.table, self.table_scale = (torch.tensor(arrays[name]) for name in ("table", "table.scale"))
        self.position = nn.Parameter(torch.tensor(arrays["position"]).float())
        self.earlier = nn.Parameter(torch.zeros(WIDTH))
        self.norm = _norm(arrays["norm"])
        self.layers = nn.ModuleList([Layer(arrays, number) for number in range(LAYERS)])
        self.query = nn.Linear(WIDTH, QUERIES, bias=False)
        self.mean, self.scale = mean, scale
        self.head = nn.Sequential(
            nn.Dropout(0.2),
            nn.Linear(WIDTH * (QUERIES + 1) + len(mean), HIDDEN),
            nn.GELU(approximate="tanh"),
            nn.Dropout(0.2),
            nn.Linear(HIDDEN, 2),
        )

    def forward(
        self, numbers: torch.Tensor, mask: torch.Tensor, before: torch.Tensor, form: torch.Tensor
    ) -> torch.Tensor:
        """Log-odds of shape (rows, 2): that an ask is self-contained, and that it goes on.

        `numbers`, `mask` (what is no padding) and `before` (what is of earlier asks) are of shape (rows,
        tokens), `form` of (rows, signs).
        """
        packed = self.table[numbers]
        values = torch.cat([packed & 15, packed >> 4], -1).float() - 8
        hidden = (values * self.table_scale[numbers].float()[..., None]).flatten(2)
        if self.training:
            hidden = hidden.masked_fill(torch.rand(numbers.shape)[..., None] < DROPPED, 0.0)
        hidden = hidden + self.position[: numbers.shape[1]] + before[..., None] * self.earlier
        hidden = self.norm(hidden)
        bias = torch.zeros(mask.shape).masked_fill(~mask, -1e9)[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, bias)
        weights = self.query(hidden).masked_fill(~mask[..., None], -1e9).softmax(1)
        pooled = torch.einsum("btq,btw->bqw", weights, hidden).flatten(1)
        average = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        inputs = torch.cat([pooled, average, (form - self.mean) * self.scale], -1)
        return self.head(inputs)


def train(
    arrays: Arrays,
    rows: Sequence[Example],
    *,
    epochs: int = EPOCHS,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Network:
    """Train on `rows`; the same rows and seed give the same numbers on the same machine."""
    torch.manual_seed(seed)
    chance = random.Random(seed)  # noqa: S311 -- order of batches, no secret
    form = torch.tensor([row.signs for row in rows])
    network = Network(arrays, form.mean(0), 1 / (form.std(0) + 1e-3))
    new = [*network.query.parameters(), *network.head.parameters()]
    ids = {id(parameter) for parameter in new}
    encoder = [parameter for parameter in network.parameters() if id(parameter) not in ids]
    optimizer = torch.optim.AdamW(
        [{"params": encoder, "lr": RATE}, {"params": new, "lr": HEAD_RATE}], weight_decay=0.01
    )
    steps = epochs * sum(1 for _ in _batches(rows, chance))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / _WARM_UP, max(0.02, 1 - step / steps))
    )
    network.train()
    for epoch in range(epochs):
        losses = []
        for batch in _batches(rows, chance):
            loss = _loss(network(*_tensors(batch)), batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        progress(f"epoch {epoch + 1} of {epochs}: loss {sum(losses) / len(losses):.3f}")
    network.eval()
    return network


def _loss(odds: torch.Tensor, batch: Sequence[Example]) -> torch.Tensor:
    """Cross entropy of both; an ask that is the first goes on from none, and only the other counts."""
    labels = torch.tensor([[float(row.self_contained), float(bool(row.goes_on))] for row in batch])
    weights = torch.tensor([[1.0, RELATION_WEIGHT * (row.goes_on is not None)] for row in batch])
    labels = labels * (1 - 2 * SMOOTHING) + SMOOTHING
    each = functional.binary_cross_entropy_with_logits(odds, labels, reduction="none")
    return (each * weights).sum() / len(batch)


def predict(network: Network, rows: Sequence[Example]) -> list[Reading]:
    """Judge each ask, in order."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index].pieces.numbers))
    judged = [Reading(0.0, 0.0)] * len(rows)
    with torch.no_grad():
        for at in range(0, len(order), 32):
            part = order[at : at + 32]
            odds = network(*_tensors([rows[index] for index in part]))
            for index, (here, goes_on) in zip(part, torch.sigmoid(odds).tolist(), strict=True):
                judged[index] = Reading(here, 0.0 if rows[index].goes_on is None else goes_on)
    return judged


def held_out(rows: Sequence[Example], folds: int) -> Iterator[tuple[list[Example], list[Example]]]:
    """Split by kind, so that each kind is judged by a model that never saw one of it.

    Yields:
        Rows to train on and rows to judge, `folds` times; each kind is judged once.
    """
    labels = {row.kind: row.self_contained for row in rows if row.kind != SESSION}
    kinds = sorted(labels, key=lambda kind: (labels[kind], kind))
    for fold in range(folds):
        left = set(kinds[fold::folds])
        yield [row for row in rows if row.kind not in left], [row for row in rows if row.kind in left]


def export(arrays: Arrays, network: Network, card: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Write the numbers as `AskModel` reads them: dense layers in 8 bits, a scale for each output."""
    numbers: dict[str, NDArray[Any]] = {
        name: np.asarray(arrays[name]) for name in ("pieces", "scores", "table", "table.scale")
    }
    described = json.dumps({"format": FORMAT, "layers": LAYERS, **card})
    numbers["card"] = np.frombuffer(described.encode(), np.uint8)
    numbers["earlier"] = network.earlier.detach().numpy().astype(np.float32)
    numbers["position"] = network.position.detach().numpy().astype(np.float16)
    numbers["norm"] = _pair(network.norm)
    for number, layer in enumerate(network.layers):
        for name in ("attend", "project", "widen", "narrow"):
            dense = getattr(layer, name)
            weights = dense.weight.detach().numpy().T
            scale = np.abs(weights).max(axis=0) / 127 + _TINY
            numbers[f"{number}.{name}"] = np.rint(weights / scale).astype(np.int8)
            numbers[f"{number}.{name}.scale"] = scale.astype(np.float32)
            numbers[f"{number}.{name}.bias"] = dense.bias.detach().numpy().astype(np.float32)
        numbers |= {f"{number}.{name}": _pair(getattr(layer, name)) for name in ("norm1", "norm2")}
    hidden, last = network.head[1], network.head[4]
    head = {
        "query": network.query.weight.T,
        "mean": network.mean,
        "scale": network.scale,
        "w1": hidden.weight.T,
        "b1": hidden.bias,
        "w2": last.weight.T,
        "b2": last.bias,
    }
    floats = {name: value.detach().numpy().astype(np.float32) for name, value in head.items()}
    return numbers | {f"head.{name}": value for name, value in floats.items()}


def _batches(rows: Sequence[Example], chance: random.Random) -> Iterator[list[Example]]:
    """Batches of about equally long asks, in chance order."""
    ordered = sorted(rows, key=lambda row: len(row.pieces.numbers) + 8 * chance.random())
    batches: list[list[Example]] = [[]]
    for row in ordered:
        if batches[-1] and len(row.pieces.numbers) * (len(batches[-1]) + 1) > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(row)
    chance.shuffle(batches)
    yield from batches


def _tensors(batch: Sequence[Example]) -> tuple[torch.Tensor, ...]:
    longest = max(len(row.pieces.numbers) for row in batch)
    numbers = torch.full((len(batch), longest), END)
    mask, before = (torch.zeros((len(batch), longest), dtype=torch.bool) for _ in range(2))
    for index, row in enumerate(batch):
        count = len(row.pieces.numbers)
        numbers[index, :count] = torch.tensor(row.pieces.numbers)
        mask[index, :count] = True
        before[index, row.pieces.own : count] = True
    return numbers, mask, before, torch.tensor([row.signs for row in batch])


def _dense(arrays: Arrays, name: str) -> nn.Linear:
    weights = torch.tensor(arrays[name].astype(np.float32))
    if f"{name}.scale" in arrays:
        weights = weights * torch.tensor(arrays[f"{name}.scale"])
    dense = nn.Linear(*weights.shape)
    dense.weight.data = weights.T.contiguous()
    dense.bias.data = torch.tensor(arrays[f"{name}.bias"].astype(np.float32))
    return dense


def _norm(pair: NDArray[Any]) -> nn.LayerNorm:
    norm = nn.LayerNorm(WIDTH, _TINY)
    norm.weight.data, norm.bias.data = (torch.tensor(values.astype(np.float32)) for values in pair)
    return norm


def _pair(norm: nn.LayerNorm) -> NDArray[Any]:
    return np.stack([norm.weight.detach().numpy(), norm.bias.detach().numpy()]).astype(np.float32)
