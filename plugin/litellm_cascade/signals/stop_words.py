"""Frequent short words by language: written for this project from each language's articles, pronouns, prepositions and question words.

A word of several languages votes for each of them. Single ASCII letters are left out: in exams and formulas they are no words.
"""

# ruff: noqa: RUF001 -- Cyrillic words are made of Cyrillic letters

from __future__ import annotations

from typing import Final

_WORDS: Final = {
    "en": "the a an of to and that this these those are was were be been it its you your my me we our they their he she "
    "his her what which who how why where when can could would should will do does did have has had there about "
    "into than then also please write give on at by "
    "in is for if or not with as but from no any all whom only some such between after before",
    "de": "der die das den dem des ein eine einen einem einer und oder nicht ist sind war ich du sie wir ihr mein dein "
    "sein mit von zu zum zur auf für über wie was wer wo warum wann kann bitte schreibe auch aber wenn dass sich im "
    "am als nach bei aus",
    "fr": "le la les un une des du de et ou est sont était je tu il elle nous vous ils mon ton son ma sa mes ses avec "
    "pour dans sur par pas ne que qui quoi comment pourquoi où quand ce cette ces au aux plus mais peux pouvez "
    "écris quel quelle",
    "es": "el la los las un una unos de del y o es son era yo tú él ella nosotros mi su sus con para por en no que qué "
    "quién cómo cuándo dónde cuál este esta estos al más pero puede puedes escribe como se lo le",
    "it": "il lo la gli le un una uno di del della dei delle e è sono era io tu lui lei noi mio tuo suo con per in non "
    "che chi cosa come perché dove quando questo questa questi al alla più ma puoi può scrivi si da dal nel nella",
    "pt": "o a os as um uma uns de do da dos das e é são era eu tu você ele ela nós meu seu sua com para por em no na não "
    "que quem como onde quando qual este esta isso ao à mais mas pode escreva se lhe pelo pela",
    "nl": "de het een en of niet is zijn was ik jij je hij zij wij we u mijn jouw zijn haar met van voor op aan naar door "
    "hoe wat wie waar waarom wanneer kan kun deze dit die dat ook maar als om bij uit er schrijf",
    "sv": "och att det som en ett är jag du han hon vi ni de den inte på av för med till om har var vad hur varför när "
    "kan min din sig så men från skriv",
    "da": "og at det som en et er jeg du han hun vi de den ikke på af for med til om har var hvad hvordan hvorfor hvornår "
    "kan min din sig så men fra skriv",
    "no": "og at det som en et er jeg du han hun vi de den ikke på av med til om har var hva hvordan hvorfor når kan min "
    "din seg så men fra skriv",
    "fi": "ja on ei se että hän minä sinä me te he ovat oli mutta kun jos niin kuin mikä mitä kuka missä miksi miten voi "
    "tämä myös kirjoita tai olla",
    "pl": "i w na z do że się nie jest są to jak co kto gdzie dlaczego kiedy ja ty on ona my wy ich jego jej dla od po "
    "przez oraz ale czy ten ta napisz",
    "cs": "a v na z do že se ne je jsou to jak co kdo kde proč kdy já ty on ona my pro od po při nebo ale ten ta napiš který jeho není",
    "sk": "a v na z do že sa nie je sú to ako čo kto kde prečo kedy ja ty on ona my pre od po pri alebo ale ten tá napíš ktorý jeho",
    "ro": "și în la de pe cu nu este sunt un o unei ce cine unde cum când eu tu el ea noi pentru din care mai dar sau să se al ale scrie",
    "hu": "a az és hogy nem is egy ez azt van volt én te ő mi ti meg de ha mint mit ki hol miért mikor hogyan vagy csak írj el",
    "tr": "ve bir bu da de için ile ne kim nerede nasıl niçin neden değil mi ben sen o biz siz çok ama gibi daha olan var "
    "yok yaz kadar olarak",
    "id": "yang dan di ke dari untuk dengan ini itu adalah tidak saya anda kami kita dia apa siapa bagaimana mengapa pada "
    "akan juga atau bisa tolong tulis",
    "vi": "là và của có không được cho một các những này đó tôi bạn với trong người như thế nào tại sao hãy viết để",
    "ru": "и в не на что как это по с а но из к у за от для же так вы мы он она они я ты мне его её или если когда где "
    "почему кто какой напиши был",
    "uk": "і в не на що як це по з а але із до у за від для ж так ви ми він вона вони я ти мені його її або якщо коли де "
    "чому хто який напиши був є та",
    "bg": "и в не на че как това по с а но от към у за до ще така вие ние той тя те аз ти ми го или ако кога къде защо "
    "кой какъв напиши беше е са да се",
}


def _by_word() -> dict[str, tuple[str, ...]]:
    languages: dict[str, tuple[str, ...]] = {}
    for language, words in _WORDS.items():
        for word in dict.fromkeys(word for word in words.split() if len(word) > 1 or not word.isascii()):
            languages[word] = (*languages.get(word, ()), language)
    return languages


LANGUAGES_OF: Final = _by_word()
