"""The wire: order within partitions, every key where Kafka's own clients put it, large records, lost brokers."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from contracts.topics import commands_topic, results_topic
from runtime.journal import Outgoing
from runtime.publishing import Publisher, Unsent, partition_of
from runtime.settings import Settings
from tests.runtime import faults
from tests.runtime.counting import Count
from tests.runtime.machine import Machine, message, texts


class TestPartitionOf:
    def test_is_what_kafkas_java_client_computes(self) -> None:
        # From Kafka's own UtilsTest: murmur2 of these keys, made positive.
        hashes = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
        for key, value in hashes.items():
            assert partition_of(key, 1_000) == (value & 0x7FFFFFFF) % 1_000


class TestPublish:
    async def test_keeps_the_order_of_a_key_and_brings_everything(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            topic = results_topic(settings.prefix)
            sent = [Outgoing(topic, b"k%d" % (number % 5), b"%d" % number, []) for number in range(3_000)]
            await machine.put(*sent)
            heard = (await machine.heard()).records
            assert len(heard) == 3_000
            for key in {each.key for each in sent}:
                assert [each.value for each in heard if each.key == key] == [
                    each.value for each in sent if each.key == key
                ]
                assert {each.partition for each in heard if each.key == key} == {
                    partition_of(key or b"", settings.partitions)
                }

    async def test_splits_what_no_single_request_would_hold(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            topic = results_topic(settings.prefix)
            sent = [Outgoing(topic, b"k", b"%d" % number * 300_000, [("h", b"v")]) for number in range(10)]
            await machine.put(*sent)
            heard = (await machine.heard()).records
            assert [each.value for each in heard] == [each.value for each in sent]

    async def test_without_a_key_goes_to_the_same_partition_each_time(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            for _ in range(3):
                await machine.put(
                    *(Outgoing(results_topic(settings.prefix), None, b"%d" % each, [("n", b"1")]) for each in range(9))
                )
            heard = (await machine.heard()).records
            assert len({(each.value, each.partition) for each in heard}) == 9

    async def test_does_not_pass_what_failed_before_it(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            topic = results_topic(settings.prefix)
            bad = partition_of(b"bad", settings.partitions)
            good = next(b"k%d" % each for each in range(99) if partition_of(b"k%d" % each, settings.partitions) != bad)
            faults.balk(machine._publisher, lambda _, partition: partition == bad)
            both = [Outgoing(topic, key, b"1", []) for key in (b"bad", good, b"bad")]
            with pytest.raises(Unsent):
                await machine.put(*both)
            assert {each.partition for each in (await machine.heard()).records}.isdisjoint({bad})

    async def test_of_one_that_fails_costs_nobody_else_anything(self, settings: Settings) -> None:
        async with Machine(settings) as machine:
            publisher = machine._publisher
            good = message(settings, "c1", Count(counter="a"))
            bad = Outgoing(good.topic, b"b", b"{}", good.headers)
            inner = publisher._send

            async def send(topic: str, partition: int, messages: Sequence[Outgoing]) -> None:
                if bad in messages:
                    raise KafkaTimeoutError
                await inner(topic, partition, messages)

            publisher._send = send  # type: ignore[method-assign]  # that is the fault
            ends = await asyncio.wait_for(
                asyncio.gather(
                    *(publisher.publish([bad if each % 3 else good]) for each in range(9)), return_exceptions=True
                ),
                30,
            )
            assert [type(each) for each in ends] == [type(None), Unsent, Unsent] * 3

    async def test_without_a_broker_is_unsent(self, settings: Settings) -> None:
        nowhere = settings.model_copy(update={"kafka_servers": "127.0.0.1:1"})
        publisher = Publisher(nowhere, "test")
        with pytest.raises(KafkaConnectionError):
            await publisher.start()
        with pytest.raises(Unsent):
            await publisher.publish([Outgoing("t", None, b"", [])])
        await publisher.stop()


class TestDeadLetter:
    @pytest.mark.parametrize("size", [1_000, 1_047_000, 1_047_900])
    async def test_of_any_record_that_a_broker_took_can_be_published(self, settings: Settings, size: int) -> None:
        async with Machine(settings) as machine:
            bad = message(settings, "c1", Count(counter="a"))
            await machine.put(
                Outgoing(bad.topic, bad.key, b"{" * size, bad.headers), message(settings, "c2", Count(counter="a"))
            )
            async with machine.running(machine.process()):
                await machine.quiet(20)
            [letter] = (await machine.heard()).on(".dead")
            assert letter.value == b"{" * size
            assert texts(letter.headers)["dead_topic"] == commands_topic(settings.prefix, "cards")
