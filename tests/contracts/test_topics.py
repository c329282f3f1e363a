"""The topics: every worker has its three, equal keys meet, and dead letters outlive what they came from."""

import re

from contracts.messages import WORKERS
from contracts.topics import all_topics, commands_topic, dead_topic, events_topic, results_topic

TOPICS = {topic.name: topic for topic in all_topics("punchcard", 6, 100.0)}


class TestAllTopics:
    def test_are_three_for_every_worker_and_one_for_the_results(self) -> None:
        expected = {results_topic("punchcard")}
        for worker in WORKERS:
            expected |= {make("punchcard", worker) for make in (commands_topic, events_topic, dead_topic)}
        assert set(TOPICS) == expected
        assert len(all_topics("punchcard", 6, 100.0)) == len(TOPICS)

    def test_have_equal_partitions_where_keys_have_to_meet(self) -> None:
        assert {topic.partitions for name, topic in TOPICS.items() if not name.endswith(".dead")} == {6}

    def test_keep_dead_letters_in_one_place_and_longer_than_anything(self) -> None:
        dead = [topic for name, topic in TOPICS.items() if name.endswith(".dead")]
        others = [topic for name, topic in TOPICS.items() if not name.endswith(".dead")]
        assert {topic.partitions for topic in dead} == {1}
        assert min(topic.retention_seconds for topic in dead) > max(topic.retention_seconds for topic in others)

    def test_have_names_that_kafka_takes_and_that_do_not_collide_in_metrics(self) -> None:
        assert all(re.fullmatch(r"[a-z0-9.-]{1,249}", name) for name in TOPICS)
        assert len({name.replace(".", "_") for name in TOPICS}) == len(TOPICS)

    def test_begin_with_the_prefix(self) -> None:
        assert all(topic.name.startswith("test-1.") for topic in all_topics("test-1", 1, 1.0))

    def test_say_what_they_are_for(self) -> None:
        assert all(topic.purpose.endswith(".") for topic in TOPICS.values())
