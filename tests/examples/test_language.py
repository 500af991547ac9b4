from examples.agents import language


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in language.sentences(text)]


def test_abbreviations_and_decimals_end_no_sentence():
    said = texts(
        "Dr. Saskia Lindqvist met Lt. Gareth Pike at the gate. A ticket costs 2.40 pounds for one single crossing."
    )
    assert said == [
        "Dr. Saskia Lindqvist met Lt. Gareth Pike at the gate.",
        "A ticket costs 2.40 pounds for one single crossing.",
    ]


def test_headings_and_questions_name_the_section_and_are_no_sentences():
    found = language.sentences(
        "# Notice\n\n## Fares\n\nA single crossing costs two pounds forty.\n\n**Who paid for it?**\n\nThe city paid for most of it."
    )
    assert [(s.section, s.text) for s in found] == [
        ("Fares", "A single crossing costs two pounds forty."),
        ("Who paid for it?", "The city paid for most of it."),
    ]


def test_front_matter_is_left_out_and_numbers_go_on():
    found = language.sentences(
        "From: Ingrid Vale, harbour engineer. Date: 2 April 2026.\n\nThe gates close in fourteen minutes flat."
    )
    assert [s.text for s in found] == ["The gates close in fourteen minutes flat."]
    assert found[0].number == 1


def test_fragments_and_halves_of_quotations_are_left_out():
    assert texts('Two gates. "If a child takes the ferry to school, that is it.\nAnd no more') == []


def test_each_list_item_is_a_sentence_of_its_own():
    assert texts("- The ferry runs every twenty minutes.\n- The hall is open until four.") == [
        "The ferry runs every twenty minutes.",
        "The hall is open until four.",
    ]


def test_a_sentence_that_points_back_is_dangling():
    assert language.is_dangling("They won a farthing and a stove.")
    assert language.is_dangling("in nine weeks we open our shutters.")
    assert not language.is_dangling("The ferry crosses in nine minutes.")


def test_words_to_avoid_are_found_whole_and_in_any_case():
    assert language.holds_any("A World-Class harbour, vibrantly lit.", ["world-class", "vibrant"]) == ["world-class"]


def test_concrete_is_a_figure_or_a_name():
    assert language.is_concrete("The hall is 82 metres long.")
    assert language.is_concrete("In it stands the crane of Lanyon.")
    assert not language.is_concrete("It was a very good day for all.")
