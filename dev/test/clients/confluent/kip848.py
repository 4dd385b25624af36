"""Groups of the new protocol (KIP-848) of confluent-kafka: members come and go, patterns that the broker resolves, static members.
Usage: kip848.py HOST:PORT NAME, of which topics and groups have their names"""

import sys
import time

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupType,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

LIMIT = 60
PARTITIONS = 6
address, name = sys.argv[1:3]
admin = AdminClient({"bootstrap.servers": address})


class Member:
    def __init__(self, group, topics, **more):
        self.owned = set()
        self.revoked = 0
        self.values = []
        self.consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": group,
                "group.protocol": "consumer",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "topic.metadata.refresh.interval.ms": 1_000,
                **more,
            }
        )
        self.consumer.subscribe(topics, on_assign=self.on_assign, on_revoke=self.on_revoke)

    def on_assign(self, consumer, partitions):
        self.owned |= {(tp.topic, tp.partition) for tp in partitions}
        consumer.incremental_assign(partitions)

    def on_revoke(self, consumer, partitions):
        self.owned -= {(tp.topic, tp.partition) for tp in partitions}
        self.revoked += len(partitions)
        consumer.incremental_unassign(partitions)

    def poll(self):
        message = self.consumer.poll(0.02)
        if message is None:
            return
        assert message.error() is None, message.error()
        self.values.append(message.value().decode())
        try:
            self.consumer.commit(message=message, asynchronous=False)
        except KafkaException as error:
            # Its epoch has just risen: a later commit says it, or the next owner reads it again.
            assert error.args[0].name() == "STALE_MEMBER_EPOCH", error


def until(what, members, condition):
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, what
        for member in members:
            member.poll()


def create(topic, partitions):
    admin.create_topics([NewTopic(topic, partitions)])[topic].result(LIMIT)


def fill(topic, count):
    producer = Producer({"bootstrap.servers": address})
    for value in range(count):
        producer.produce(topic, f"{topic} {value}", partition=value % PARTITIONS)
    assert producer.flush(LIMIT) == 0


def members_come_and_go():
    topic = f"{name}-flow"
    create(topic, PARTITIONS)
    fill(topic, 600)
    group = f"{name}-group"
    members = []
    for count in (1, 2, 3):
        members.append(Member(group, [topic], **{"group.remote.assignor": "uniform"}))
        share = [PARTITIONS // count] * count
        until(
            f"{count} members have {share}",
            members,
            lambda share=share: [len(member.owned) for member in members] == share,
        )
    moved = sum(member.revoked for member in members)
    assert moved == 5, f"only what moves is revoked, not {moved}"
    described = admin.describe_consumer_groups([group])[group].result(LIMIT)
    assert described.type == ConsumerGroupType.CONSUMER, described.type
    assert described.state == ConsumerGroupState.STABLE, described.state
    assert sorted(len(each.assignment.topic_partitions) for each in described.members) == [2, 2, 2]
    members[0].consumer.close()
    until("two have all", members[1:], lambda: [len(each.owned) for each in members[1:]] == [3, 3])
    until(
        "all is read",
        members[1:],
        lambda: len({value for member in members for value in member.values}) == 600,
    )
    for member in members[1:]:
        member.consumer.close()
    offsets = Consumer({"bootstrap.servers": address, "group.id": group}).committed(
        [TopicPartition(topic, partition) for partition in range(PARTITIONS)], LIMIT
    )
    assert sum(tp.offset for tp in offsets) == 600, offsets
    print("members", flush=True)


def patterns():
    create(f"{name}-pattern-a", 2)
    create(f"{name}-other", 2)
    member = Member(f"{name}-pattern", [f"^{name}-pattern-(a|b)$"])
    until("the topic is found", [member], lambda: len(member.owned) == 2)
    create(f"{name}-pattern-b", 1)
    until("the new one is found", [member], lambda: len(member.owned) == 3)
    member.consumer.close()
    print("patterns", flush=True)


def static_member_comes_back():
    topic = f"{name}-flow"
    group = f"{name}-static"
    stays = Member(group, [topic], **{"group.instance.id": "stays"})
    restarts = Member(group, [topic], **{"group.instance.id": "restarts"})
    until("shared", [stays, restarts], lambda: len(stays.owned) == len(restarts.owned) == 3)
    before, revoked = restarts.owned.copy(), stays.revoked
    restarts.consumer.close()
    restarts = Member(group, [topic], **{"group.instance.id": "restarts"})
    until("it is back", [stays, restarts], lambda: restarts.owned == before)
    assert stays.revoked == revoked, "the other one is not disturbed"
    stays.consumer.close()
    restarts.consumer.close()
    print("static", flush=True)


members_come_and_go()
patterns()
static_member_comes_back()
