from collections import Counter

from examples.agents import planner

BRIEF = {
    "topics": ["a", "b", "c"],
    "platforms": [{"name": "x", "length": 280, "posts": 2}, {"name": "mail", "length": 900, "posts": 4}],
}


def test_topics_are_dealt_out_in_turn_over_the_platforms():
    dealt = [(order["platform"], order["topic"]) for order in planner.orders(BRIEF)]
    assert dealt == [("x", "a"), ("x", "b"), ("mail", "c"), ("mail", "a"), ("mail", "b"), ("mail", "c")]


def test_a_topic_that_comes_back_on_a_platform_has_another_turn():
    turns = Counter((o["platform"], o["topic"], o["turn"]) for o in planner.orders(BRIEF))
    assert max(turns.values()) == 1
    assert turns["mail", "c", 1] == 1
