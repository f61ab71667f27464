"""Which assistant sent it, and by what its own text and its own requests are known.

A client is one row of `CLIENTS`; what most of them share is in `COMMON`. `user_text` applies the rows.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from classifiers.features import Client as ClientName


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One assistant. Patterns are matched at the start of a block of user text."""

    name: ClientName | Literal[""]
    agent: str = ""
    """Regular expression on the user-agent header."""
    opening: str = ""
    """Regular expression on the system text's opening."""
    tools: tuple[str, ...] = ()
    """Names of tools that no other client offers together; for one that nothing else gives away."""
    leads: str = ""
    """A tool that its main loop alone offers: without it and without `opening`, a sub-agent speaks."""
    reports: str = ""
    """A tool that its sub-agents alone offer, to end with."""
    system_results: bool = False
    """Whether it tells what its tools answered in system messages."""
    sessions: tuple[str, ...] = ()
    """Headers that hold the session's id, best first."""
    body_sessions: bool = False
    """Whether `prompt_cache_key` names one session (elsewhere it may be shared by many)."""
    tags: tuple[str, ...] = ()
    """Elements that are removed from user text with all that is in them."""
    blocks: tuple[str, ...] = ()
    """Text blocks that are wholly the harness's, by how they begin."""
    endings: tuple[str, ...] = ()
    """Text blocks that are wholly the harness's, by what stands near their end."""
    cut: tuple[str, ...] = ()
    """From a line that begins so, the rest of the block is the harness's."""
    unwrap: tuple[str, ...] = ()
    """Text around the ask that is dropped while the ask is kept."""
    side: tuple[str, ...] = ()
    """How a block of the system text of a side request begins; it counts only where no tools are offered."""
    subagents: tuple[str, ...] = ()
    """How a block of a sub-agent's system text begins."""
    side_asks: tuple[str, ...] = ()
    """How the user text that asks for a side request begins; tools or not."""
    toolless_side_asks: tuple[str, ...] = ()
    """The same for texts that a user may write, too: they count only where no tools are offered."""
    asks: tuple[str, ...] = ()
    """Elements that hold the ask where there is one; all around them is the harness's."""
    gives: tuple[str, ...] = ()
    """Harness blocks whose fences are files that the user gave."""
    attached: tuple[str, ...] = ()
    """Whole files behind the ask, each match one; group `path` names it."""
    compacted: tuple[str, ...] = ()
    """Harness blocks that stand for the beginning of a conversation that was compacted."""
    resets: tuple[str, ...] = ()
    """User text after which nothing before it belongs to the work."""


_ATTACHED = (
    r"I have \*added these files to the chat\*",
    r"These (?:files have been \*added|are some files we have been discussing)",
    r"Here are some READ ONLY files",
)

_TASK_ELEMENTS = (r"^</?(?:task|feedback|answer|user_message)>[ \t]*$",)
"""Elements in which Cline and its forks put what the user typed."""

_LINE_ENDS = r"[ \t]*(?:\n|\Z)"
"""What a harness heads stands below: a user who names the same thing goes on in the line."""
_SENTENCE_ENDS = rf"(?:\.(?:\s|\Z)|:?{_LINE_ENDS})"

_COMPACTED = (
    (
        r"This session is being continued from a previous conversation"
        rf"(?: that ran out of context\b|[.:]?{_LINE_ENDS})"
    ),
    r"Another language model started to solve this problem and produced a summary",
    (
        r"\[(?:Conversation|Context) (?:history )?(?:summary|(?:was |has been )?compacted)\b[^\]\n]{0,60}\]"
        rf"{_LINE_ENDS}"
    ),
    (
        r"(?:Conversation|Context) (?:history )?(?:summary(?: so far)?|(?:was|has been) compacted)"
        r"(?:\. Summary)?:[ \t]*\n"
    ),
    (
        r"(?:Some of the|The) conversation history has been (?:compacted|summari[sz]ed)"
        rf"(?: to free up context\b|[.:]{_LINE_ENDS})"
    ),
    rf"The conversation history before this point was compacted(?: into [\w ]{{1,40}}:|[.:]){_LINE_ENDS}",
    r"(?:<state_snapshot>|<conversation_summary>|<compaction_summary>)",
)

COMMON = Client(
    name="",
    sessions=("x-session-id", "session-id", "session_id", "x-conversation-id", "x-session-affinity"),
    tags=(
        "RUNTIME_INFORMATION",
        "user_info",
        "user_instructions",
        "user_rules",
        "EXTRA_CONTEXT",
        "permissions",
        "collaboration_mode",
        "turn_aborted",
        "command-name",
        "command-message",
        "command-contents",
        "local-command-stdout",
        "local-command-stderr",
        "local-command-caveat",
        "bash-stdout",
        "bash-stderr",
        "task-notification",
        "user-prompt-submit-hook",
        "post-tool-use-hook",
        "session-start-hook",
        "available_skills",
        "skills_instructions",
        "current_datetime",
        "info-msg",
        "current_date",
        "current_time",
        "sql_tables",
        "todo_status",
        "changed_files",
        "explicit_instructions",
        "custom_instructions",
        "instructions_for_assistant",
        "user_memories",
        "relevant_memories",
        "memory_context",
        "repo_map",
        "repomap",
        "folder_structure",
        "directory_tree",
        "file_tree",
        "folder_content",
        "url_content",
        "terminal_output",
        "git_working_state",
        "git_commit",
        "subagent_notification",
        # What an editor shows beside the ask: Cursor's, Windsurf's, Kiro's, Copilot's and their like.
        "additional_data",
        "additional_metadata",
        "ADDITIONAL_METADATA",
        "agent_transcripts",
        "cursor_position",
        "edit_history",
        "linter_errors",
        "terminal_files_information",
        "reminderInstructions",
    ),
    blocks=(
        r"\[Request interrupted by user",
        # Gemini CLI's, in a message of its own.
        r"Here is (?:the user's editor context|a summary of changes in the user's editor context)",
        # Gemini CLI's and its forks': where they run, with a listing of the folder.
        r"This is (?:the )?\w[\w ]{0,40}\. We are setting up the context for our chat",
        rf"Here is the folder structure of the current working director(?:y|ies):{_LINE_ENDS}",
        *_COMPACTED,
        r"Recently accessed files? \(full current content embedded\)",
        r"<path>[^<\n]{1,400}</path>\s*<type>(?:file|directory)</type>",
        # What a harness says where nobody asked: no call was made, go on, try again.
        r"\[ERROR\] You did not use a tool in your previous response",
        r"If you have completed the user's task, use the attempt_completion tool",
        (
            r"You have not (?:used a tool|called a tool|made a tool call)"
            rf"(?: in your (?:previous|last) \w{{1,20}})?[.!]{_LINE_ENDS}"
        ),
        (
            r"\[(?:SYSTEM|System) (?i:notification|notice|message|reminder|warning)[^\]\n]{0,60}\]"
            rf"{_LINE_ENDS}"
        ),
        (
            r"\[?(?:Pre|Post|Subagent|Session|User|Stop|Notification)\w{0,20}(?::\w{1,60})? hook "
            r"(?:feedback|additional context|output)(?::[ \t]*\n|\][ \t]*\n)"
        ),
        (
            r"(?:(?:Pre|Post)ToolUse(?:Failure)?(?::\w{1,60})?|(?:Subagent|Session)(?:Start|Stop)|UserPromptSubmit)"
            r" hook additional context(?: for [\w.\-]{1,60})?:"
        ),
        r"Please continue working on the task on whatever approach you think is suitable",
        (
            r"Your (?:last )?(?:output|response|message) (?:was|is) not formatted correctly"
            r"[.:!](?:[ \t]*\n| (?:You must|Make sure)\b)"
        ),
        # What Qwen Code tells the sub-agent that keeps its memory.
        r"Managed memory has TWO directories\b",
        # A skill's own text, which its call puts into the user's message.
        r"Base directory for this skill:",
        r"x-anthropic-billing-header:",
        r"# AGENTS\.md instructions for ",
        r"Caveat: The messages below were generated by the user while running local commands",
        r"Called the \w+ tool with the following input:",
        r"Result of calling the \w+ tool:",
        # Aider's, and those of its forks, which go by other names.
        r"(?:I am working with you on code in a git repository\.\s+)?Here are summaries of some files",
        r"Don't try and edit any existing code without asking me to add\b",
        r"I am not sharing (?:any files that you can edit|the full contents of any files with you)\b",
        *_ATTACHED,
    ),
    asks=("userRequest", "user_request", "user_query", "user_prompt", "USER_REQUEST"),
    cut=(
        # How answers shall be written, told once more behind the ask.
        r"# [^\n]{0,40}\b(?:block\*?|[Ee]diting|[Ff]ormat) [Rr]ules:$",
        r"To (?:suggest|propose|make) (?:changes|edits) to a file you \*?(?:MUST|must)\b",
        r"Every \*SEARCH/REPLACE block\* must use",
    ),
    gives=(
        *_ATTACHED,
        r"<path>[^<\n]{1,400}</path>\s*<type>(?:file|directory)</type>",
        r"Recently accessed files? \(full current content embedded\)",
    ),
    attached=(
        # Gemini CLI's and its forks', once their parts stand in one text.
        (
            r"^--- Content from referenced files ---$"
            r"(?:(?!^--- End of content ---$)[\s\S])*+(?:^--- End of content ---$)?"
        ),
    ),
    compacted=_COMPACTED,
    resets=(r"I switched to a new code ?base\. Please don't consider\b",),
    side=(
        r"You are a title generator",
        (
            r"[^\n]{0,80}\b(?:[Gg]enerate|[Ww]rite|[Cc]reate|[Cc]ome up with) "
            r"(?:a |an )?[\w,\- ()]{0,60}\b(?:title|branch name)\b"
        ),
        r"(?:You are|You're) (?:naming|titling)\b|Generate concise conversation titles",
        r"[^\n]{0,120}\bgenerates? [\w,\- ]{0,40}\b[Cc]ommit messages?\b",
        # What older versions of Claude Code ask a small model beside the work.
        r"Extract any file paths that this command reads or modifies",
        r"You are an expert at analyzing git history\. Given a list of files",
        r"You are (?:coming|asked to come) up with a succinct title",
        r"You are (?:a|an|performing a)[\w ]{0,40} (?:summariz\w+|SUMMARIZ\w+)\b",
        r"You are a helpful AI assistant tasked with summarizing conversations",
        r"You are maintaining a context-aware state summary",
        r"\*Briefly\* summarize this partial conversation",
        r"You are the component that summarizes\b",
        # Gemini CLI's and its forks': who answers, what an edit should be, whether it goes in circles.
        r"You are a (?:specialized )?Task Routing AI\b",
        (
            r"You are an expert code-editing assistant"
            r"(?: specializing in debugging and correcting failed|\. Your task is to analyze a failed edit)"
        ),
        r"You are a diagnostic agent that determines whether a conversational AI assistant is stuck\b",
        r"You are a specialized system component responsible for distilling chat history\b",
        r"You are an expert (?:context compressor|Context Memory Manager)\b",
    ),
    subagents=(
        r"As a sub-?agent\b",
        r"You are (?:now )?(?:acting as |running as )?(?:an? |the )?(?:[\w\-]{1,30} ){0,4}[Ss]ub-?agent\b",
        r"You are [^.\n]{1,60} for Claude Code, Anthropic's official CLI for Claude\b",
        r"You are a worker agent executing a task\b",
    ),
    side_asks=(
        r"CRITICAL: Respond with TEXT ONLY",
        r"Your task is to create a detailed summary of (?:the|this|the RECENT portion of the) conversation",
        r"You are performing a CONTEXT CHECKPOINT COMPACTION",
        r"Analyze if this message indicates a new conversation topic",
        r"Please write a 5-10 word title for the following conversation",
        rf"Generate a title for this conversation:?{_LINE_ENDS}",
        r"Please provide a concise summary of our conversation so far, capturing\b",
        r"Please create a detailed summary of the conversation so far\. The history is being compacted\b",
        r"You are the component that summarizes\b",
        r"First, reason in your (?:<analysis>|<scratchpad>|analysis|private scratchpad)",
        r"Warmup\s*\Z",
        r"(?:The conversation|This session) is being compacted[.:][^\n]{0,120}\b[Ss]ummar",
        # Gemini CLI's and its forks': who speaks next, and a compaction in two steps.
        r"Analyze \*only\* the content and structure of your immediately preceding response",
        r"Generate a new <state_snapshot> based on\b|A previous <state_snapshot> exists in the history\.",
        r"Critically evaluate the <state_snapshot> you just generated\.",
    ),
    toolless_side_asks=(
        r"### Task:\s+(?:Generate|Suggest|Analyze)\b",
        (
            r"(?:Your task(?: is to|:) |Please |Now )?(?:[Gg]enerate|[Cc]reate|[Ww]rite|[Pp]rovide) "
            r"an? (?:[\w,\- ()]{0,60} )?title (?:for|of) (?:this|the(?: following| above)?) "
            rf"(?:conversation|session|chat|thread|discussion){_SENTENCE_ENDS}"
        ),
        (
            r"(?:Please |Now )?(?:[Cc]reate|[Pp]rovide|[Ww]rite|[Gg]enerate) "
            r"an? (?:[\w,\- ]{0,60} )?summary of "
            rf"(?:our|the|this) (?:\w+ )?conversation(?: so far| above| history)?{_SENTENCE_ENDS}"
        ),
        rf"(?:The conversation|This session) is being compacted{_SENTENCE_ENDS}",
        # Gemini CLI's and its forks'.
        r"Summarize the following tool output to be a maximum of \d+ tokens\.",
        r"The following output from the tool '[^'\n]{1,80}' is large and has been truncated\.",
        r"### State Update: Agent Continuity\s",
        r"Summarize the user's primary intent or goal in this conversation in ONE sentence\b",
        r"Write one short, friendly sentence acknowledging a user steering update\b",
        r"Context: An LLM has just generated potentially_problematic_string\b",
        r"Please analyze the conversation history to determine the possibility that the conversation is\b",
        r"You are provided with a \*\*Chat History\*\* and the user's \*\*Current Request\*\* below\.",
    ),
)

UNKNOWN = Client(name="unknown")

CLIENTS = (
    Client(
        name="claude-code",
        agent=r"claude-(?:cli|code)/",
        opening=r"x-anthropic-billing-header:|You are Claude Code, Anthropic's official CLI",
        sessions=("x-claude-code-session-id",),
        tags=("bash-input",),
    ),
    Client(
        name="cline",
        agent=r"[Cc]line/",
        opening=r"You are Cline\b",
        tools=("read_files", "search_codebase", "run_commands", "editor"),
        leads="team_status",
        unwrap=_TASK_ELEMENTS,
    ),
    Client(name="roo-code", agent=r"Roo-?Code/", opening=r"You are (?:Roo|Zoo)\b", unwrap=_TASK_ELEMENTS),
    Client(
        name="kilo-code", agent=r"[Kk]ilo(?:-?[Cc]ode)?/", opening=r"You are Kilo\b", unwrap=_TASK_ELEMENTS
    ),
    Client(
        name="copilot",
        agent=r"GitHubCopilot|[Cc]opilot(?:-?[Cc][Ll][Ii])?/",
        opening=(
            r"You are (?:the )?GitHub Copilot\b|As a sub-agent, complete your parent's task|"
            r"You are an AI programming assistant\.[\s\\n]{1,8}When asked for your name, you must respond"
        ),
        asks=("user_message",),
    ),
    Client(
        name="qwen-code",
        agent=r"QwenCode/",
        opening=r"You are Qwen Code\b",
        tags=("qwen:user-prompt-submit-context",),
        endings=(r"\n\nResume the prior task using the summary above\. Continue from",),
    ),
    Client(
        name="gemini-cli",
        agent=r"GeminiCLI",
        opening=r"You are (?:Gemini CLI|an? (?:non-)?interactive CLI agent specializing in software)",
        reports="complete_task",
    ),
    Client(
        name="gptme",
        agent=r"gptme/",
        opening=r"You are gptme\b|Generate concise conversation titles\.",
        tags=("system",),
        system_results=True,
        attached=(
            r"^(?P<path>[^\s`]{1,400})\n\n(?P<fence>`{3,8})(?P=path)\n(?:(?!^(?P=fence))[\s\S])*+^(?P=fence)",
        ),
    ),
    Client(
        name="goose", agent=r"\bgoose/", opening=r"You are (?:a general-purpose AI agent called )?goose\b"
    ),
    Client(name="crush", agent=r"Crush/", opening=r"You are Crush\b"),
    Client(name="kimi-cli", agent=r"Kimi-?(?:Code-?)?C[Ll][Ii]/", opening=r"You are Kimi\b"),
    Client(
        name="mistral-vibe",
        agent=r"[Mm]istral-[Vv]ibe",
        opening=r"You are (?:operating as and within )?Mistral Vibe\b",
    ),
    Client(name="zed", agent=r"\bZed/", opening=r"You are the Zed\b"),
    Client(
        name="cursor",
        agent=r"\bCursor/",
        opening=r"You are an? [^.\n]{0,80}\boperate (?:exclusively )?in Cursor\b",
    ),
    Client(name="windsurf", agent=r"[Ww]indsurf/", opening=r"You are Cascade\b"),
    Client(name="droid", agent=r"factory-cli/", opening=r"You are Droid\b"),
    Client(name="amp", agent=r"\b[Aa]mp/\d", opening=r"You are Amp\b"),
    Client(
        name="codex",
        agent=r"codex[_-]",
        opening=r"You are (?:Codex|a coding agent running in the Codex CLI)",
        sessions=("session-id", "session_id", "thread-id"),
        body_sessions=True,
        tags=("INSTRUCTIONS",),
    ),
    Client(
        name="opencode",
        agent=r"opencode/",
        opening=r"You are (?:opencode|OpenCode)",
        sessions=("x-session-id", "x-opencode-session"),
    ),
    Client(
        name="continue",
        agent=r"[Cc]ontinue",
        opening=r"You are an agent in the Continue CLI|<important_rules>[\s\\n]+You are in [acp]",
    ),
    Client(
        name="pi",
        agent=r"pi-coding-agent|\bpi/\d",
        opening=r"You are an expert coding assistant operating inside pi\b",
        sessions=("session_id",),
        body_sessions=True,
    ),
    Client(
        name="aider",
        agent=r"[Aa]ider",
        opening=(
            r"Act as an expert (?:software developer|code analyst|architect|software engineer)|"
            r"You are an expert software engineer that generates concise, one-line Git commit messages"
        ),
        unwrap=(r"^Reply in [A-Z]\w++\.\s*+\Z",),
    ),
    Client(
        name="mini-swe-agent",
        agent=r"mini-?swe",
        opening=r"You are a helpful assistant that can interact (?:multiple times )?with a computer",
        tags=("instructions", "system_information"),
        cut=(r"You can execute bash commands and edit files", r"## Recommended Workflow"),
        unwrap=(
            r"</?pr_description>",
            r"(?:Now )?[Cc]onsider the following PR description:",
            r"Please solve this issue:",
        ),
    ),
    Client(
        name="openhands",
        agent=r"[Oo]pen[Hh]ands",
        opening=r"You are (?:OpenHands|a helpful AI assistant that can interact with a computer)",
        body_sessions=True,
    ),
)
HEAD_BYTES = 6_000
"""How much of the raw system text is looked at to tell the client."""


class Clients:
    """The clients that are told apart; one that is none of them is `UNKNOWN`.

    Args:
        rows: of `CLIENTS`, in the order in which they are looked for.
    """

    def __init__(self, rows: tuple[Client, ...] = CLIENTS) -> None:
        self._names: dict[str, Client] = {client.name: client for client in rows}
        self._agents = [(re.compile(client.agent), client) for client in rows if client.agent]
        self._tools = [
            (tuple(b'"%s"' % name.encode() for name in client.tools), client)
            for client in rows
            if client.tools
        ]
        self._openings = [
            (re.compile(rf"[\"\s\\n](?:{client.opening})".encode()), client)
            for client in rows
            if client.opening
        ]
        # Both are the same in every request of a session, and ten searches cost 0.3 ms.
        self._by_agent = lru_cache(maxsize=256)(self._find_agent)
        self._by_opening = lru_cache(maxsize=256)(self._find_opening)

    def recognise(self, named: str, headers: dict[str, str], head: bytes, tools: bytes = b"") -> Client:
        """Tell the client by the name already found, its user-agent, or its system text's or tools' bytes."""
        client = self._names.get(named) or self._by_agent(headers.get("user-agent", ""))
        client = client or self._by_opening(head)
        if client is UNKNOWN and tools:
            return next((row for names, row in self._tools if all(name in tools for name in names)), UNKNOWN)
        return client

    def is_subagent(self, client: Client, headers: dict[str, str], head: bytes, tools: bytes) -> bool:
        """Whether the tools are a sub-agent's, or neither they nor the system text those of the main loop."""
        if client.reports and b'"%s"' % client.reports.encode() in tools:
            return True
        if not client.leads or b'"%s"' % client.leads.encode() in tools:
            return False
        return self._by_agent(headers.get("user-agent", "")) is None and self._by_opening(head) is not client

    def _find_agent(self, agent: str) -> Client | None:
        return next((client for pattern, client in self._agents if pattern.search(agent)), None)

    def _find_opening(self, head: bytes) -> Client:
        matching = (client for opening, client in self._openings if opening.search(head, 0, HEAD_BYTES))
        return next(matching, UNKNOWN)


def session(client: Client, headers: dict[str, str], metadata: Any, cache_key: Any) -> str:
    """The session id that the client sends in a header, or else in the body; empty for none."""
    for name in (*client.sessions, *COMMON.sessions):
        if headers.get(name):
            return headers[name]
    if client.body_sessions and isinstance(cache_key, str):
        return cache_key
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    match = _SESSION.search(user) if isinstance(user, str) else None
    return match[1] if match else ""


_SESSION = re.compile(r'(?:_session_|"session_id": ?")([0-9A-Za-z\-]{8,64})')
"""In `metadata.user_id`: a JSON string, or in older versions `user_…_account_…_session_…`."""
SUBAGENT_HEADERS = ("x-claude-code-agent-id", "x-parent-session-id")
INTERACTION_HEADERS = ("x-interaction-type", "x-openai-subagent")
"""Headers in which Copilot and Codex say what a request is for."""
COMPACTIONS = ("conversation-compaction", "compact")
SUBAGENTS = ("conversation-subagent", "review", "collab_spawn", "memory_consolidation")
"""Their values."""
