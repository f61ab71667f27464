# ruff: noqa: E501, RUF001 - one language a row, in its own letters
"""Words by which short asks go on from the ones before them, or do not, a row for each language.

Phrases are parted by `|` and written in lower case. Of writing that puts no spaces between words, a phrase
is the beginning of the text.
"""

import re
from typing import NamedTuple

WORD = re.compile(r"[^\s,.!?;:…—–()\"“”«»、。！？，；：،؟।|]+")


class Phrases(NamedTuple):
    """One table, compiled."""

    start: re.Pattern[str]
    """Matches a phrase where a text begins, and what parts it from the next."""
    spaced: frozenset[str]
    """Its words parted by one space."""
    unspaced: tuple[str, ...]

    def within(self, text: str) -> bool:
        """Whether a phrase stands anywhere in a text in lower case."""
        if any(phrase in text for phrase in self.unspaced):
            return True
        words = WORD.findall(text)
        return any(
            " ".join(words[at : at + length]) in self.spaced
            for at in range(len(words))
            for length in range(1, _MOST_WORDS + 1)
        )


_MOST_WORDS = 4
"""Of a phrase that is looked for within a text."""
_SPACED = r"(?![^\W_])"
_BETWEEN = r"[\s,.!?;:…—–、。！？，；：،؟।~\-'\")]*"


def _compile(rows: dict[str, str]) -> Phrases:
    phrases = sorted({phrase for row in rows.values() for phrase in row.split("|")}, key=len, reverse=True)
    unspaced = tuple(phrase for phrase in phrases if phrase[-1] > "\u3000")
    spaced = [phrase for phrase in phrases if phrase[-1] <= "\u3000"]
    parts = [rf"(?:{'|'.join(map(re.escape, spaced))}){_SPACED}"] if spaced else []
    parts += [rf"(?:{'|'.join(map(re.escape, unspaced))})"] if unspaced else []
    return Phrases(
        start=re.compile(f"(?:{'|'.join(parts)}){_BETWEEN}"),
        spaced=frozenset(" ".join(WORD.findall(phrase)) for phrase in spaced),
        unspaced=unspaced,
    )


YES = _compile(
    {
        "en": "and|so|then|now|well|please|just|pls|plz|thanks|thank you|thx|ty|cool|great|perfect|nice|awesome|excellent|yes|yep|yeah|yup|y|k|ok|okay|sure|right|correct|exactly|agreed|fine|good|no|nope|nah|sounds good|looks good|lgtm|that works|works|works for me|of course|absolutely|definitely|go|go ahead|go on|go for it|continue|proceed|carry on|keep going|keep at it|resume|next|next step|do|do them|do it|do that|do so|ship it|make it so|finish|commit it|commit|push it|do the next one|do the next option|do the next step|do the first step|do the second step|do the third step|try|retry|again|once more|try again|one more time|run it|run that|run them|apply it|apply that|implement it|implement that|fix|fix them|fix it|fix that|both|all|all of them|all of it|the first|the second|the third|the last|the former|the latter|the first one|the second one|the third one|the last one|the first option|the second option|the third option|option a|option b|option c|option d|option 1|option 2|option 3|a|b|c|1|2|3|4|5|6|7|8|9|with it|with that|it|that|this|as suggested|as you suggested|as planned|why|why not|how|how so|really|and then|what else|anything else|undo|undo that|revert|revert it|revert that|more|shorter|longer|faster|simpler|that's it|stop|wait|for now|hm|hmm|yes please|no thanks",
        "de": "ja|jep|jo|nein|nee|doch|ok|okay|gut|super|danke|prima|perfekt|genau|passt|klar|gerne|bitte|weiter|mach weiter|mach das|mach es|mach mal|mach ich|tu das|los|leg los|nochmal|noch mal|noch einmal|versuch es nochmal|warum|wieso|weshalb|warum nicht|und|und dann|jetzt|dann|alle|alle beide|beides|beide|das erste|das zweite|die erste|die zweite|der erste|der zweite|kürzer|länger|schneller|einfacher|mehr|nimm das|so|zurück|rückgängig|stimmt|einverstanden|in ordnung|commite das|fertig|setz es um",
        "fr": "oui|ouais|non|si|ok|d'accord|dac|bien|très bien|super|parfait|merci|exactement|vas-y|vas y|allez-y|allez|continue|continuez|poursuis|encore|encore une fois|réessaie|essaie encore|pourquoi|pourquoi pas|comment|et|et après|et ensuite|alors|les deux|tous|toutes|tout|le premier|le deuxième|le second|la première|la deuxième|plus court|plus simple|plus vite|fais-le|fais ça|fais le|c'est bon|annule|s'il te plaît|stp|svp|bon|relance|lance|go",
        "es": "sí|si|no|vale|ok|bien|muy bien|genial|perfecto|gracias|exacto|claro|dale|adelante|sigue|continúa|continua|seguí|prosigue|otra vez|de nuevo|inténtalo de nuevo|reintenta|por qué|por que|por qué no|cómo|y|y luego|y después|entonces|los dos|las dos|ambos|ambas|todos|todas|todo|el primero|el segundo|la primera|la segunda|más corto|más simple|más rápido|hazlo|haz eso|hazlo así|deshazlo|por favor|ahora|listo",
        "pt": "sim|não|nao|ok|beleza|certo|isso|isso mesmo|ótimo|otimo|perfeito|obrigado|obrigada|valeu|claro|pode|pode ser|pode fazer|manda|manda ver|vai|segue|continua|continue|prossiga|de novo|outra vez|tenta de novo|tente de novo|tente novamente|por quê|por que|porque|como|e|e depois|então|os dois|as duas|ambos|todos|todas|tudo|o primeiro|o segundo|a primeira|a segunda|mais curto|mais simples|mais rápido|faz isso|faça isso|desfaz|por favor|agora|pronto",
        "it": "sì|si|no|ok|va bene|bene|perfetto|ottimo|grazie|esatto|certo|vai|vai avanti|procedi|continua|prosegui|avanti|ancora|di nuovo|riprova|perché|perche|perché no|come|e|e poi|allora|entrambi|entrambe|tutti|tutte|tutto|il primo|il secondo|la prima|la seconda|più corto|più breve|più semplice|più veloce|fallo|fai così|annulla|per favore|adesso|ora|convinto",
        "nl": "ja|nee|ok|oké|oke|goed|prima|perfect|top|bedankt|dank je|dankjewel|precies|klopt|doe maar|ga door|ga verder|verder|doorgaan|nog een keer|nog eens|opnieuw|probeer opnieuw|waarom|waarom niet|hoe|en|en dan|dan|beide|allebei|alle|allemaal|alles|de eerste|de tweede|het eerste|het tweede|korter|langer|sneller|simpeler|doe het|doe dat|maak ongedaan|graag|alsjeblieft|nu",
        "sv": "ja|jo|nej|ok|okej|bra|perfekt|toppen|tack|precis|javisst|visst|kör|kör på|fortsätt|gå vidare|igen|en gång till|försök igen|varför|varför inte|hur|och|och sen|och sedan|sen|båda|alla|allt|den första|den andra|det första|det andra|kortare|längre|snabbare|enklare|gör det|gör så|ångra|snälla|nu",
        "pl": "tak|nie|ok|okej|dobra|dobrze|super|świetnie|idealnie|dzięki|dziękuję|dokładnie|jasne|pewnie|dawaj|śmiało|kontynuuj|dalej|jeszcze raz|ponownie|spróbuj ponownie|spróbuj jeszcze raz|dlaczego|czemu|jak|i|a|i co dalej|potem|oba|obie|wszystkie|wszystko|pierwszy|drugi|pierwsza|druga|krócej|dłużej|szybciej|prościej|zrób to|zrób tak|cofnij|proszę|teraz",
        "cs": "ano|jo|ne|ok|dobře|dobrá|super|skvěle|díky|děkuji|přesně|jasně|pokračuj|dál|dále|znovu|ještě jednou|zkus to znovu|proč|jak|a|a pak|pak|oba|obě|všechny|všechno|první|druhý|druhá|kratší|kratčeji|delší|rychleji|jednodušeji|udělej to|vrať to|prosím|teď|hotovo",
        "uk": "так|ні|ок|окей|добре|супер|чудово|дякую|дяки|точно|звісно|давай|продовжуй|далі|ще раз|знову|спробуй ще раз|чому|як|і|а|а потім|потім|обидва|обидві|усі|всі|все|перший|другий|перша|друга|коротше|довше|швидше|простіше|зроби це|зроби так|скасуй|будь ласка|тепер",
        "ru": "да|ага|угу|нет|не|ок|окей|хорошо|ладно|супер|отлично|класс|спасибо|спс|точно|конечно|давай|давайте|валяй|продолжай|продолжи|дальше|далее|ещё раз|еще раз|ещё|еще|снова|заново|попробуй ещё раз|попробуй снова|почему|зачем|как|и|а|а потом|потом|оба|обе|все|всё|первый|второй|первую|вторую|короче|покороче|длиннее|быстрее|побыстрее|проще|сделай|сделай это|сделай так|так и сделай|отмени|верни|пожалуйста|теперь|готово",
        "tr": "evet|hayır|yok|tamam|ok|olur|peki|güzel|harika|süper|mükemmel|teşekkürler|sağ ol|aynen|tabii|devam|devam et|sürdür|tekrar|yeniden|bir daha|tekrar dene|neden|niye|nasıl|ve|sonra|ikisi de|ikisini de|hepsi|hepsini|hepsini yap|birincisi|ikincisi|ilki|daha kısa|daha uzun|daha hızlı|daha basit|yap|öyle yap|onu yap|geri al|lütfen|şimdi",
        "id": "ya|iya|yup|tidak|enggak|nggak|gak|ok|oke|baik|bagus|mantap|sip|siap|makasih|terima kasih|betul|tentu|lanjut|lanjutkan|teruskan|terus|lagi|sekali lagi|ulangi|coba lagi|kenapa|mengapa|bagaimana|gimana|dan|lalu|keduanya|dua-duanya|semua|semuanya|yang pertama|yang kedua|lebih pendek|lebih singkat|lebih cepat|lebih sederhana|lakukan|lakukan itu|kerjakan|batalkan|tolong|sekarang",
        "vi": "có|vâng|ừ|ừm|dạ|không|ok|oke|được|được rồi|tốt|hay|tuyệt|cảm ơn|cám ơn|đúng|đúng rồi|chuẩn|tiếp|tiếp đi|tiếp tục|tiếp tục đi|làm đi|làm luôn đi|lại|lại đi|lần nữa|thử lại|thử lại đi|tại sao|vì sao|sao vậy|sao|thế nào|và|rồi sao|cả hai|tất cả|hết|cái đầu|cái thứ hai|cái thứ nhất|ngắn hơn|dài hơn|nhanh hơn|đơn giản hơn|làm vậy đi|hoàn tác|giờ|nhé|đi",
        "zh": "是的|是|对的|对|好的|好|好吧|行|可以|嗯|嗯嗯|没错|不|不是|不对|不行|不用|谢谢|多谢|继续|请继续|接着|接着来|下一步|然后|再来|再来一次|再试一次|再试试|重试|为什么|为啥|怎么办|怎么|都要|两个都要|全部|都|第一个|第二个|最后一个|短一点|更短|快一点|简单点|就这样|就这么办|这样做|做吧|改吧|修吧|提交吧|提交|撤销|完美|不错|ok|吧|了",
        "ja": "はい|ええ|うん|いいえ|いや|違う|違います|オッケー|了解|了解です|ok|いいね|いいです|よし|完璧|ありがとう|ありがとうございます|どうも|そうして|そうしてください|そうです|そう|それで|お願い|お願いします|お願いいたします|続けて|続けてください|続き|続きを|次|次へ|次に進んで|進めて|進めてください|もう一度|もう一回|再度|やり直して|なぜ|なんで|どうして|どうやって|両方|全部|すべて|一つ目|二つ目|1つ目|2つ目|最初の|短く|もっと短く|もっと|やって|やってください|直して|直してください|元に戻して|戻して|で|ください",
        "ko": "네|넵|예|응|ㅇㅇ|아니|아니요|아니오|ㄴㄴ|좋아|좋아요|좋습니다|오케이|ㅇㅋ|ok|완벽해|고마워|고맙습니다|감사합니다|맞아|맞아요|그래|그래요|그렇게 해|그렇게 해줘|그렇게 해 줘|그렇게 해주세요|그렇게 해 주세요|계속|계속해|계속해줘|계속해 줘|계속해 주세요|이어서|다음|다음 단계|다시|다시 해|다시 해줘|다시 해 줘|다시 해봐|한 번 더|한번 더|왜|왜요|어떻게|그리고|둘 다|전부|모두|다|첫 번째|두 번째|더 짧게|더 빠르게|더 간단하게|해줘|해 줘|해주세요|고쳐줘|고쳐 줘|되돌려|되돌려줘|되돌려 줘|부탁해|부탁드립니다",
        "hi": "हाँ|हां|जी|जी हाँ|जी हां|नहीं|ठीक|ठीक है|अच्छा|बढ़िया|बहुत बढ़िया|धन्यवाद|शुक्रिया|सही|बिल्कुल|जारी रखो|जारी रखें|आगे बढ़ो|आगे|फिर से|फिर|दोबारा|एक बार और|फिर से कोशिश करो|क्यों|कैसे|और|दोनों|सब|सभी|पहला|दूसरा|छोटा करो|और छोटा|तेज़ करो|कर दो|करो|यही करो|वैसा ही करो|वापस करो|कृपया|अब|haan|han|nahi|theek hai|thik hai|kar do|karo|aage|phir se|kyun|kyu|accha|shukriya",
        "ar": "نعم|أجل|ايوه|أيوه|لا|حسنا|حسناً|حسنًا|تمام|جيد|ممتاز|رائع|شكرا|شكراً|شكرًا|صحيح|بالضبط|طبعا|أكيد|استمر|أكمل|اكمل|تابع|واصل|مرة أخرى|مجددا|مجدداً|أعد المحاولة|حاول مرة أخرى|لماذا|ليش|ليه|كيف|و|ثم|كلاهما|الاثنان|الكل|كلها|الأول|الثاني|الأولى|الثانية|أقصر|أطول|أسرع|أبسط|افعل ذلك|افعلها|نفذ|نفّذ|نفذ ذلك|تراجع|من فضلك|الآن",
    }
)
"""An ask that is nothing but such phrases goes on."""

GREETINGS = _compile(
    {
        "en": "hi|hello|hey|hi there|hello there|hey there|yo|good morning|good afternoon|good evening|how are you|are you there|test|testing|ping|can you help me|could you help me|i need help|help me",
        "de": "hallo|hi|moin|servus|guten tag|guten morgen|guten abend|grüß gott|kannst du mir helfen|bist du da",
        "fr": "bonjour|salut|coucou|bonsoir|tu peux m'aider|peux-tu m'aider|tu es là",
        "es": "hola|buenas|buenos días|buenas tardes|me puedes ayudar|puedes ayudarme|qué tal",
        "pt": "olá|ola|oi|oi tudo bem|tudo bem|bom dia|boa tarde|boa noite|pode me ajudar|me ajuda",
        "it": "ciao|salve|buongiorno|buonasera|mi puoi aiutare|puoi aiutarmi",
        "nl": "hallo|hoi|hey|goedemorgen|goedemiddag|goedenavond|kun je me helpen|kan je me helpen",
        "sv": "hej|hejsan|tjena|god morgon|kan du hjälpa mig",
        "pl": "cześć|hej|witaj|witam|dzień dobry|siema|możesz mi pomóc|pomożesz mi",
        "cs": "ahoj|čau|dobrý den|zdravím|můžeš mi pomoct|pomůžeš mi",
        "uk": "привіт|вітаю|добрий день|доброго дня|можеш допомогти|ти тут",
        "ru": "привет|здравствуй|здравствуйте|добрый день|доброе утро|добрый вечер|можешь помочь|поможешь|ты тут",
        "tr": "merhaba|selam|selamlar|günaydın|iyi günler|bana yardım eder misin|yardımcı olur musun",
        "id": "halo|hai|selamat pagi|selamat siang|selamat sore|pagi|bisa bantu|bisa bantu saya|bisa bantu aku",
        "vi": "chào|xin chào|chào bạn|hello|bạn giúp mình được không|giúp mình với",
        "zh": "你好|您好|嗨|哈喽|早上好|下午好|晚上好|在吗|能帮我吗|可以帮我吗",
        "ja": "こんにちは|おはよう|おはようございます|こんばんは|はじめまして|よろしく|よろしくお願いします|手伝って|手伝ってください",
        "ko": "안녕|안녕하세요|하이|도와줘|도와 줘|도와주세요",
        "hi": "नमस्ते|नमस्कार|हैलो|हाय|मेरी मदद करो|मदद चाहिए|namaste",
        "ar": "مرحبا|مرحباً|مرحبًا|أهلا|أهلاً|السلام عليكم|صباح الخير|مساء الخير|هل يمكنك مساعدتي",
    }
)
"""There is nothing in a greeting that a later ask could go on from."""

CHANGES = _compile(
    {
        "en": "different question|another question|other question|unrelated|unrelated question|new question|new topic|new task|next task|different topic|different task|different thing|something else|something completely different|on another note|on a different note|separate question|separately|side question|quick question|one more question|btw|by the way|changing the subject|change of topic|change of subject|switching topics|let's switch|leaving that aside|forget that|forget it|never mind|nevermind|ignore that|ignore the above|moving on|next up|next issue|next ticket|ok different|ok new|ok now something|back to|for something else|not related|off topic|off-topic|totally different|anyway|back to work",
        "de": "andere frage|andre frage|eine andere frage|neue frage|neues thema|anderes thema|andere aufgabe|neue aufgabe|nächste aufgabe|ganz was anderes|was anderes|etwas anderes|mal was anderes|etwas ganz anderes|übrigens|nebenbei|kurz dazwischen|kurze frage|zwischenfrage|kurze zwischenfrage|unabhängig davon|themenwechsel|apropos|vergiss das|zurück zu|zurück zum|zurück zur|nächstes ticket|nächstes thema",
        "fr": "autre question|une autre question|nouvelle question|autre chose|autre sujet|nouveau sujet|nouvelle tâche|rien à voir|sans rapport|au fait|à propos|changement de sujet|changeons de sujet|petite question|question rapide|hors sujet|oublie ça|laisse tomber|revenons à|pour revenir à|par ailleurs|tant qu'on y est",
        "es": "otra pregunta|otra cosa|otro tema|nueva pregunta|nueva tarea|tema nuevo|cambiando de tema|cambio de tema|por cierto|pregunta rápida|una pregunta|nada que ver|olvida eso|olvídalo|volviendo a|en otro orden|aparte de eso|aparte:|aparte de esto",
        "pt": "outra pergunta|outra coisa|outro assunto|nova pergunta|nova tarefa|mudando de assunto|a propósito|aliás|pergunta rápida|uma dúvida|nada a ver|esquece isso|voltando a|voltando ao|voltando à|por falar nisso",
        "it": "altra domanda|un'altra domanda|domanda diversa|altra cosa|un'altra cosa|altro argomento|nuova domanda|nuovo compito|cambiando argomento|cambio argomento|a proposito|tra l'altro|domanda veloce|lascia perdere|tornando a|tornando al|tornando alla",
        "nl": "andere vraag|een andere vraag|iets anders|iets heel anders|ander onderwerp|nieuwe vraag|nieuwe taak|trouwens|overigens|tussendoor|snelle vraag|korte vraag|vergeet dat|terug naar",
        "sv": "annan fråga|en annan fråga|annat ämne|något annat|en annan sak|ny fråga|ny uppgift|nästa ärende|nästa uppgift|förresten|för övrigt|snabb fråga|glöm det|tillbaka till",
        "pl": "inne pytanie|inna sprawa|inny temat|nowe pytanie|nowe zadanie|coś innego|z innej beczki|zmieniając temat|zmiana tematu|swoją drogą|przy okazji|a propos|szybkie pytanie|zapomnij o tym|wracając do|wróćmy do",
        "cs": "jiná otázka|další otázka|jiná věc|jiné téma|něco jiného|nová otázka|nový úkol|změna tématu|mimochodem|rychlá otázka|zapomeň na to|zpět k|zpátky k",
        "uk": "інше питання|інша справа|інша тема|нове питання|нове завдання|щось інше|до речі|між іншим|швидке питання|забудь|повертаючись до|повернімося до",
        "ru": "другой вопрос|другое дело|другая тема|новый вопрос|новая задача|кстати|между прочим|сменим тему|не по теме|быстрый вопрос|теперь о другом|о другом|забудь|возвращаясь к|вернёмся к|вернемся к|и вот ещё|вот ещё что",
        "tr": "başka bir soru|başka soru|farklı bir soru|başka bir şey|başka konu|farklı konu|yeni soru|yeni görev|konu değişikliği|bu arada|hızlı bir soru|boş ver|unut gitsin",
        "id": "pertanyaan lain|hal lain|topik lain|ganti topik|pertanyaan baru|tugas baru|ngomong-ngomong|oh ya|omong-omong|btw|pertanyaan singkat|lupakan itu|kembali ke|balik ke",
        "vi": "câu hỏi khác|hỏi cái khác|chuyện khác|việc khác|chủ đề khác|đổi chủ đề|câu hỏi mới|nhiệm vụ mới|nhân tiện|à mà|tiện thể|hỏi nhanh|bỏ qua cái đó|quay lại",
        "zh": "换个话题|换个问题|另一个问题|另外一个问题|另外问|另外,|另外，|别的问题|新问题|新任务|顺便问|顺便|话说|对了|题外话|插一句|不相关|忘了它|忘掉|回到|说回",
        "ja": "別の質問|別件|別の話|話は変わ|話変わ|話題を変え|ところで|ちなみに|余談|そういえば|新しい質問|新しいタスク|次のタスク|全然関係|あと別件|さっきの|先ほどの",
        "ko": "다른 질문|다른 얘기|다른 이야기|다른 주제|별개로|새 질문|새로운 질문|새 작업|주제를 바꿔|그나저나|참고로|여담|잠깐 다른|딴 얘기|아까",
        "hi": "दूसरा सवाल|अलग सवाल|एक और सवाल|एक अलग सवाल|नया सवाल|नया काम|वैसे|विषय बदल|कुछ और|वापस|dusra sawal|waise|ek aur sawal",
        "ar": "سؤال آخر|سؤال مختلف|سؤال جديد|موضوع آخر|موضوع مختلف|شيء آخر|مهمة جديدة|بالمناسبة|على فكرة|بعيدا عن|بعيداً عن|انس ذلك|عودة إلى|بالعودة إلى|نعود إلى",
    }
)
"""What opens so stands alone: its subject is another, or one from before that it names."""

RETURNS = _compile(
    {
        "en": "back to|returning to|coming back to|going back to|let's get back to|let's go back to|let's return to|about|regarding|for the|on the",
        "de": "zurück zu|zurück zum|zurück zur|nochmal zu|noch mal zu|nochmal zum|nochmal zur|noch mal zum|noch mal zur|wieder zu|wieder zum|zu dem|zu der",
        "fr": "revenons à|revenons au|revenons aux|pour revenir à|pour revenir au|retour à|retour au|concernant|à propos de|à propos du",
        "es": "volviendo a|volviendo al|volvamos a|volvamos al|de vuelta a|de vuelta al|sobre",
        "pt": "voltando a|voltando ao|voltando à|voltemos a|voltemos ao|de volta a|de volta ao|sobre",
        "it": "tornando a|tornando al|tornando alla|torniamo a|torniamo al|torniamo alla|riguardo a|riguardo al",
        "nl": "terug naar|terugkomend op|nog even over|over de|over het",
        "sv": "tillbaka till|åter till|angående",
        "pl": "wracając do|wróćmy do|co do",
        "cs": "zpět k|zpátky k|vraťme se k|ohledně|co se týče",
        "uk": "повертаючись до|повернімося до|назад до|щодо",
        "ru": "возвращаясь к|вернёмся к|вернемся к|назад к|насчёт|насчет|по поводу",
        "tr": "dönelim|geri dönersek",
        "id": "kembali ke|balik ke|soal|mengenai",
        "vi": "quay lại|trở lại|về phần|về cái",
        "zh": "回到|说回|再说回|关于刚才|关于之前|关于前面",
        "ja": "さっきの|先ほどの|最初の|前の|元の",
        "ko": "아까|다시 아까|앞의|처음",
        "hi": "वापस|पहले वाले|पहले वाली",
        "ar": "عودة إلى|بالعودة إلى|نعود إلى|لنعد إلى|بخصوص",
    }
)
"""How an ask opens that comes back to something earlier, which it names."""

OPENERS = _compile(
    {
        "en": "and|but|also|plus|then|or|now|instead|still|again|no|nope|not|yes|yeah|yep|ok|okay|k|right|great|perfect|nice|thanks|thank you|cool|fine|hmm|hm|wait|sorry|actually|just|only|even|except|same|what about|how about|what if|why|how come|how so|which one|which of|more|less|shorter|longer|faster|simpler|smaller|bigger|cleaner|another one|one more|continue|keep|go on|undo|revert|redo|repeat|the other|the first|the second|the third|the last|both|all of|none of|that|that's|it|it's|they|these|those|you forgot|you missed|you left|you didn't|you said|you could|your|i meant|i mean|mine|make it|make that|make them|do it|do that|do the same|try it|try that|put it|put that|use that|use it|add it|add that|add the|keep the|leave the|rename it|move it|explain that|explain it|looks|sounds|works|doesn't|didn't|does it|does that|is it|is that|isn't that|isn't it|can it|can that|could it|would it|would that|will it|should it|should that|as well|too|british|for customers|as a|and if",
        "de": "und|aber|auch|oder|nein|nee|ja|doch|ok|okay|gut|danke|super|jetzt|dann|nun|noch|nochmal|immer noch|stattdessen|nur|außer|sondern|warum|wieso|weshalb|was wenn|was ist mit|wie wäre es|und wenn|kürzer|länger|schneller|einfacher|ausführlicher|weniger|mehr|lieber|eher|klingt|passt|geht|funktioniert|das|die zweite|die erste|der zweite|der erste|das zweite|das erste|beide|alle|du hast|mach das|mach es|mach sie|nimm|lass|setz das|füge das|reparier|sie|davon|damit|dafür|so|genau|moment|überzeugt|stimmt|lückenlos",
        "fr": "et|mais|aussi|ou|non|oui|ok|d'accord|merci|bien|parfait|maintenant|alors|donc|ensuite|puis|encore|toujours|plutôt|seulement|juste|sauf|sans|pourquoi|et si|plus|moins|ça|cela|c'est|celui|celle|ceux|le premier|le deuxième|la première|la deuxième|le second|la seconde|les deux|tous|toutes|tu as oublié|tu as|remplace-la|remplace-le|fais-le|mets-le|mets-la|mets-les|ajoute-le|enlève-le|garde|laisse|pas|comme ça|attends|pardon|dans ce cas|même|pareil",
        "es": "y|pero|también|no|sí|vale|ok|gracias|bien|perfecto|ahora|entonces|luego|después|todavía|aún|sigue|mejor|solo|sólo|salvo|menos|sin|por qué|y si|qué tal|más|eso|esto|ese|esa|esos|esas|el primero|el segundo|la primera|la segunda|los dos|las dos|todos|todas|hazlo|ponlo|ponla|quítalo|cámbialo|añádelo|muéstrame|muéstralo|pásala|pásalo|como antes|espera|perdón|igual|lo mismo|se ve|que sea|que acepte|que muestre|que no|te falta|has olvidado",
        "pt": "e|mas|também|ou|não|nao|sim|ok|beleza|obrigado|obrigada|valeu|bem|perfeito|agora|então|depois|ainda|continua|melhor|só|apenas|exceto|menos|sem|por que|por quê|e se|mais|isso|isto|esse|essa|esses|essas|aquele|aquela|o primeiro|o segundo|a primeira|a segunda|os dois|as duas|todos|todas|faz isso|coloca isso|tira isso|troca isso|muda isso|como antes|espera|desculpa|igual|mesma coisa|faltou|você esqueceu|pode",
        "it": "e|ma|anche|no|sì|ok|va bene|grazie|bene|perfetto|ora|adesso|allora|poi|ancora|meglio|solo|soltanto|tranne|senza|perché|e se|più|meno|questo|questa|quello|quella|quelli|il primo|il secondo|la prima|la seconda|entrambi|tutti|tutte|fallo|mettilo|mettila|toglilo|cambialo|aggiungilo|spiegalo|come prima|aspetta|scusa|uguale|stessa cosa|hai dimenticato|manca",
        "nl": "en|maar|ook|nee|ja|ok|oké|bedankt|goed|prima|perfect|nu|dan|daarna|nog|nog steeds|toch|liever|alleen|behalve|zonder|waarom|en als|wat als|meer|minder|korter|langer|sneller|dat|dit|de eerste|de tweede|het eerste|het tweede|beide|allebei|alle|maak er|maak het|doe het|zet het|haal het|pas het|zoals eerder|wacht|sorry|zelfde|hetzelfde|je bent vergeten|je hebt|tot",
        "sv": "och|men|också|eller|nej|ja|ok|okej|tack|bra|perfekt|nu|då|sen|sedan|fortfarande|ändå|hellre|bara|utom|utan|varför|och om|tänk om|mer|mindre|kortare|längre|snabbare|det|den första|den andra|det första|det andra|båda|alla|gör det|sätt det|ta bort det|ändra det|som förut|vänta|förlåt|samma|du glömde|du har|inte",
        "pl": "ale|też|także|albo|lub|nie|tak|ok|dzięki|dobra|dobrze|super|świetnie|teraz|wtedy|potem|jeszcze|nadal|dalej|ciągle|raczej|lepiej|tylko|oprócz|bez|dlaczego|czemu|a jeśli|a jak|a co|a gdy|a czy|a dla|a w|a na|a bez|więcej|mniej|krócej|dłużej|szybciej|tamten|pierwszy|drugi|pierwszą|drugą|oba|obie|wszystkie|wszędzie|zrób to|zmień to|usuń to|dodaj to|tak jak|czekaj|przepraszam|to samo|zapomniałeś|brakuje|i jeszcze|i dodaj|i jak|i co|to teraz",
        "cs": "ale|také|taky|nebo|ne|ano|ok|díky|dobře|dobrá|super|teď|nyní|tak|pak|potom|ještě|stále|pořád|raději|radši|jen|pouze|kromě|bez|proč|a když|co když|víc|více|méně|kratší|kratčeji|delší|rychleji|první|druhý|druhou|oba|obě|všechny|všechna|všude|udělej to|změň to|odstraň to|přidej to|přidej ho|přidej ji|počkej|promiň|totéž|stejně|zapomněl jsi|chybí|a pak|a co|a v|a bez|a jak|a kde|a proč|a s|a vynech|a pro|a přidej|to samé",
        "uk": "і|й|та|але|також|або|чи|ні|так|ок|дякую|добре|супер|тепер|тоді|потім|ще|досі|все ще|краще|тільки|лише|крім|без|чому|а якщо|а що|а як|а для|а хто|а де|а коли|більше|менше|коротше|довше|швидше|це|цей|ця|ці|той|та|ті|перший|другий|першу|другу|обидва|усі|всі|зроби|зміни це|видали це|додай це|зачекай|вибач|те саме|ти забув|бракує",
        "ru": "и|но|также|или|нет|да|ок|ага|спасибо|хорошо|ладно|супер|отлично|теперь|тогда|потом|ещё|еще|всё ещё|все еще|всё равно|все равно|опять|снова|лучше|только|лишь|кроме|без|почему|зачем|а если|а что|а как|а для|а кто|а где|а когда|а почему|а в|а на|больше|меньше|короче|покороче|длиннее|быстрее|побыстрее|проще|попроще|это|этот|эта|эти|тот|та|те|его|её|их|первый|второй|первую|вторую|оба|обе|все|сделай это|сделай так|сделай, чтобы|поменяй это|удали это|добавь это|верни|подожди|извини|то же|так же|ты забыл|стало|нужно ещё|плюс",
        "tr": "ve|ama|fakat|ayrıca|veya|ya da|hayır|evet|tamam|ok|teşekkürler|güzel|süper|şimdi|o zaman|sonra|hâlâ|hala|yine|yine de|daha|bunun yerine|sadece|yalnızca|hariç|neden|niye|peki ya|peki|bu|bunu|buna|şu|şunu|onu|ona|onlar|onları|ilki|ikincisi|birincisi|ikinciyi|birinciyi|ikisi|ikisini|hepsi|hepsini|öyle|böyle|bekle|pardon|aynı|aynısı|unuttun|eksik|olmadı|çalışmadı|çalışmıyor",
        "id": "dan|tapi|juga|atau|tidak|enggak|nggak|jangan|bukan|ya|iya|ok|oke|makasih|terima kasih|bagus|sekarang|lalu|terus|kemudian|masih|lagi|lebih|kurang|sebaiknya|mending|hanya|cuma|kecuali|tanpa|kenapa|mengapa|kalau|gimana kalau|bagaimana kalau|bagaimana dengan|itu|ini|tadi|yang|keduanya|semua|semuanya|ganti itu|ubah itu|hapus itu|tambahkan itu|seperti|tunggu|maaf|sama|kamu lupa|kurang",
        "vi": "và|nhưng|cũng|hoặc|hay|không|có|ừ|vâng|ok|oke|cảm ơn|được|tốt|giờ|bây giờ|thế|thế còn|còn|vậy|rồi|sau đó|vẫn|lại|thêm|hơn|thay vào đó|chỉ|trừ|tại sao|sao|vì sao|nếu|cái đó|cái này|cái kia|nó|chúng|đó|cái đầu|cái thứ|cả hai|tất cả|đổi nó|sửa nó|xóa nó|thêm nó|bỏ|trả lại|như cũ|đợi|xin lỗi|giống|bạn quên|thiếu|đậm|xem lại",
        "zh": "继续|好的|好,|好，|好了|那|然后|接着|再|还|还有|也|但|但是|可是|不过|不对|不是|不行|不要|不用|是的|对|嗯|可以了|行,|行，|谢谢|现在|改成|改为|改完|换成|换一|加上|加个|加一|去掉|删掉|不带|更|太|简单点|详细|具体|正式|短一|快一|下一步|下一个|第一|第二|第三|最后一|都|全部|只|除了|为什么|为啥|怎么会|怎么还|怎么改|如果|要是|它|这样|那样|就|先|试试|试一|报错|还是|仍然|依然|同样|类似|撤销|恢复|提交|等等|抱歉|默认|有三处|有两处|用的是|没有",
        "ja": "でも|けど|しかし|それ|その|あれ|そう|じゃあ|じゃ|では|なら|はい|いいえ|いや|うん|違|ありがとう|了解|ok|今度|次|続|あと|さらに|もっと|もう少し|もう一|やっぱり|やはり|まだ|また|再度|同じ|同様|代わり|逆に|ただ|ただし|だけ|なぜ|なんで|どうして|もし|全部|すべて|両方|一つ目|二つ目|最初の|最後の|元に戻|戻して|直って|直らな|動かな|動きま|できまし|できな|エラーが|変わら|一番|残り|他の|ほかの|例も|確認しました|進め|念のため|ついでに|上の|前の",
        "ko": "그럼|그러면|그거|그걸|그건|그게|그것|그 |그리고|그런데|근데|하지만|이제|다시|계속|이어서|왜|아니|네,|네 |응|예,|좋아|좋습니다|오케이|ok|더|좀 더|또|여전히|아직|똑같|같은|대신|만약|전부|모두|둘 다|첫 번째|두 번째|마지막|나머지|되돌|안 되|안 돼|안돼|안되|됐|적용|추가로|또한|고마워|감사|잠깐|미안|혹시",
        "hi": "और|लेकिन|मगर|पर|भी|या|नहीं|हाँ|हां|ठीक|अच्छा|धन्यवाद|अब|तो|फिर|अभी भी|अब भी|बस|सिर्फ|केवल|क्यों|अगर|यह|ये|वह|वो|इसे|इसको|उसे|उसको|इसमें|उसमें|पहला|दूसरा|पहले वाला|दूसरे वाला|दोनों|सब|सभी|वैसा|ऐसा|रुको|हर|और छोटा|और तेज़|aur|lekin|par|ab|phir|agar|isko|usko|isme|bas|nahi|haan",
        "ar": "ولكن|لكن|أيضا|أيضاً|أو|لا|نعم|حسنا|حسناً|تمام|شكرا|شكراً|ممتاز|الآن|ثم|بعد ذلك|ما زال|ما زالت|مازال|لا يزال|لا تزال|مرة أخرى|بدلا من|بدلاً من|فقط|باستثناء|ماعدا|ما عدا|بدون|لماذا|ليش|ماذا لو|ماذا عن|وماذا|ومتى|وكيف|وهل|ولماذا|وما|وأين|وفي|ومع|وإذا|وبدون|وأضف|واحذف|هذا|هذه|ذلك|تلك|هو|هي|الأول|الثاني|الأولى|الثانية|كلاهما|كلها|جميعها|انتظر|عذرا|نفس|نسيت|أصلح الأول|احذف القديمة",
    }
)
"""A short ask that opens so goes on."""

REPORTS = _compile(
    {
        "en": "still|that didn't work|that doesn't work|that did not work|it doesn't work|it didn't work|it does not work|didn't work|doesn't work|not working|it fails|it failed|that failed|fails|failed|now it|now i get|now it's|now the|now there|i get|i got|i'm getting|i still|same error|same problem|same issue|same result|it says|it still|it works|works now|it crashed|it crashes|nothing changed|no change|got this|gives me|getting|another error|new error|the error|here's the output|here is the output|here's the error|output|this is the output|you broke|tests fail|two fail|one test fails|the test fails|build fails|the build fails",
        "de": "immer noch|geht nicht|geht immer noch nicht|funktioniert nicht|funktioniert immer noch nicht|klappt nicht|das geht nicht|das hat nicht|das funktioniert nicht|hat nicht geklappt|jetzt|gleicher fehler|derselbe fehler|neuer fehler|es kommt|ich bekomme|ich kriege|hier die ausgabe|hier ist die ausgabe|ausgabe",
        "fr": "ça ne marche pas|ca ne marche pas|ça marche pas|ça marche|ça ne change rien|toujours|même erreur|la même erreur|j'ai|j'obtiens|maintenant|voilà|voici ce que|voici l'erreur|voici la sortie|ça bloque|ça plante",
        "es": "no funciona|sigue sin|sigue fallando|sigue igual|todavía|aún|mismo error|el mismo error|ahora|me sale|me da|da error|falla|falló|aquí está la salida|esta es la salida",
        "pt": "não funciona|não funcionou|nao funcionou|não deu certo|deu errado|continua|ainda|mesmo erro|o mesmo erro|agora|deu erro|dá erro|apareceu|falhou|aqui está a saída",
        "it": "non funziona|non va|non ha funzionato|ancora|stesso errore|lo stesso errore|adesso|ora|mi dà|ottengo|fallisce|ecco l'output|ecco l'errore",
        "nl": "werkt niet|het werkt niet|dat werkt niet|werkt nog steeds niet|nog steeds|zelfde fout|dezelfde fout|nu|ik krijg|faalt|hier is de uitvoer",
        "sv": "fungerar inte|det fungerar inte|det funkar inte|funkar inte|fortfarande|samma fel|nu|jag får|misslyckas|här är utdata|bygget klagar",
        "pl": "nie działa|to nie działa|dalej nie działa|nadal|dalej|wciąż|ten sam błąd|teraz|dostaję|mam błąd|wywala|oto wynik",
        "cs": "nefunguje|to nefunguje|pořád nefunguje|stále|pořád|stejná chyba|teď|dostávám|padá|padají|tady je výstup",
        "uk": "не працює|це не працює|досі не працює|досі|все ще|та сама помилка|тепер|отримую|падає|ось вивід",
        "ru": "не работает|это не работает|всё ещё не работает|не помогло|не сработало|по-прежнему|всё ещё|все еще|та же ошибка|теперь|получаю|падает|вылетает|вот вывод|вот ошибка",
        "tr": "çalışmıyor|çalışmadı|olmadı|hâlâ|hala|aynı hata|şimdi|alıyorum|hata veriyor|işte çıktı",
        "id": "tidak jalan|nggak jalan|gak jalan|tidak bisa|nggak bisa|masih|error yang sama|errornya sama|sekarang|muncul|gagal|ini outputnya|hasilnya",
        "vi": "không chạy|không được|chưa được|vẫn|lỗi y như cũ|cùng lỗi|giờ|bây giờ|bị lỗi|báo lỗi|đây là kết quả",
        "zh": "还是|不行|不好使|没用|不起作用|还报错|报错|同样的错误|一样的错误|现在|出现|又|结果|输出",
        "ja": "まだ|動きません|動かない|うまくいかない|うまくいきません|ダメ|だめ|直りません|同じエラー|今度は|エラー|出力",
        "ko": "안 돼|안돼|안 됩니다|안됩니다|여전히|아직도|아직|같은 에러|같은 오류|똑같은|이제|에러|오류|출력",
        "hi": "काम नहीं|नहीं चला|नहीं हुआ|अभी भी|अब भी|वही error|वही एरर|वही गलती|अब|error आ|nahi chala|kaam nahi",
        "ar": "لا يعمل|لم يعمل|لا تعمل|لم ينجح|ما زال|ما زالت|لا يزال|نفس الخطأ|الآن|يظهر|ظهر|فشل|هذا هو الناتج",
    }
)
"""What came of the last answer; the output may follow in a paragraph of its own."""

PREPOSITIONS = _compile(
    {
        "en": "in|for|with|without|as|to|using|use|via|from|at|on|by|like|of|until|between|all",
        "de": "in|im|für|mit|ohne|als|auf|per|von|bei|am|ins|bis|wie|nach|zum",
        "fr": "en|pour|avec|sans|comme|dans|par|de|du|au|sur|jusqu'à|à",
        "es": "en|para|con|sin|como|por|de|del|al|hasta|sobre",
        "pt": "em|para|pra|com|sem|como|por|de|até",
        "it": "in|per|con|senza|come|di|del|da|su|al|fino",
        "nl": "in|voor|met|zonder|als|naar|van|op|via|tot|bij|per",
        "sv": "på|för|med|utan|som|till|från|av|via|per",
        "pl": "w|we|na|dla|z|ze|bez|jako|po|przez|od|przy",
        "cs": "v|ve|na|pro|s|se|bez|jako|po|přes|od|kód v",
        "uk": "у|в|на|для|з|із|без|як|до|через|по|від",
        "ru": "в|во|на|для|с|со|без|как|до|через|по|от|у",
        "tr": "ile|için|gibi",
        "id": "di|untuk|dengan|tanpa|pakai|pake|sebagai|ke|dari|dalam|lewat",
        "vi": "bằng|cho|với|không dùng|dùng|như|trong|ở|từ|theo|kiểu",
        "zh": "用|以|按|在|对",
        "hi": "बिना",
        "ar": "في|مع|بدون|من|إلى|على|بمثال|بلغة|باستخدام",
    }
    | {"ja": "なしで"}
)
"""A few words that open so are a part of a sentence."""

REFERENCES = _compile(
    {
        "en": "it|them|that|those|this one|that one|the same|the second|the first one|the other|the previous|the last one|above|earlier|before|instead|either|too|as well|again|yours|your|you've|you used|you said|you left|you forgot|else|anyway",
        "de": "davon|damit|dafür|dazu|darin|darüber|stattdessen|auch|nochmal|wieder|noch|dasselbe|dieselbe|gleiche|oben|vorhin|vorher|dort|deine|dein|du hast|den ersten|die zweite|diesen|diese|ihn|beiden",
        "fr": "ça|cela|le même|la même|celui-ci|celle-ci|celui-là|aussi|encore|l'autre|ci-dessus|plutôt|ta|ton|tu as|les deux premiers|tienne|tien",
        "es": "eso|esto|lo mismo|el mismo|la misma|también|otra vez|de nuevo|el otro|la otra|anterior|mejor",
        "pt": "isso|isto|ele|ela|o mesmo|a mesma|também|de novo|o outro|a outra|anterior|acima|melhor|esse|essa|disso|nisso|aí",
        "it": "lo stesso|la stessa|anche|di nuovo|l'altro|l'altra|precedente|sopra|invece|questo|quello|quella|quelli|lì|tuo|tua",
        "nl": "dat|dit|deze|hetzelfde|dezelfde|ook|nog|opnieuw|de andere|vorige|hierboven|daar|ervan|erbij|ermee|jouw",
        "sv": "det|samma|också|även|igen|den andra|föregående|ovan|där|istället|din|ditt|också",
        "pl": "tego|tym|też|także|znowu|jeszcze|to samo|ten sam|poprzedni|powyżej|zamiast|tam|twój|twoja|na to|do tego",
        "cs": "toho|tím|ji|jich|také|taky|ještě|znovu|totéž|stejný|předchozí|výše|místo|tam|tvůj",
        "uk": "це|цього|цим|його|її|їх|теж|також|ще|знову|те саме|той самий|попередній|вище|замість|там|твій|твою",
        "ru": "это|этого|этим|этот|его|её|ее|их|тоже|также|ещё|еще|снова|то же|тот же|предыдущий|выше|вместо|там|туда|твой|твою",
        "tr": "bunu|bunun|buna|bunda|onu|onun|ona|onları|şunu|de aynısını|aynısı|aynı|ayrıca|tekrar|yine|önceki|yukarıdaki|yerine|orada|ikisini|hepsini|olsun",
        "id": "itu|nya|tadi|juga|lagi|sama|sebelumnya|di atas|saja|aja|situ",
        "vi": "nó|chúng|đó|này|kia|cũng|lại|nữa|giống vậy|trước đó|ở trên|thay vào|luôn|nhé|hơn",
        "zh": "它|它们|上面|刚才|刚刚|前面|之前的|同样|一样|这样|那样|这里|那里|一点|一些",
        "ja": "それ|その|そこ|これを|これも|さっき|先ほど|上記|同じ|同様|もう一度|また|も追加|も書いて|も入れて|のまま|にして|に変更|だけで|なしで|でお願い|はいらない|は不要",
        "ko": "그거|그걸|그것|그건|거기|이거|이걸|아까|방금|위의|같은|똑같이|다시|또|도 추가|도 넣|도 해|만 남|으로 바꿔|로 바꿔|으로 해|로 해|이면\\?|도\\?|는요|해줘",
        "hi": "इसे|इसको|इसका|इसकी|इसमें|उसे|उसको|उसका|उसमें|यह|ये|वह|वो|वही|वाला|वाली|वाले|भी|फिर से|दोबारा|ऊपर|वहाँ|isko|usko|isme|usme|wala|bhi",
        "ar": "هذا|هذه|ذلك|تلك|إليه|إليها|فيه|فيها|منه|منها|عليه|عليها|به|بها|له|لها|أيضا|أيضاً|نفسه|نفسها|السابق|أعلاه|مرة أخرى|مجددا|هناك",
    }
)
"""Words that point at something said before."""

NEW_QUESTIONS = _compile(
    {
        "en": "what is|what's|what are|what does|what do|what's the difference|what is the difference|how do i|how do you|how does|how to|how can i|how would i|when should|when do i|when would|where is the|who is|which is better|explain how|explain what|explain the|can you explain|could you explain|tell me about|is there a|are there|in python|in javascript|in java|in go|in rust|name a|give me a|suggest a",
        "de": "was ist|was sind|was macht|was bedeutet|was heißt|was ist der unterschied|was verdient|wie funktioniert|wie kann ich|wie mache ich|wie schreibe ich|wie heißt|wie viele|wann nimmt|wann nehme|wann benutzt|erklär mir|erkläre mir|erkläre|gibt es|welcher|welche ist|ist es|wofür steht",
        "fr": "qu'est-ce que|qu'est-ce qu'un|c'est quoi|que signifie|que veut dire|quelle est la différence|la différence entre|comment faire|comment fonctionne|comment marche|comment on|explique-moi|explique|y a-t-il|quel est|quelle est|quel format|dans quel|à quoi sert",
        "es": "qué es|que es|qué son|qué significa|cuál es la diferencia|cuál es|cómo funciona|cómo se|cómo puedo|cómo hago|explícame|explica|hay alguna|cuándo conviene|cuántas|cuántos|para qué sirve",
        "pt": "o que é|o que são|o que significa|o que quer dizer|qual a diferença|qual é a diferença|qual é|como funciona|como faço|como se|como posso|me explica|explica|explique|existe algum|quando usar|para que serve|me fala|me sugere",
        "it": "cos'è|che cos'è|cosa sono|cosa significa|qual è la differenza|qual è|come funziona|come si|come faccio|come posso|spiegami|spiega|esiste un|quando conviene|quanti|quante|a cosa serve",
        "nl": "wat is|wat zijn|wat betekent|wat is het verschil|hoe werkt|hoe kan ik|hoe maak ik|hoe zet ik|hoe sorteer|hoe sorteren|hoeveel|leg uit|leg|is er een|wanneer gebruik|waarvoor",
        "sv": "vad är|vad betyder|vad är skillnaden|vad gör|hur fungerar|hur gör man|hur gör jag|hur kan jag|förklara|finns det|när ska man|vad heter",
        "pl": "co to jest|co to|co oznacza|co znaczy|jaka jest różnica|czym się różni|czym jest|jak działa|jak mogę|jak zrobić|jak zmierzyć|wyjaśnij|wytłumacz|czy istnieje|kiedy używać|a jak zmierzyć|a w jakim",
        "cs": "co je|co to je|co znamená|jaký je rozdíl|jak funguje|jak se|jak můžu|jak udělat|vysvětli|existuje|kdy použít|je lepší|a co je",
        "uk": "що таке|що означає|яка різниця|чим відрізняється|як працює|як зробити|як мені|поясни|чи існує|чи є|коли варто|скільки|а скільки",
        "ru": "что такое|что значит|что означает|в чём разница|в чем разница|чем отличается|как работает|как сделать|как мне|объясни|поясни|существует ли|есть ли|когда лучше|какой максимальной|какая разница|сколько",
        "tr": "nedir|ne demek|farkı ne|arasındaki fark|nasıl çalışır|nasıl yapılır|nasıl yaparım|açıkla|anlat|var mı|bir de",
        "id": "apa itu|apa arti|apa bedanya|apa perbedaan|bagaimana cara|gimana cara|cara|jelaskan|apakah ada|kapan sebaiknya|berapa",
        "vi": "là gì|nghĩa là gì|khác nhau|phân biệt|làm sao để|làm thế nào|cách|giải thích|có cách nào|khi nào nên|mã hex|trong code",
        "zh": "什么是|什么叫|区别是什么|有什么区别|怎么用|如何|怎样|解释一下|介绍一下|有没有办法",
        "ja": "とは|違いは何|違いを教|使い方を教|について教|説明して|どうやって使",
        "ko": "무엇인가|이 뭐야|가 뭐야|차이가 뭐|차이점|어떻게 사용|에 대해 설명|설명해",
        "hi": "क्या होता है|किसे कहते|क्या है|में क्या अंतर|कैसे काम|समझाओ|kya hota hai|kya hai",
        "ar": "ما هو|ما هي|ما معنى|ما الفرق|كيف يعمل|كيف أكتب|كيف يمكن|اشرح|هل يوجد|هل توجد|متى يجب",
    }
)
"""A question that names its own subject."""

NEW_WORK = _compile(
    {
        "en": "write a|write an|write me|write some|write the|create a|create an|create the|implement a|implement an|implement the|build a|build me|generate a|generate an|give me|show me a|code a|develop|design a|make a|make me|set up|refactor|migrate|rename|review|please write|please create|please implement|can you write|could you write|i need a|i want a|i have a|we need|convert|translate|find|search|look at|look into|check|read|open|run the|start the|deploy|install|update|upgrade|investigate|debug|summarise|summarize|document",
        "de": "schreib|schreibe|erstelle|erzeuge|baue|implementiere|entwickle|entwirf|gib mir|zeig mir|ich brauche|ich habe|formuliere|übersetze|suche|such|finde|prüfe|bitte prüfe|benenne|migriere",
        "fr": "écris|ecris|crée|créer|génère|implémente|construis|développe|donne-moi|montre-moi|j'ai besoin|il me faut|traduis|cherche|trouve|vérifie|renomme|migre",
        "es": "escribe|crea|genera|implementa|construye|desarrolla|dame|muéstrame un|necesito|tengo|traduce|busca|encuentra|revisa|renombra|migra|añade un",
        "pt": "escreve|escreva|cria|crie|gera|gere|implementa|implemente|constrói|desenvolve|me dá|me dê|preciso|tenho|traduz|traduza|procura|encontra|verifica|renomeia|migra",
        "it": "scrivi|crea|genera|implementa|costruisci|sviluppa|dammi|mostrami|ho bisogno|mi serve|ho|traduci|cerca|trova|controlla|rinomina|migra",
        "nl": "schrijf|maak een|creëer|genereer|implementeer|bouw|ontwikkel|geef|geef me|ik heb|ik zoek|vertaal|zoek|vind|controleer|hernoem|migreer",
        "sv": "skriv|skapa|generera|implementera|bygg|utveckla|ge mig|visa mig|jag behöver|jag har|översätt|sök|hitta|kontrollera|byt namn|migrera",
        "pl": "napisz|stwórz|utwórz|wygeneruj|zaimplementuj|zbuduj|daj mi|pokaż mi|potrzebuję|mam|przetłumacz|znajdź|wyszukaj|sprawdź|zmień nazwę",
        "cs": "napiš|vytvoř|vygeneruj|implementuj|postav|dej mi|ukaž mi|potřebuji|potřebuju|mám|přelož|najdi|vyhledej|zkontroluj|přejmenuj",
        "uk": "напиши|створи|згенеруй|реалізуй|побудуй|дай мені|покажи мені|мені потрібно|маю|переклади|знайди|перевір|перейменуй|подивись",
        "ru": "напиши|создай|сгенерируй|реализуй|построй|дай мне|покажи мне|мне нужно|мне нужна|у меня|переведи|найди|проверь|переименуй|посмотри|придумай",
        "tr": "yaz|oluştur|üret|uygula|geliştir|bana|ihtiyacım var|çevir|bul|ara|kontrol et",
        "id": "tulis|tuliskan|buat|buatkan|bikin|bikinin|hasilkan|implementasikan|kembangkan|beri saya|tunjukkan|saya butuh|terjemahkan|cari|temukan|periksa|cek|jalankan",
        "vi": "viết|tạo|sinh|triển khai|xây dựng|cho mình|cho tôi|mình cần|tôi cần|dịch|tìm|kiểm tra|đổi tên",
        "zh": "写一|写个|帮我写|创建|生成|实现|给我|我需要|我要|翻译|查找|搜索|检查|重命名|帮我起|帮我在|看一下|看下",
        "hi": "लिखो|बनाओ|लिखिए|बनाइए|मुझे|खोजो|ढूंढो|जाँचो",
        "ar": "اكتب|أنشئ|ولّد|نفّذ برنامج|ابنِ|طوّر|أعطني|أرني|أحتاج|لدي|ترجم|ابحث|تحقق|راجع",
    }
    | {"ja": "書いてください"}
)
"""An ask for work of its own."""

OURS = _compile(
    {
        "en": "our|ours|we|my|the repo|this repo|the repository|the codebase|our codebase|this project|the project|the code base|in production|on staging|this branch|the branch|codebase|repo|repository",
        "de": "unser|unsere|unserem|unseren|unserer|unseres|wir|mein|meine|meinem|bei uns|im projekt|im repo|dem projekt|diesem projekt|repository|codebasis|mandanten",
        "fr": "notre|nous|mon|mes|chez nous|le projet|ce projet|le dépôt",
        "es": "nuestro|nuestra|nuestros|nuestras|mis|nosotros|el proyecto|este proyecto|el repositorio|el repo",
        "pt": "nosso|nossa|nossos|nossas|meu|minha|a gente|o projeto|este projeto|nesse projeto|o repositório|do projeto",
        "it": "nostro|nostra|nostri|nostre|mio|mia|noi|il progetto|questo progetto|il repository|nel progetto",
        "nl": "ons|onze|wij|we|mijn|het project|dit project|de repo|de repository",
        "sv": "vår|vårt|våra|mitt|mina|hos oss|projektet|det här projektet|repot",
        "pl": "nasz|nasza|nasze|naszym|naszej|naszego|naszych|my|mój|moja|u nas|projekcie|projektu|repo|repozytorium",
        "cs": "náš|naše|našem|naší|naši|našich|my|můj|moje|u nás|máme|projektu|repo|repozitáři",
        "uk": "наш|наша|наше|наші|нашій|нашому|нашого|нашої|ми|мій|моя|у нас|проєкті|проєкту|репозиторії|репозиторій",
        "ru": "наш|наша|наше|наши|нашем|нашей|нашего|наших|мы|мой|моя|у нас|проекте|проекта|репозитории|репозиторий",
        "tr": "bizim|biz|benim|projemiz|projede|projedeki|bu proje|depoda|repoda",
        "id": "kita|kami|punya kita|project ini|proyek ini|di project|di proyek|repo|repositori",
        "vi": "của mình|của chúng ta|của chúng tôi|bên mình|chúng ta|chúng tôi|dự án|repo|trong code mình",
        "zh": "我们|咱们|我的|仓库|项目|代码库|线上|生产上",
        "ja": "うちの|我々|私たち|弊社|当社|プロジェクト|リポジトリ|本番の|このコードベース",
        "ko": "우리|저희|내 프로젝트|프로젝트|저장소|레포",
        "hi": "हमारे|हमारी|हमारा|मेरे|मेरी|मेरा|प्रोजेक्ट|project|रिपो|repo|hamare|hamari|mere",
        "ar": "لدينا|عندنا|مشروعنا|خادمنا|نحن|مشروعي|المشروع|المستودع|كودنا",
    }
)
"""The user's own code, named where nothing before was about it."""
