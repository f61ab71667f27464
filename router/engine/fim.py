"""Which tokens stand around the two texts that a completion is to stand between (fill in the middle, FIM).

A model's file names them (`tokenizer.ggml.fim_pre_token_id` and so on), or llama.cpp knows their spelling;
the families here are those whose tokens it does not know, or whose texts come in another order. Each was
trained on its own form: with another one it writes nonsense, so a model of no known form is refused.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Order = Literal["prefix first", "suffix first"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FimTokens:
    """The vocabulary's tokens for a completion between two texts."""

    prefix: int
    suffix: int
    middle: int | None
    """Where the completion begins; None where it follows what comes last."""
    order: Order = "prefix first"
    separator: int | None = None
    """Before each file of the same work; None where there is none."""
    repository: int | None = None
    """Before its name; None where there is none."""
    ends: frozenset[int] = frozenset()
    """Any of them ends a completion, beside the model's own ends."""

    def around(self, before: list[int], after: list[int]) -> list[int]:
        """Put the tokens around two texts."""
        texts = [[self.prefix, *before], [self.suffix, *after]]
        if self.order == "suffix first":
            texts.reverse()
        end = [] if self.middle is None else [self.middle]
        return [*texts[0], *texts[1], *end]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    prefix: str
    suffix: str
    middle: str
    order: Order = "prefix first"
    named: str = ""
    """Only where the model's name has this in it: others of the vocabulary were not trained for it."""


FAMILIES = (
    # Qwen2.5-Coder, CodeGemma, Granite 4 (arXiv 2409.12186, 2406.11409)
    _Family(prefix="<|fim_prefix|>", suffix="<|fim_suffix|>", middle="<|fim_middle|>"),
    # StarCoder and StarCoder2, Granite Code (arXiv 2402.19173)
    _Family(prefix="<fim_prefix>", suffix="<fim_suffix>", middle="<fim_middle>"),
    _Family(prefix="<fim-prefix>", suffix="<fim-suffix>", middle="<fim-middle>"),  # SantaCoder
    # DeepSeek-Coder (arXiv 2401.14196): the hole is where the suffix begins
    _Family(prefix="<｜fim▁begin｜>", suffix="<｜fim▁hole｜>", middle="<｜fim▁end｜>"),  # noqa: RUF001 - as it is
    _Family(prefix="▁<PRE>", suffix="▁<SUF>", middle="▁<MID>"),  # CodeLlama (arXiv 2308.12950)
    _Family(prefix="<|code_prefix|>", suffix="<|code_suffix|>", middle="<|code_middle|>"),  # GLM-4
    _Family(
        prefix="<[fim-prefix]>", suffix="<[fim-suffix]>", middle="<[fim-middle]>", order="suffix first"
    ),  # Seed-Coder (arXiv 2506.03524)
    # Codestral, as mistral-common writes it; all vocabularies of Mistral's have the tokens
    _Family(prefix="[PREFIX]", suffix="[SUFFIX]", middle="", order="suffix first", named="codestral"),
)
_SEPARATORS = ("<|file_sep|>", "<file_sep>", "<|file_separator|>")
_REPOSITORIES = ("<|repo_name|>", "<repo_name>", "<reponame>", "<fim-repo>")
_ENDS = ("<|fim_pad|>", "<fim_pad>", "<|endoftext|>", "▁<EOT>", "<EOT>")


NAMES = ("pre", "suf", "mid", "sep", "rep", "pad")
"""What llama.cpp calls the tokens: prefix, suffix, middle, file, repository, and padding."""
_TokenOf = Callable[[str], int | None]


def find_tokens(named: Mapping[str, int], token_of: _TokenOf, model: str) -> FimTokens | None:
    """Find a model's tokens.

    Args:
        named: by the model's file or by llama.cpp, for each of `NAMES`; -1 for none.
        token_of: the one control token that is spelled so; None where there is none.
        model: the name of the model in its file, in lower case.

    Returns:
        None where it has none.
    """
    tokens = next(_known(token_of, model), None)
    prefix, suffix, middle = (named[name] for name in ("pre", "suf", "mid"))
    if min(prefix, suffix, middle) >= 0:
        # The file says which tokens, and not their order: that is the family's.
        order = tokens.order if tokens and tokens.prefix == prefix else "prefix first"
        tokens = FimTokens(prefix=prefix, suffix=suffix, middle=middle, order=order)
    if tokens is None:
        return None
    separators, repositories = (
        [token for token in (named[name], *map(token_of, texts)) if token is not None and token >= 0]
        for name, texts in (("sep", _SEPARATORS), ("rep", _REPOSITORIES))
    )
    around = (tokens.prefix, tokens.suffix, tokens.middle, named["pad"], *map(token_of, _ENDS))
    return replace(
        tokens,
        separator=next(iter(separators), None),
        repository=next(iter(repositories), None),
        ends=frozenset(
            token for token in (*separators, *repositories, *around) if token is not None and token >= 0
        ),
    )


def _known(token_of: _TokenOf, model: str) -> Iterator[FimTokens]:
    for family in FAMILIES:
        prefix, suffix = token_of(family.prefix), token_of(family.suffix)
        middle = token_of(family.middle) if family.middle else None
        if prefix is None or suffix is None or (family.middle and middle is None):
            continue
        if family.named in model:
            yield FimTokens(prefix=prefix, suffix=suffix, middle=middle, order=family.order)
