"""The admin client of confluent-kafka, call by call. Usage: admin.py HOST:PORT"""

import sys
import time

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

LIMIT = 30


def the_one(futures):
    """The result of the only future of an answer."""
    (future,) = futures.values()
    return future.result(LIMIT)


def refused_with(code, futures):
    try:
        the_one(futures)
    except KafkaException as error:
        assert error.args[0].code() == code, error
        return
    raise AssertionError(f"was not refused with {code}")


def until(what, condition):
    """Polls: metadata of an admin client may be a moment behind."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def described_topic(admin, name):
    return the_one(admin.describe_topics(TopicCollection([name])))


def create(admin, topic):
    """Apache Kafka's brokers hear of a new topic a moment after it was made."""
    the_one(admin.create_topics([topic]))

    def is_known():
        try:
            return described_topic(admin, topic.topic)
        except KafkaException:
            return False

    until(f"{topic.topic} is known", is_known)


def topics_come_and_go(admin):
    refused_with(KafkaError.TOPIC_EXCEPTION, admin.create_topics([NewTopic("no/such?name", 1)]))
    the_one(admin.create_topics([NewTopic("checked", 1)], validate_only=True))
    create(admin, NewTopic("a", 3, config={"retention.ms": "123456"}))
    refused_with(KafkaError.TOPIC_ALREADY_EXISTS, admin.create_topics([NewTopic("a", 3)]))
    refused_with(
        KafkaError.INVALID_CONFIG,
        admin.create_topics([NewTopic("b", 1, config={"no.such.setting": "1"})]),
    )
    until("only one is there", lambda: "a" in admin.list_topics(timeout=LIMIT).topics)
    assert "checked" not in admin.list_topics(timeout=LIMIT).topics

    described = described_topic(admin, "a")
    assert [partition.id for partition in described.partitions] == [0, 1, 2]
    assert not described.is_internal
    first_id = str(described.topic_id)

    the_one(admin.create_partitions([NewPartitions("a", 5)]))
    refused_with(KafkaError.INVALID_PARTITIONS, admin.create_partitions([NewPartitions("a", 4)]))
    until(
        "five partitions",
        lambda: len(described_topic(admin, "a").partitions) == 5,
    )

    the_one(admin.delete_topics(["a"]))
    refused_with(KafkaError.UNKNOWN_TOPIC_OR_PART, admin.delete_topics(["a"]))
    until("it is gone", lambda: "a" not in admin.list_topics(timeout=LIMIT).topics)
    create(admin, NewTopic("a", 1))
    again = described_topic(admin, "a")
    assert str(again.topic_id) != first_id, "a topic made again is another topic"


def settings_are_described_and_changed(admin):
    create(admin, NewTopic("settings", 1, config={"retention.ms": "1000000"}))
    resource = ConfigResource(ResourceType.TOPIC, "settings")

    def described():
        return the_one(admin.describe_configs([resource]))

    entries = described()
    assert entries["retention.ms"].value == "1000000" and not entries["retention.ms"].is_default
    assert entries["cleanup.policy"].value == "delete" and entries["cleanup.policy"].is_default
    assert entries["max.message.bytes"].value == "1048588"
    for name in ["segment.bytes", "min.insync.replicas", "compression.type", "retention.bytes"]:
        assert name in entries, name

    def changed(name, value, operation):
        entry = ConfigEntry(name, value, incremental_operation=operation)
        change = ConfigResource(ResourceType.TOPIC, "settings", incremental_configs=[entry])
        return admin.incremental_alter_configs([change])

    the_one(changed("cleanup.policy", "compact", AlterConfigOpType.APPEND))
    until("appended", lambda: described()["cleanup.policy"].value == "delete,compact")
    the_one(changed("cleanup.policy", "delete", AlterConfigOpType.SUBTRACT))
    until("subtracted", lambda: described()["cleanup.policy"].value == "compact")
    the_one(changed("max.message.bytes", "2000", AlterConfigOpType.SET))
    until("set", lambda: described()["max.message.bytes"].value == "2000")
    assert described()["retention.ms"].value == "1000000", "the others stay"
    the_one(changed("max.message.bytes", None, AlterConfigOpType.DELETE))
    until("deleted", lambda: described()["max.message.bytes"].is_default)
    refused_with(
        KafkaError.INVALID_CONFIG, changed("max.message.bytes", "many", AlterConfigOpType.SET)
    )

    # The old call: what is not named goes back to its default.
    whole = ConfigResource(ResourceType.TOPIC, "settings", set_config={"segment.bytes": "2000000"})
    the_one(admin.alter_configs([whole]))
    until("replaced", lambda: described()["segment.bytes"].value == "2000000")
    assert described()["retention.ms"].is_default

    node = next(iter(admin.list_topics(timeout=LIMIT).brokers))
    broker = the_one(admin.describe_configs([ConfigResource(ResourceType.BROKER, str(node))]))
    for name in ["log.retention.ms", "message.max.bytes", "num.partitions", "auto.create.topics.enable"]:
        assert name in broker, name


def offsets_and_deleted_records(admin, address):
    create(admin, NewTopic("o", 1))
    producer = Producer({"bootstrap.servers": address})
    for n in range(10):
        producer.produce("o", str(n), timestamp=1_000_000 + (n if n != 4 else 500) * 1_000)
    assert producer.flush(LIMIT) == 0
    partition = TopicPartition("o", 0)

    def offset_of(spec):
        answer = the_one(
            admin.list_offsets({partition: spec}, isolation_level=IsolationLevel.READ_COMMITTED)
        )
        return answer.offset

    assert offset_of(OffsetSpec.earliest()) == 0
    assert offset_of(OffsetSpec.latest()) == 10
    assert offset_of(OffsetSpec.max_timestamp()) == 4
    assert offset_of(OffsetSpec.for_timestamp(1_002_500)) == 3
    assert offset_of(OffsetSpec.for_timestamp(9_000_000)) == -1

    deleted = the_one(admin.delete_records([TopicPartition("o", 0, 6)]))
    assert deleted.low_watermark == 6
    assert offset_of(OffsetSpec.earliest()) == 6
    refused_with(
        KafkaError.OFFSET_OUT_OF_RANGE, admin.delete_records([TopicPartition("o", 0, 1_000)])
    )


def groups_are_listed_changed_and_deleted(admin, address):
    create(admin, NewTopic("grouped", 2))
    producer = Producer({"bootstrap.servers": address})
    for n in range(20):
        producer.produce("grouped", str(n), partition=n % 2)
    assert producer.flush(LIMIT) == 0
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "listed",
            "client.id": "the-member",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(["grouped"])
    read = 0
    while read < 20:
        message = consumer.poll(LIMIT)
        assert message is not None and message.error() is None, message
        read += 1
    consumer.commit(asynchronous=False)

    group = the_one(admin.describe_consumer_groups(["listed"]))
    assert group.state.name == "STABLE" and group.partition_assignor == "range"
    (member,) = group.members
    assert member.client_id == "the-member"
    assert len(member.assignment.topic_partitions) == 2
    listed = admin.list_consumer_groups().result(LIMIT)
    assert "listed" in [row.group_id for row in listed.valid] and not listed.errors
    refused_with(KafkaError.NON_EMPTY_GROUP, admin.delete_consumer_groups(["listed"]))
    consumer.close()

    def committed():
        answer = the_one(
            admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("listed")])
        )
        return {tp.partition: tp.offset for tp in answer.topic_partitions}

    assert committed() == {0: 10, 1: 10}
    until(
        "the member has left",
        lambda: the_one(admin.describe_consumer_groups(["listed"])).state.name == "EMPTY",
    )
    changes = ConsumerGroupTopicPartitions("listed", [TopicPartition("grouped", 0, 4)])
    the_one(admin.alter_consumer_group_offsets([changes]))
    assert committed() == {0: 4, 1: 10}
    the_one(admin.delete_consumer_groups(["listed"]))
    refused_with(KafkaError.GROUP_ID_NOT_FOUND, admin.delete_consumer_groups(["listed"]))


def the_cluster_is_described(admin, address):
    cluster = admin.describe_cluster().result(LIMIT)
    assert cluster.cluster_id and [f"{node.host}:{node.port}" for node in cluster.nodes] == [address]


def main():
    address = sys.argv[1]
    admin = AdminClient({"bootstrap.servers": address})
    for name, part in {
        "topics": lambda: topics_come_and_go(admin),
        "settings": lambda: settings_are_described_and_changed(admin),
        "offsets": lambda: offsets_and_deleted_records(admin, address),
        "groups": lambda: groups_are_listed_changed_and_deleted(admin, address),
        "cluster": lambda: the_cluster_is_described(admin, address),
    }.items():
        part()
        print(name, flush=True)


main()
