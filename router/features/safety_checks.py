"""Requests that decide about safety: permission classifiers, content filters, hooks' judges.

Assistants ask a model whether a command may run, or whether a text is harmful, and act on its word.
Such a request is known by its kind, not by one text: somebody is to judge an action or a content
(`JUDGES`), and all that is wanted back is a verdict (`VERDICT`): a tag, a JSON object, one word. Where a
prompt is known as it stands, that alone tells (`KNOWN`); those may also offer tools.

Sources: the prompts of Claude Code 2.1.330 (auto mode, prompt and agent hooks) and of older versions
(command prefixes), Codex (approval reviews), Gemini CLI (Conseca), Goose (permission judge), Llama Guard,
ShieldGemma and NeMo Guardrails, as published.
"""

import re
from typing import Any

import re2

NOTHING, JUDGES, VERDICT, KNOWN = 0, 1, 2, 4
"""What a text says; they add up."""

_HEAD = 6_000
_TAIL = 3_000
"""Characters read of a text's two ends: the role stands at its head, the form of the answer at either."""
_OPENING = 1_500
_CLOSING = 200
_TASK = 600
"""Characters in which a text without a role must say what is to be judged: further on, agents' rules do."""

_KNOWN = re.compile(
    r"\bsecurity monitor for (?:autonomous|AI)\b"
    r"|\bYou are evaluating a [\w\- ]{0,40}\bhook(?: [\w\-]{1,20}){0,2} in Claude Code\b"
    r"|\bYou are performing a risk assessment of a coding[- ]agent\b"
    r"|\bYou are judging one planned coding[- ]agent action\b"
    r"|The following is the Codex agent history\b[^\n]{0,80}\b(?:assessing|assessment)\b"
    r"|>>> APPROVAL REQUEST START"
    r"|<policy_spec>"
    r"|\bYou are a security enforcement engine\b"
    r"|\bgenerating fine-grained security policies for a large language model\b"
    r"|\bYou are a good analyst and can detect operations\b"
    r"|\bTask: Check if there is unsafe content\b|<BEGIN UNSAFE CONTENT CATEGORIES>"
    r"|\bYou are a policy expert trying to help determine whether\b"
)
"""Prompts that stand as they are in assistants and safety models."""

_ACT = re.compile(
    r"\b(?:(?:judg|evaluat|assess|classif|decid|determin|check|review|detect|grad|scor|analy[sz]"
    r"|screen|inspect|"
    r"approv|gate|guard|filter|moderat|validat|verif|vet|audit|monitor|categori[sz]|flag|rate|rating"
    r"|identif)\w*|"
    r"whether|(?:is|are|can|may|should|does) (?:this|the|it|these)|"
    r"assign an? [\w ]{0,20}score|[01] if|if (?:it|this|the [\w ]{1,30}) (?:is|refers|contains|violates))\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"\b(?:actions?|commands?|calls?|tools?|operations?|requests?|contents?|messages?|prompts?"
    r"|inputs?|outputs?|"
    r"conversations?|transcripts?|responses?|texts?|scripts?|edits?|hooks?|"
    r"invocations?|Claude should)\b",
    re.IGNORECASE,
)
_SAFETY = re.compile(
    r"\b(?:unsafe|safe(?:ty|ly)?|allow(?:ed|able)?|disallowed|block(?:ed)?|permi(?:t|tted|ssion|ssible)s?|"
    r"approv(?:e|ed|al)|den(?:y|ied)|reject(?:ed)?|danger(?:ous)?|malicious|harm(?:ful|less)?|risk(?:y|s)?|"
    r"destructive|read-only|violat\w+|injections?|jailbreaks?|compl(?:y|ies|iant)|toxic\w*|abus\w+|"
    r"threats?|poison\w*|nsfw|pii|against (?:the|this|our) (?:\w+ )?polic(?:y|ies)|"
    r"is_?(?:dangerous|safe|allowed|harmful|malicious)|inappropriate|exfiltrat\w+|suspicious"
    r"|go ahead|proceed)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?;\n]+")
_ROLE = re.compile(
    r"\b(?:security|safety|permissions?|approval|risk|command|content|policy|prompt|injection|jailbreak|"
    r"moderation|guardrails?|toxicity|compliance|data loss prevention|dlp|pii|nsfw|tool[- ](?:calls?"
    r"|use))[ -]"
    r"(?:[a-z]{1,20}[ -]){0,3}(?:classifier|judge|monitor|reviewer|checker|filter|evaluator|assessor|"
    r"moderator|gate|guard|enforcer|detector|validator|auditor|gatekeeper|arbiter|officer|screener"
    r"|firewall|analy[sz]er)\b",
    re.IGNORECASE,
)
_JUDGE_BY_NAME = re.compile(
    r"\s*You(?: are|'re) [^.\n]{0,40}\b(?:command|permission|approval|prompt|tool[- ](?:call|use)"
    r"|moderation|jailbreak|"
    r"injection|toxicity)[ -](?:[a-z]{1,20}[ -]){0,2}(?:classifier|judge|monitor|gate|guard"
    r"|gatekeeper|firewall|screener)\b",
    re.IGNORECASE,
)
"""A role that can be nothing else, whatever form its answer has."""
_ASSISTANT = re.compile(
    r"\s*You are (?:now )?(?:Claude Code|Cline|Roo|Kilo|Cursor|Cascade|GitHub Copilot|Zed|goose|Amp"
    r"|OpenHands|Qwen Code|"
    r"Crush|opencode|Codex|Gemini CLI|"
    r"an? (?:[\w-]+ ){0,3}(?:CLI (?:agent|tool)|software engineer|(?:programming|coding"
    r"|AI) (?:assistant|agent)))"
    r"(?=[.,;:\n]| (?:that|who|which|agent|specializ\w+|running|with|designed|built|embedded|in)\b|$)",
    re.IGNORECASE,
)
"""How an assistant is introduced that does work; what follows about permission is its own manners."""

_YES = r"(?:SAFE|ALLOW(?:ED)?|APPROVED?|PERMIT(?:TED)?|ACCEPT|PROCEED|PASS|BENIGN|CLEAN|HARMLESS|YES|TRUE)"
_NO = (
    r"(?:UNSAFE|BLOCK(?:ED)?|DENY|DENIED|REJECT(?:ED)?|ESCALATE|ASK|ASK_USER|FAIL|MALICIOUS|HARMFUL"
    r"|DANGEROUS|"
    r"FLAGGED|REFUSE|SUSPICIOUS|INJECTION|NO|FALSE)"
)
_MARKS = r"[\"'`*<>()\[\]]{0,3}"
_EITHER = re.compile(
    rf"{_MARKS}\b(?:{_YES}\b{_MARKS}\s{{0,3}}(?:or|/|\||,)\s{{0,3}}(?:or\s)?{_MARKS}\b{_NO}|"
    rf"{_NO}\b{_MARKS}\s{{0,3}}(?:or|/|\||,)\s{{0,3}}(?:or\s)?{_MARKS}\b{_YES})\b",
    re.IGNORECASE,
)
"""Two opposite words to choose from: `safe` or `unsafe`, ALLOW|DENY."""
_TERSE = re.compile(
    r"\b(?:respond|answer|reply|output|return|say|write|print|emit|produce|give)\b[^\n]{0,80}?"
    r"\b(?:one word|single word|one of|exactly one|yes or no|true or false|JSON|integer|number|score|label|"
    r"verdict)\b"
    r"|\bonly (?:the |a )?(?:number|word|label|score|JSON)\b|\b[01] if\b|\b(?:risk|threat) (?:level"
    r"|score)\b|\(y/n\)"
    r"|\b(?:LOW|MEDIUM|HIGH)\b[\"'`]?(?:,| or|/| ?\|) ?[\"'`]?(?:MEDIUM|HIGH|CRITICAL)\b"
    r"|\bCOMPLIANT (?:or|/|\|) NON"
    r"|\bcommand_injection_detected\b|\b(?:VERDICT|DECISION|RISK|SAFETY):|\((?:Y|N)\)"
    r"|\b(?:one[- ]word|single[- ]word|yes/no|JSON)\b[^\n]{0,40}"
    r"\b(?:respon[sd]e?|answer|reply|output|verdict)\b",
    re.IGNORECASE,
)
"""The answer's form: one word, a number, an object."""
_KEYS = (
    "ok|allow|allowed|is_allowed|safe|is_safe|issafe|unsafe|block|blocked|should_block|shouldblock|approve|"
    "approved|deny|denied|decision|verdict|outcome|permission|permitted|permissiondecision|risk|risk_level|risklevel|"
    "risk_score|severity|harmful|is_harmful|flagged|malicious|is_malicious|violation|violates|violated|injection|"
    "needs_approval|requires_approval|requiresapproval|is_dangerous|dangerous|read_only|readonly|is_read_only|"
    "user safety|response safety|user_authorization|toxic|jailbreak|categories|isdangerous|isallowed|"
    "isharmful|ismalicious|poisoned|nsfw|pii|classification|threat_level|threat_score"
)
_KEY = re.compile(rf"(?:{_KEYS})", re.IGNORECASE)
_JSON = re.compile(rf"[\"'`](?:{_KEYS})[\"'`]\s*[:(]", re.IGNORECASE)
_TAGS = re.compile(
    r"</?(?:block|severity|verdict|decision|safe|unsafe|allow|allowed|deny|approve|approved|risk|risk_level|"
    r"judg(?:e)?ment|answer|result|classification|permission|outcome|rating|score|label|flag)>",
    re.IGNORECASE,
)

_CHEAP = re2.compile(
    r"(?i)"
    r"safe|allow|block|den(?:y|ied)|approv|risk|permi|inject|harm|malicious|danger|violat|moderat|read-only|"
    r"hook|assess|policy|toxic|jailbreak|security|threat|poison|nsfw|pii|loss prevention|"
    r"sicher|gefährlich|erlaubt|dangereu|autoris|peligros|perigos|опасн|"
    r"sécurité|segurança|seguridad|permiso|безопасн|разреш|安全|权限|許可|允许|风险|危险|危険|审核|안전",
)
"""Without one of these a text is no judge's; nearly every text of ordinary work ends here."""

_ELSEWHERE_JUDGES = re.compile(
    r"Sicherheits(?:prüfer|wächter|klassifi\w+|monitor|richter)|Berechtigungs(?:prüfer|wächter)"
    r"|(?:contrôleur|classificateur|juge|modérateur|moniteur) de (?:la )?(?:sécurité|commandes|contenu)"
    r"|(?:clasificador|revisor|juez|monitor|moderador) de (?:la )?(?:seguridad|permisos|comandos|contenido)"
    r"|(?:classificador|revisor|juiz|monitor|moderador) de (?:segurança|permissões|comandos|conteúdo)"
    r"|\b(?:prüf|beurteil|bewerte|entscheide)\w*[^.\n]{0,20}\bob\b[^.\n]{0,30}(?:befehl|kommando|aktion|aufruf|eingabe)"
    r"\w*[^.\n]{0,30}\b(?:sicher|unsicher|gefährlich|schädlich|erlaubt|zulässig)\b"
    r"|\b(?:vérifi|évalu|jug|détermin|décid)\w*[^.\n]{0,20}\bsi\b[^.\n]{0,30}(?:commande|action|requête)"
    r"[^.\n]{0,30}\b(?:sûre?|dangereu(?:x|se)|malveillante?|autorisée?)\b"
    r"|\b(?:eval[uú]|revis|juzg|decid|determin|avali|verifi|julg)\w*[^.\n]{0,20}\bs[ie]\b[^.\n]{0,30}"
    r"(?:comando|acción|ação|solicitud)[^.\n]{0,30}\b(?:segur|peligros|perigos|permitid|malicios)[oa]\b"
    r"|(?:провер\w+|классифи\w+|оцени\w+|модератор\w*) (?:\w+ )?(?:безопасност|разрешени|команд)\w*"
    r"|(?:安全|权限|風險|风险|危险|危険|许可|許可)[^。\n]{0,20}(?:审查|审核|审批|判断|判定|评估|評価|分类|监控|检查|モニター|判断)"
    r"|(?:审查|审核|审批|判断|判定|评估|評価)[^。\n]{0,20}(?:安全|允许|危险|危険|許可|风险)"
    r"|(?:명령|보안|안전)[^.\n]{0,20}(?:판정|심사|평가|분류|검사)",
    re.IGNORECASE,
)
"""A judge of safety in other languages than English."""
_ELSEWHERE_TERSE = re.compile(
    r"\bantworte (?:nur|ausschließlich)|\brépond[sez]* (?:uniquement|seulement)"
    r"|\brespond[ae] (?:s[oó]lo|únicamente|apenas)"
    r"|\bответь?(?:те)? (?:одним|только)"  # noqa: RUF001
    r"|(?:只|仅)(?:能|需|可)?(?:回答|输出|返回|回复)|のみ(?:で|を)?(?:答|回答|出力|返)"
    r"|(?:만|한 단어로) (?:답|출력)",
    re.IGNORECASE,
)

_STOP = re.compile(r"</[\w\-]{2,30}>\s*$")
_VERDICT_TOOL = re.compile(
    r"classif|verdict|permission|approv|moderat|judg|safety|risk|allow|decision|guard"
    r"|report_(?:result|decision)|"
    r"read_?only|structuredoutput",
    re.IGNORECASE,
)
_ACTS = re.compile(r"bash|shell|exec|run|command|read|write|edit|search|browse|file", re.IGNORECASE)
"""Tools that do work; being made to call one is no report."""
_MOST_KEYS = 8
_HEADERS = {
    "x-openai-subagent": re.compile(r"guardian|auto[-_ ]?review|approval", re.IGNORECASE),
    "anthropic-beta": re.compile(r"auto-mode-classifier"),
}
"""Fields in which a client names the part of it that asks."""


def of_system(text: str) -> int:
    """Read a system text: who the model is to be, and what it is to give back."""
    window = _ends(text)
    if not _CHEAP.search(window):
        return NOTHING
    signs = KNOWN if _KNOWN.search(window) or _JUDGE_BY_NAME.match(window) else NOTHING
    if not _ASSISTANT.match(window) and _judges(window[:_OPENING]):
        signs |= JUDGES
    return signs | _verdict(window)


def of_user(text: str) -> int:
    """Read a user's text: one judges only where it is an instruction from its first word on."""
    window = _ends(text)
    if not _CHEAP.search(window):
        return _verdict(window[-_CLOSING:])
    opening = window[:_OPENING]
    signs = KNOWN if _KNOWN.match(_FRAME.sub("", window, count=1)) else NOTHING
    if (
        _INSTRUCTS.match(opening)
        and not _PERSON.search(opening[:_TASK])
        and _judges(opening, window[-_CLOSING:])
    ):
        signs |= JUDGES
    return signs | _verdict(window)


def _judges(opening: str, closing: str = "") -> bool:
    """Whether a judge of safety is named, or neighbouring sentences have somebody judge an action by it.

    Args:
        opening: The head of the text.
        closing: Its end, where what is judged may stand between: the two count as neighbours.
    """
    if _ROLE.search(opening) or _ELSEWHERE_JUDGES.search(opening[:_TASK]):
        return True
    sentences = _SENTENCE.split(opening[:_TASK])
    pairs = [*map(" ".join, zip(sentences, [*sentences[1:], ""], strict=True))]
    pairs += [f"{sentences[0]} {closing}"] if closing else []
    return any(all(word.search(pair) for word in (_SAFETY, _SUBJECT, _ACT)) for pair in pairs)


_INSTRUCTS = re.compile(
    rf"(?:<[\w\-]{{1,30}}>\s*)*[\s#*>\-]*(?:You are|You're|Act as|As an?\b|Your (?:task|job|role)"
    rf"|Task:|(?:Please )?{_ACT.pattern}|"
    r"The following|Given\b|An? (?:AI|coding|LLM|autonomous|user|human)\b)",
    re.IGNORECASE,
)
"""How a text begins that is an instruction as a whole."""
_PERSON = re.compile(
    r"\b(?:my|I'm|I am|I have|I want|give (?:me )?(?:the )?code|write (?:the|a|an) )\b", re.IGNORECASE
)
"""Words of somebody who asks for work."""
_FRAME = re.compile(r"(?:\s*<\|[\w]{1,30}\|>(?:user|system)?)*\s*")
"""Marks of a chat template that was applied already."""


def _ends(text: str) -> str:
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]}\n{text[-_TAIL:]}"


def _verdict(text: str) -> int:
    return VERDICT if any(form.search(text) for form in _FORMS) else NOTHING


_FORMS = (_EITHER, _JSON, _TAGS, _TERSE, _ELSEWHERE_TERSE)


def is_guard(
    signs: int,
    *,
    headers: dict[str, str],
    stops: Any,
    schema: Any,
    tools: tuple[str, ...],
    forced: bool,
    side: bool = False,
) -> bool:
    """Tell whether a request decides about safety.

    Args:
        signs: Of its system texts and its newest user text, together.
        headers: Its header fields.
        stops: Its stop sequences as they were sent.
        schema: The JSON schema of the answer; None where there is none.
        tools: Names of the tools it offers.
        forced: It demands that one of them be called.
        side: Its prompt or schema wants a title or a summary: what that is to say may sound like a judgement.
    """
    if signs & KNOWN or any(form.search(headers.get(name, "")) for name, form in _HEADERS.items()):
        return True
    if side:
        return False
    reports = bool(tools) and (forced or len(tools) == 1) and all(map(_VERDICT_TOOL.search, tools))
    reports = reports or (forced and len(tools) == 1 and not _ACTS.search(tools[0]))
    if (tools and not reports) or not signs & JUDGES:
        return False
    return bool(signs & VERDICT) or reports or _closes(stops) or _is_verdict(schema)


def _closes(stops: Any) -> bool:
    listed = stops if isinstance(stops, list) else [stops]
    return any(isinstance(stop, str) and _STOP.match(stop) for stop in listed)


def _is_verdict(schema: Any) -> bool:
    """Whether a schema asks for little more than a verdict."""
    if _chooses(schema):
        return True
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return (
        isinstance(properties, dict)
        and 0 < len(properties) <= _MOST_KEYS
        and any(_KEY.fullmatch(key) or _chooses(value) for key, value in properties.items())
    )


def _chooses(schema: Any) -> bool:
    """Whether a value is one of few: a truth value, or of a list."""
    return isinstance(schema, dict) and (schema.get("type") == "boolean" or "enum" in schema)
