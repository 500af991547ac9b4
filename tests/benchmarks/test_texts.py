"""The texts that searches are measured on."""

from benchmarks.memory import texts


def test_written_texts_stand_there_once_and_none_of_them_is_asked() -> None:
    corpus = texts.written(200)
    assert len({*corpus.texts}) == len(corpus.texts) > 3_000
    assert len({*corpus.questions}) == len(corpus.questions) == 200
    assert not {*corpus.texts} & {*corpus.questions}
    assert not [text for text in corpus.texts if "](" in text or "|" in text[:1]]


def test_the_same_number_of_texts_is_the_same_texts() -> None:
    assert texts.made(20, 5) == texts.made(20, 5)
    assert texts.written(20) == texts.written(20)
