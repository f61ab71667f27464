# ruff: noqa: E501, RUF001 - each language in its own letters, a row each
"""Whether an ask goes on from the one before: by language, and over all sessions of the corpus."""

from collections import defaultdict
from dataclasses import dataclass

import pytest

from classifiers.corpus import load_sessions
from router.features.relation import goes_on, subject_of

BEFORE = "Write a function that parses a date."
GOES_ON = {
    "en": ["why?", "try again", "that didn't work", "and in French?", "make it faster", "now with types", "the second one"],
    "de": ["ja, mach das", "warum?", "und auf Französisch?", "geht immer noch nicht", "jetzt mit Typen", "etwas kürzer bitte"],
    "fr": ["oui, vas-y", "pourquoi ?", "et en Rust ?", "ça ne marche pas", "plus court", "avec des types"],
    "es": ["sí, hazlo", "¿por qué?", "¿y en Rust?", "no funciona", "más rápido", "ahora con tipos"],
    "pt": ["sim, pode fazer", "por quê?", "e em Rust?", "não funcionou", "mais curto", "agora com tipos"],
    "it": ["sì, procedi", "perché?", "e in Rust?", "non funziona", "più corto", "adesso con i tipi"],
    "nl": ["ja, doe maar", "waarom?", "en in Rust?", "werkt nog steeds niet", "korter", "nu met types"],
    "sv": ["ja, kör på", "varför?", "och i Rust?", "det funkar inte", "kortare", "nu med typer"],
    "pl": ["tak, zrób to", "dlaczego?", "a w Ruście?", "dalej nie działa", "krócej", "teraz z typami"],
    "cs": ["ano, udělej to", "proč?", "a v Rustu?", "pořád nefunguje", "kratší", "teď s typy"],
    "uk": ["так, зроби це", "чому?", "а на Rust?", "не працює", "коротше", "тепер з типами"],
    "ru": ["да, давай", "почему?", "а на Rust?", "всё ещё не работает", "покороче", "теперь с типами"],
    "tr": ["evet, öyle yap", "neden?", "peki Rust ile?", "hâlâ çalışmıyor", "daha kısa", "şimdi tiplerle"],
    "id": ["ya, lanjutkan", "kenapa?", "kalau pakai Rust?", "masih gagal", "lebih singkat", "sekarang dengan tipe"],
    "vi": ["ừ, làm đi", "tại sao?", "còn Rust thì sao?", "vẫn lỗi", "ngắn hơn", "giờ thêm kiểu"],
    "zh": ["继续", "为什么?", "那用 Rust 呢?", "还是不行", "短一点", "加上类型"],
    "ja": ["そうして", "なぜですか?", "じゃあRustでは?", "まだ動きません", "もっと短く", "型も付けて"],
    "ko": ["네, 그렇게 해 주세요", "왜?", "그럼 Rust는요?", "여전히 안 돼", "더 짧게", "이제 타입도 넣어줘"],
    "hi": ["हाँ, कर दो", "क्यों?", "और Rust में?", "अभी भी काम नहीं कर रहा", "और छोटा करो", "अब types के साथ"],
    "ar": ["نعم، نفّذ ذلك", "لماذا؟", "وفي لغة رست؟", "ما زال لا يعمل", "أقصر", "الآن مع الأنواع"],
}  # fmt: skip
STANDS_ALONE = {
    "en": ["different question: what is a mutex?", "how do I undo the last commit in git without losing anything?", "look at our deploy script and tell me why it is slow"],
    "de": ["Andere Frage: was ist ein Mutex?", "wie mache ich in git den letzten Commit rückgängig?", "schau bitte in unserem Deploy-Skript, warum es langsam ist"],
    "fr": ["autre question : c'est quoi un mutex ?", "comment faire pour annuler le dernier commit dans git ?", "regarde pourquoi notre script de déploiement est lent"],
    "es": ["otra cosa: ¿qué es un mutex?", "¿cómo puedo deshacer el último commit en git?", "mira por qué nuestro script de despliegue es lento"],
    "pt": ["mudando de assunto: o que é um mutex?", "como faço para desfazer o último commit no git?", "veja por que nosso script de deploy está lento"],
    "it": ["altra domanda: cos'è un mutex?", "come faccio ad annullare l'ultimo commit in git?", "guarda perché il nostro script di deploy è lento"],
    "nl": ["andere vraag: wat is een mutex?", "hoe kan ik in git de laatste commit ongedaan maken?", "kijk waarom ons deployscript traag is"],
    "sv": ["annan fråga: vad är en mutex?", "hur gör jag för att ångra senaste commit i git?", "kolla varför vårt deployskript är långsamt"],
    "pl": ["inne pytanie: co to jest mutex?", "jak mogę cofnąć ostatni commit w gicie bez strat?", "sprawdź, dlaczego nasz skrypt wdrożeniowy jest wolny"],
    "cs": ["jiná otázka: co je mutex?", "jak můžu v gitu vrátit poslední commit beze ztráty?", "podívej se, proč je náš nasazovací skript pomalý"],
    "uk": ["інше питання: що таке м'ютекс?", "як мені скасувати останній коміт у git?", "подивись, чому наш скрипт розгортання повільний"],
    "ru": ["другой вопрос: что такое мьютекс?", "как мне отменить последний коммит в git?", "посмотри, почему наш скрипт деплоя медленный"],
    "tr": ["başka bir soru: mutex nedir?", "git'te son commit'i kaybetmeden nasıl geri alırım acaba?", "bizim dağıtım betiği neden yavaş, bakar mısın"],
    "id": ["pertanyaan lain: apa itu mutex?", "bagaimana cara membatalkan commit terakhir di git?", "cek kenapa skrip deploy kita lambat"],
    "vi": ["câu hỏi khác: mutex là gì?", "làm sao để hoàn tác commit cuối cùng trong git?", "xem giúp vì sao script deploy của mình chậm"],
    "zh": ["换个话题,什么是互斥锁?", "如何在 git 里撤销最后一次提交而不丢失修改?", "看一下我们的部署脚本为什么这么慢"],
    "ja": ["別の質問ですが、ミューテックスとは何ですか?", "ちなみにgitで最後のコミットを取り消す方法は?", "うちのデプロイスクリプトが遅い理由を調べてください"],
    "ko": ["다른 질문인데 뮤텍스가 뭐야?", "그나저나 git에서 마지막 커밋은 어떻게 취소해?", "우리 배포 스크립트가 왜 느린지 봐줘"],
    "hi": ["दूसरा सवाल: mutex क्या होता है?", "git में आखिरी commit को बिना कुछ खोए कैसे वापस लेते हैं समझाओ", "हमारे deploy script को देखो, इतना धीमा क्यों है"],
    "ar": ["سؤال آخر: ما هو الميوتكس؟", "كيف يمكن التراجع عن آخر إيداع في git دون فقدان شيء؟", "راجع سكربت النشر لدينا وأخبرني لماذا هو بطيء"],
}  # fmt: skip


def rows(table):
    return [pytest.param(ask, id=f"{language}-{ask}") for language, asks in table.items() for ask in asks]


@pytest.mark.parametrize("ask", rows(GOES_ON))
def test_an_ask_that_goes_on(ask):
    assert goes_on(ask, BEFORE)


@pytest.mark.parametrize("ask", rows(STANDS_ALONE))
def test_an_ask_that_stands_alone(ask):
    assert not goes_on(ask, BEFORE)


@pytest.mark.parametrize("ask", ["fix it", "why?", "继续", ""])
@pytest.mark.parametrize("previous", ["", "hi", "Hello!", "你好", "مرحبا", "добрый день"])
def test_there_is_nothing_to_go_on_from(ask, previous):
    assert not goes_on(ask, previous)


def test_an_image_alone_goes_on():
    assert goes_on("", BEFORE)


@pytest.mark.parametrize(
    "ask",
    [
        'still fails\n\ndjango.db.utils.ProgrammingError: relation "ui_panel" does not exist\nLINE 1: SELECT',
        "TypeError: 'NoneType' object is not subscriptable",
        "npm ERR! ERESOLVE could not resolve",
        "make: *** No rule to make target 'x.h'.  Stop.",
    ],
)  # fmt: skip
def test_what_came_of_the_answer_goes_on(ask):
    assert goes_on(ask, BEFORE)


@pytest.mark.parametrize(
    "ask",
    [
        "ok, back to work: the build on main is red",
        "And unrelated: does Postgres have an upsert?",
        "now open src/deploy/run.py",
        "put it into our date module",
        "Write a class for a bank account with deposit and withdraw.",
        "A cart.\n\n" + "when the cart is empty and the user is logged out " * 20,
    ],
)
def test_what_names_a_subject_of_its_own_does_not(ask):
    assert not goes_on(ask, BEFORE)


def test_ones_own_code_is_no_news_where_it_was_spoken_of():
    assert goes_on("put it into our date module", "Add a parser to our project")
    assert goes_on("and a test in tests/test_dates.py", "Fix src/dates.py")


SUBJECTS = [
    "Add a filter to the customer list",
    "Прочитай журнал ошибок сервера",
    "什么是最终一致性",
    "What is a mutex?",
]


@pytest.mark.parametrize(
    ("ask", "subject"),
    [
        ("ok, back to the customer filter: make it sticky", 0),
        ("возвращаясь к журналу ошибок: сколько их?", 1),
        ("回到最终一致性,举个例子", 2),
        ("back to the invoices", None),
        ("customer list again", None),
        ("back to the mutex", None),  # what was just left is no earlier subject
    ],
)
def test_an_ask_that_comes_back_names_its_subject(ask, subject):
    assert subject_of(ask, SUBJECTS) == ("" if subject is None else SUBJECTS[subject])


@dataclass
class Counts:
    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self):
        return self.right / (self.right + self.wrong)

    @property
    def recall(self):
        return self.right / (self.right + self.missed)


def measured():
    counts = defaultdict(Counts)
    for session in load_sessions():
        asks = [session.turns[0].text]
        for turn in session.turns[1:]:
            said, true = goes_on(turn.text, "\n\n".join(asks)), turn.relation == "goes-on"
            for count in (counts[session.human], counts["all"]):
                count.right += said and true
                count.wrong += said and not true
                count.missed += true and not said
            asks = [*asks, turn.text] if said else [turn.text]
    return counts


def test_over_all_sessions_of_the_corpus():
    counts = measured()
    assert len(counts) == 21
    assert counts["all"].precision >= 0.81
    assert counts["all"].recall >= 0.63
    low = {language for language, count in counts.items() if count.precision < 0.7 or count.recall < 0.5}
    assert low == set(), {name: (counts[name].precision, counts[name].recall) for name in low}
