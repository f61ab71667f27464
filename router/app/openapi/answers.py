"""What answers look like, as far as a client may rely on it; further fields may stand beside these."""

from typing import Any, Literal, NotRequired, TypedDict

from policies.changes import Change
from policies.decision import Decision
from policies.explain import RuleLine
from router.app.model_catalog import Capability

Json = dict[str, Any]
Count = int


class Endpoint(TypedDict):
    """What is served here, and where."""

    service: Literal["turnout"]
    version: str
    api: str
    docs: str
    health: str
    dashboard: str
    ollama: str


class Hello(TypedDict):
    """A greeting."""

    message: Literal["hello"]


class PolicyHealth(TypedDict):
    """The endpoint's own policy."""

    name: str
    proof: str
    error: str
    warnings: NotRequired[list[str]]


class TeamPolicies(TypedDict):
    """How many policies of teams and keys serve, and how many files do not load."""

    loaded: Count
    failed: Count


class LedgerHealth(TypedDict):
    """Rows that could not be written."""

    lost: Count


class EmbeddingHealth(TypedDict):
    """What embeds texts; null where nothing does."""

    local: Json | None
    cloud: str | None


class Health(TypedDict):
    """State of both tracks, the policy and the ledger."""

    status: Literal["ok"]
    version: str
    local: Json
    embeddings: EmbeddingHealth
    cloud: Json
    policy: PolicyHealth
    team_policies: TeamPolicies
    ledger: LedgerHealth
    reading: Json


class Ready(TypedDict):
    """Whether a track can answer."""

    ready: bool


class Explanation(TypedDict):
    """Where a body would go, and why."""

    policy: str
    decision: Decision
    features: Json
    verdict: Json
    rules: list[RuleLine]
    changes: list[Change]
    privacy: list[Json]


class LastRequest(TypedDict):
    """Where a session's last request went."""

    track: str
    model: str
    rule: str
    why: str
    finished: bool


class Today(TypedDict):
    """Totals of the day; null where they are not known."""

    requests: Count
    cost_usd: float | None
    saved_usd: float | None


class Status(TypedDict):
    """A session's last request, and the caller's totals of today."""

    last: LastRequest | None
    today: Today


class OpenAIModel(TypedDict):
    """A model in OpenAI's form; sizes are left out where they are not known."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    description: str
    capabilities: list[Capability]
    context_length: NotRequired[Count]
    max_model_len: NotRequired[Count]
    context_window: NotRequired[Count]
    max_output_tokens: NotRequired[Count]


class OpenAIModels(TypedDict):
    """The models in OpenAI's form."""

    object: Literal["list"]
    data: list[OpenAIModel]


class AnthropicModel(TypedDict):
    """A model in Anthropic's form, for requests with `anthropic-version`."""

    id: str
    type: Literal["model"]
    display_name: str
    description: str
    created_at: str
    lifecycle: str
    capabilities: Json
    max_input_tokens: NotRequired[Count]
    max_tokens: NotRequired[Count]


class AnthropicModels(TypedDict):
    """A page of the models in Anthropic's form."""

    data: list[AnthropicModel]
    has_more: bool
    first_id: str | None
    last_id: str | None


class LMStudioModel(TypedDict):
    """A model in LM Studio's form."""

    id: str
    object: Literal["model"]
    type: Literal["llm", "vlm", "embeddings"]
    publisher: str
    arch: str
    compatibility_type: str
    quantization: str
    state: str
    capabilities: list[str]
    description: str
    max_context_length: NotRequired[Count]
    loaded_context_length: NotRequired[Count]


class LMStudioModels(TypedDict):
    """The models in LM Studio's form."""

    object: Literal["list"]
    data: list[LMStudioModel]


class GeminiModel(TypedDict):
    """A model in Gemini's form; sizes are left out where they are not known."""

    name: str
    displayName: str
    description: str
    supportedGenerationMethods: list[str]
    thinking: bool
    inputTokenLimit: NotRequired[Count]
    outputTokenLimit: NotRequired[Count]


class GeminiModels(TypedDict):
    """A page of the models in Gemini's form."""

    models: list[GeminiModel]
    nextPageToken: NotRequired[str]


class OllamaModel(TypedDict):
    """A model in Ollama's form."""

    name: str
    model: str
    modified_at: str
    size: Count
    digest: str
    details: Json
    description: str
    capabilities: list[Capability]
    context_length: NotRequired[Count]
    size_vram: NotRequired[Count]
    expires_at: NotRequired[str]


class OllamaModels(TypedDict):
    """The models in Ollama's form."""

    models: list[OllamaModel]


class OllamaShown(TypedDict):
    """One model in Ollama's form, with all that is known of it."""

    modelfile: str
    parameters: str
    template: str
    license: str
    details: Json
    model_info: Json
    capabilities: list[Capability]
    modified_at: str
    description: str


class OllamaVersion(TypedDict):
    """The version of Ollama whose API this is."""

    version: str


class OllamaName(TypedDict, total=False):
    """A model's name; `name` is what older clients say for `model`."""

    model: str
    name: str


class SignedForm(TypedDict):
    """A form of a page, with the token that the page gave it."""

    token: str


class LoginForm(TypedDict):
    """A login; `next` is the page to open afterwards."""

    key: str
    next: NotRequired[str]


class BudgetBalance(TypedDict):
    """A budget of a team, of one of its keys or of a policy, and what is spent of it in this period."""

    key: str | None
    policy: str | None
    per: str
    over: str
    since: float
    until: float
    limit_usd: float
    spent_usd: float


class TermsShown(TypedDict):
    """Limits; null is none."""

    policy: str | None
    budget_usd: float | None
    budget_per: str | None
    budget_over: str | None
    requests_per_minute: Count | None
    tokens_per_minute: Count | None
    models: list[str]


class TeamShown(TermsShown):
    """A team with its limits and what is spent of its budgets."""

    name: str
    created_at: float
    zone: str
    keys: Count
    balance: Json | None
    budgets: list[BudgetBalance]


class Teams(TypedDict):
    """All teams."""

    teams: list[TeamShown]


class KeyShown(TermsShown):
    """A key without its secret; times are seconds since 1970."""

    id: str
    team: str
    user: str
    name: str
    admin: bool
    created_at: float
    revoked_at: float | None
    expires_at: float | None


class Keys(TypedDict):
    """All keys, revoked ones too."""

    keys: list[KeyShown]


class IssuedKey(TypedDict):
    """A new key, with its secret, which is shown this once."""

    id: str
    key: str
    team: str
    user: str
    name: str
    admin: bool
    expires_at: float | None


class Revoked(TypedDict):
    """The id of the key that no longer serves."""

    revoked: str


class InputTokens(TypedDict):
    """Tokens of the prompt, as the model that would serve counts them."""

    input_tokens: Count


class ResponseInputTokens(InputTokens):
    """The same in the form of Responses."""

    object: Literal["response.input_tokens"]


class AnthropicMessage(TypedDict):
    """An answer of Anthropic Messages."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[Json]
    stop_reason: str | None
    stop_sequence: NotRequired[str | None]
    usage: NotRequired[Json | None]


class ChatChoice(TypedDict):
    """One answer to a conversation."""

    index: int
    message: Json
    finish_reason: str | None


class ChatCompletion(TypedDict):
    """An answer of Chat Completions."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: NotRequired[Json | None]


class Response(TypedDict):
    """An answer of Responses."""

    id: str
    object: Literal["response"]
    created_at: int
    status: str
    model: str
    output: list[Json]
    usage: NotRequired[Json | None]


class Compaction(TypedDict):
    """A conversation that the provider has compacted: what goes on from it sends `output` on."""

    id: str
    object: Literal["response.compaction"]
    created_at: int
    output: list[Json]
    usage: NotRequired[Json | None]


class CompletionChoice(TypedDict):
    """One completion."""

    index: int
    text: str
    finish_reason: str | None


class Completion(TypedDict):
    """An answer of Completions."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: NotRequired[Json | None]


class Infill(TypedDict):
    """An answer of llama.cpp's `/infill`."""

    content: str
    stop: NotRequired[bool]
    tokens_evaluated: NotRequired[Count]
    tokens_predicted: NotRequired[Count]


class OllamaAnswer(TypedDict):
    """An answer of Ollama's, whole; of a stream each line looks like it. Times are in ns."""

    model: str
    created_at: str
    message: NotRequired[Json]
    response: NotRequired[str]
    done: bool
    done_reason: NotRequired[str]
    prompt_eval_count: NotRequired[Count]
    eval_count: NotRequired[Count]
    total_duration: NotRequired[Count]


class Vector(TypedDict):
    """One text's vector: numbers, or little-endian 32-bit floats in base64."""

    object: Literal["embedding"]
    index: Count
    embedding: list[float] | str


class Vectors(TypedDict):
    """An answer of Embeddings."""

    object: Literal["list"]
    data: list[Vector]
    model: str
    usage: Json


class OllamaVectors(TypedDict):
    """An answer of Ollama's `/api/embed`."""

    model: str
    embeddings: list[list[float]]
    total_duration: Count
    load_duration: Count
    prompt_eval_count: Count


class OllamaVector(TypedDict):
    """An answer of Ollama's `/api/embeddings`."""

    embedding: list[float]


class LlamaVector(TypedDict):
    """One text's vector, as llama.cpp writes it."""

    index: Count
    embedding: list[list[float]]


class ServerSentEvent(TypedDict):
    """An event of a stream: its data is JSON as the dialect's owner describes it, and at the end `[DONE]`."""

    data: str
    event: NotRequired[str]


class GeminiCandidate(TypedDict):
    """What the model says: its parts, and why it ended."""

    content: Json
    index: int
    finishReason: NotRequired[str]


class GeminiAnswer(TypedDict):
    """An answer of Gemini's, whole; of a stream each object looks like it."""

    candidates: list[GeminiCandidate]
    modelVersion: str
    responseId: str
    usageMetadata: NotRequired[Json]


class GeminiTokens(TypedDict):
    """Tokens of the prompt, as the model that would serve counts them."""

    totalTokens: Count


class AnthropicErrorFields(TypedDict):
    """What went wrong, for programs and for people."""

    type: str
    message: str


class AnthropicError(TypedDict):
    """An error in Anthropic's form."""

    type: Literal["error"]
    error: AnthropicErrorFields
    request_id: NotRequired[str | None]


class OpenAIErrorFields(TypedDict):
    """What went wrong, for programs and for people."""

    message: str
    type: NotRequired[str | None]
    param: NotRequired[str | None]
    code: NotRequired[str | int | None]


class OpenAIError(TypedDict):
    """An error in OpenAI's form."""

    error: OpenAIErrorFields


class GeminiErrorFields(TypedDict):
    """What went wrong, for programs and for people."""

    code: int
    message: str
    status: str
    details: NotRequired[list[Json]]


class GeminiError(TypedDict):
    """An error in Gemini's form."""

    error: GeminiErrorFields


class OllamaError(TypedDict):
    """An error in Ollama's form."""

    error: str
