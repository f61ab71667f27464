"""Whose model is asked for, and where it may be asked for."""

import pytest
from yarl import URL

from policies.decide import Decision, claude_model
from router.settings import CloudSettings
from router.tracks import providers

GEMINI = {"dialect": "litellm", "model": "gemini/gemini-2.5-pro"}
ROUTED = {"dialect": "litellm", "model": "openrouter/anthropic/claude-sonnet-4.5"}
GPT = {"dialect": "openai", "model": "gpt-5.5"}
BEDROCK = {"dialect": "litellm", "model": "bedrock/anthropic.claude-a"}
DEEPSEEK = {"dialect": "litellm", "model": "deepseek/deepseek-chat"}
MISTRAL = {"dialect": "litellm", "model": "mistral/mistral-large-latest"}
QWEN = {"dialect": "openai", "model": "qwen3-coder", "base_url": "http://gpu.example/v1"}


@pytest.mark.parametrize(
    ("configured", "asked", "sent"),
    [
        ({}, "claude-opus-5-5", "claude-opus-5-5"),
        ({}, "anthropic/claude-opus-5-5", "claude-opus-5-5"),
        ({}, "openrouter/anthropic/claude-opus-5-5", "claude-opus-5-5"),
        ({}, "gpt-5.5", "claude-sonnet-5-5"),
        ({}, "gemini/gemini-2.5-pro", "claude-sonnet-5-5"),
        ({"model": "glm-4.6", "base_url": "https://other.example"}, "claude-opus-5-5", "glm-4.6"),
        (GPT, "gpt-5-mini", "gpt-5-mini"),
        (GPT, "openai/o3", "o3"),
        (GPT, "claude-opus-5-5", "gpt-5.5"),
        (GPT, "octopus-1", "gpt-5.5"),
        (GPT, "gpt-oss:120b-cloud", "gpt-5.5"),
        (GPT, "gpt-oss:20b", "gpt-5.5"),
        (GPT, "GPT-5-mini:latest", "gpt-5-mini"),
        (GPT, "gpt-5-mini:7b", "gpt-5.5"),
        (GPT, "gpt-5-mini:latest[1m]", "gpt-5-mini[1m]"),
        (DEEPSEEK, "deepseek-r1:7b", "deepseek/deepseek-chat"),
        (DEEPSEEK, "deepseek-r1:7", "deepseek/deepseek-chat"),
        (DEEPSEEK, "deepseek-reasoner:latest", "deepseek/deepseek-reasoner"),
        (MISTRAL, "mistral-nemo:12b-instruct", "mistral/mistral-large-latest"),
        ({}, "CLAUDE-OPUS-5-5", "claude-opus-5-5"),
        ({}, "anthropic.claude-opus-5-5", "claude-opus-5-5"),
        ({}, "claude-opus-5-5:LATEST", "claude-opus-5-5"),
        ({}, "claude-opus-5-5:7b", "claude-opus-5-5"),
        ({}, "claude-opus-5-5:latest[1m]", "claude-opus-5-5[1m]"),
        ({}, "evil/claude-../x", "claude-sonnet-5-5"),
        (QWEN, "gpt-5.5", "qwen3-coder"),
        (QWEN, "claude-opus-5-5", "qwen3-coder"),
        (GEMINI, "claude-opus-5-5", "gemini/gemini-2.5-pro"),
        (GEMINI, "anthropic/claude-opus-5-5", "gemini/gemini-2.5-pro"),
        (GEMINI, "openai/gpt-5.5", "gemini/gemini-2.5-pro"),
        (GEMINI, "gemini-2.5-flash", "gemini/gemini-2.5-flash"),
        (GEMINI, "gemini/gemini-2.5-flash", "gemini/gemini-2.5-flash"),
        (GEMINI, "gemini-x:batchGenerate?key=1", "gemini/gemini-2.5-pro"),
        (GEMINI, "gemini-x/../../files", "gemini/gemini-2.5-pro"),
        (ROUTED, "claude-opus-5-5", "openrouter/anthropic/claude-opus-5-5"),
        (ROUTED, "gpt-5.5", "openrouter/anthropic/claude-sonnet-4.5"),
        ({"dialect": "litellm", "model": "groq/llama-3.3"}, "claude-opus-5-5", "groq/llama-3.3"),
        ({"dialect": "litellm", "model": "openai/gpt-5"}, "gpt-5.5", "openai/gpt-5.5"),
        ({"dialect": "litellm", "model": "anthropic/x"}, "claude-a", "anthropic/claude-a"),
        (BEDROCK, "claude-b", BEDROCK["model"]),
        (BEDROCK, "anthropic.claude-b:7b", "bedrock/anthropic.claude-b"),
        (BEDROCK, "anthropic.claude-b-v1:0", "bedrock/anthropic.claude-b-v1:0"),
        ({"dialect": "litellm", "model": "vertex_ai/claude-a"}, "claude-b", "vertex_ai/claude-b"),
    ],
)  # fmt: skip
def test_a_name_counts_only_where_the_provider_has_it(configured, asked, sent):
    settings = CloudSettings(**configured)
    named = claude_model(asked)
    for decision in (
        Decision(track="cloud", rule="r", why="w", model=named),
        Decision(track="cloud", rule="r", why="w"),
    ):
        assert providers.model_for(settings, asked, decision) == sent


@pytest.mark.parametrize(
    ("configured", "named", "sent", "lacking"),
    [
        ({}, "claude-opus-5-5", "claude-opus-5-5", False),
        ({}, "judge-3", "judge-3", False),  # the provider may know it
        ({}, "gpt-5.5", "gpt-5.5", True),
        (GEMINI, "claude-opus-5-5", "claude-opus-5-5", True),
        (GEMINI, "judge-3", "gemini/judge-3", False),
        (GEMINI, "judge-3:run", "judge-3:run", True),
        (GEMINI, "gemini/gemini-2.5-pro", "gemini/gemini-2.5-pro", False),
        (QWEN, "qwen3-coder", "qwen3-coder", False),
    ],
)
def test_a_safety_check_keeps_its_name(configured, named, sent, lacking):
    settings = CloudSettings(**configured)
    check = Decision(track="cloud", rule="guard", why="w", model=named)
    assert providers.model_for(settings, named, check) == sent
    assert providers.lacks_model(settings, named) is lacking


@pytest.mark.parametrize(
    ("configured", "address"),
    [
        ({}, "https://api.anthropic.com"),
        ({"dialect": "openai", "model": "gpt-5"}, "https://api.openai.com"),
        ({"base_url": "http://127.0.0.1:9/v1"}, "http://127.0.0.1:9"),
        (GEMINI, "https://generativelanguage.googleapis.com"),
        (GEMINI | {"base_url": "https://proxy.example/gemini"}, "https://proxy.example"),
        ({"dialect": "litellm", "model": "gpt-5"}, "https://api.openai.com"),
        ({"dialect": "litellm", "model": "hosted_vllm/m"}, None),
        ({"dialect": "litellm", "model": "some-model"}, None),
    ],
)
def test_the_one_address(configured, address):
    assert providers.address(CloudSettings(**configured)) == (address and URL(address))


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_an_address_with_or_without_the_version(end):
    settings = CloudSettings(base_url=f"http://127.0.0.1:9/claude{end}")
    assert providers.base_url(settings) == "http://127.0.0.1:9/claude"


@pytest.mark.parametrize(
    ("url", "dialect", "problem"),
    [
        ("http://127.0.0.1:8000", "openai", "mostly http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "openai", "mostly http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1", "openai", ""),
        ("https://gateway.example.com/openai", "openai", ""),
        ("https://gateway.example.com", "anthropic", ""),
    ],
)
def test_an_address_without_the_path_of_its_api_is_said(url, dialect, problem):
    found = providers.address_problem(CloudSettings(base_url=url, dialect=dialect))
    assert found.endswith(problem)
    assert bool(found) == bool(problem)
