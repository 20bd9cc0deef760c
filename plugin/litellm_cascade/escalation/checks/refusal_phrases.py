"""How refusals begin, by language.

A phrase names an inability *and* what is refused ("I can't help with that"), because an apology alone opens many good answers. The phrases
miss refusals in other words; that is the price of hardly ever taking an answer for one.
"""

# ruff: noqa: RUF001 -- languages are written in their own letters

from __future__ import annotations

from typing import Final

_SORRY = r"(?:(?:i['’]?m|i am) (?:very |really |so |truly )?sorry|sorry|apologies|my apologies|i apologi[sz]e|unfortunately)"
_UNABLE = r"i (?:can['’]?t|can ?not|could not|won['’]t|will not|am unable to|am not able to|must decline to)|i['’]m (?:unable|not able) to"
_HARM = r"(?:harm\w*|illegal|explicit|inappropriate|violen\w+|unethical|dangerous|hateful|offensive|sexual\w*)"
_REFUSED = (
    r"(?:(?:assist|help)(?: you)? (?:with|in)? ?(?:that|this|your (?:request|question)|these|those|such|anything|any|" + _HARM + r")"
    r"|comply with|fulfil+ (?:that|this|your|the|such)|continue (?:with )?(?:this|that)"
    r"|provide (?:you )?(?:with )?(?:any )?(?:information|instructions|guidance|assistance|help|advice|support|details|that|this|"
    + _HARM
    + r")"
    r"|(?:create|generate|write|produce|engage in|discuss|answer|participate in|support|facilitate|promote)\b[^.\n]{0,80}?\b"
    r"(?:content|request|topic|question|conversation|activit(?:y|ies)|that|" + _HARM + r"))\b"
)

PHRASES: Final = {
    "en": rf"(?:{_SORRY}[,.!:]? *(?:but )?)?(?:as an ai[^,.]{{0,30}},? *)?(?:{_UNABLE}) {_REFUSED}",
    "de": r"(?:(?:es )?tut mir (?:sehr )?leid[,.!]? *(?:aber )?|leider )?(?:ich )?kann (?:ich )?(?:ihnen |dir |euch )?"
    r"(?:dabei|damit|bei dieser (?:anfrage|bitte)|diese(?:r)? (?:anfrage|bitte)|diese frage|darauf|diese informationen) "
    r"(?:leider )?nicht (?:helfen|weiterhelfen|behilflich|erfüllen|nachkommen|beantworten|antworten|geben|bereitstellen)",
    "fr": r"(?:(?:je suis )?(?:vraiment )?désolée?[,.!]? *(?:mais )?)?je (?:ne peux|ne suis) pas (?:en mesure (?:de |d['’]))?"
    r"(?:vous |t['’]|te )?(?:aider (?:avec|à) (?:cela|ça|cette|ce)|répondre à (?:cette|votre)|accéder à (?:cette|votre)"
    r"|fournir (?:ces|de telles)|satisfaire (?:cette|votre))",
    "es": r"(?:lo siento(?: mucho)?[,.!]? *(?:pero )?)?no puedo (?:ayudarte|ayudarle|ayudar|asistir|cumplir|responder|proporcionar) "
    r"(?:con |a |esa |ese )?(?:eso|esto|esa|ese|esta|este|tu|su|información)",
    "it": r"(?:mi dispiace[,.!]? *(?:ma )?)?non posso (?:aiutarti|aiutarla|aiutare|assisterti|rispondere|fornire|soddisfare) "
    r"(?:con |in |a )?(?:questo|questa|ciò|quello|informazioni|la tua|la sua)",
    "pt": r"(?:desculpe|sinto muito|lamento)?[,.!]? *(?:mas )?(?:eu )?não posso (?:ajudar|ajudá-l[oa]|auxiliar|responder|fornecer|atender) "
    r"(?:com |a |você com )?(?:isso|isto|essa|esse|este|esta|sua|seu|informações)",
    "nl": r"(?:het spijt me|sorry)?[,.!]? *(?:maar )?(?:ik kan|kan ik) (?:je |u )?"
    r"(?:daar|hier|daarmee|hiermee|bij dit verzoek|met dit verzoek) "
    r"(?:niet|helaas niet) (?:mee |bij )?helpen",
    "pl": r"(?:przepraszam|przykro mi|niestety)[,.!]? *(?:ale )?nie mogę "
    r"(?:w tym |ci w tym |z tym )?(?:pomóc|odpowiedzieć na|spełnić|udzielić)",
    "ru": r"(?:извините|простите|к сожалению|мне жаль)[,.!]? *(?:но )?я не могу "
    r"(?:вам |тебе )?(?:с этим |в этом |с таким |на это )?"
    r"(?:помочь|выполнить|ответить|предоставить|обсуждать)",
    "tr": r"(?:üzgünüm|özür dilerim|maalesef)[,.!]? *(?:ama |ancak )?(?:bu|size) [^.\n]{0,60}"
    r"(?:yardımcı olamam|yanıt veremem|yerine getiremem)",
    "zh": r"(?:很|非常)?(?:抱歉|对不起|對不起|不好意思)[,.!，。！]? *(?:但)?(?:是)?"
    r"我(?:无法|不能|無法)(?:为您|帮助|協助|协助|满足|滿足|回答|提供|完成)",
    "ja": r"(?:大変)?申し訳(?:ありません|ございません)(?:が|けど)?[、。]? *"
    r"(?:その|この|そのような|ご)[^。\n]{0,60}"
    r"(?:お手伝い|お応え|お答え|対応|提供|応じる)[^。\n]{0,10}(?:できません|できかねます)",
    "ko": r"(?:죄송합니다|죄송하지만|미안하지만)[,.]? *(?:하지만 )?[^.\n]{0,60}"
    r"(?:도와드릴|도움을 드릴|제공할|답변할|응할|답변해 드릴) 수 없습니다",
    "ar": r"(?:عذرًا|عذرا|آسف|أعتذر|للأسف)[,،.]? *(?:لكن |ولكن )?"
    r"(?:لا يمكنني|لا أستطيع) (?:مساعدتك|المساعدة|تقديم|الإجابة|تلبية)",
    "hi": r"(?:क्षमा करें|माफ़ करें|माफ कीजिए|मुझे खेद है)[,।]? *(?:लेकिन )?मैं [^।\n]{0,60}(?:मदद|सहायता|प्रदान|उत्तर) नहीं (?:कर|दे) सकत",
}
"""Regular expressions to be matched at the start of an answer, without regard to case."""
