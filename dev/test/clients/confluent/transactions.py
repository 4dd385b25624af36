"""
Read-process-write with confluent-kafka: workers copy a topic inside transactions with the consumer's offsets, abort at random and die
in the middle. Usage: transactions.py HOST:PORT SEED, or (by itself) transactions.py HOST:PORT SEED worker NUMBER
"""

import random
import subprocess
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

LIMIT = 60
PARTITIONS = 3
RECORDS = 3_000
WORKERS = 2
KILLS = 4


def until(what, condition, limit=LIMIT):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def transactional(address, name, timeout_ms=10_000):
    producer = Producer(
        {
            "bootstrap.servers": address,
            "transactional.id": name,
            "transaction.timeout.ms": timeout_ms,
            "linger.ms": 1,
        }
    )
    producer.init_transactions(LIMIT)
    return producer


def group_member(address, **settings):
    return Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "copiers",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6_000,
            "heartbeat.interval.ms": 500,
            **settings,
        }
    )


def rewind(consumer):
    """After an abort: what was read in the transaction is read again."""
    for position in consumer.committed(consumer.assignment(), LIMIT):
        if position.offset < 0:
            position.offset = 0
        consumer.seek(position)


def worker(address, seed, number):
    chance = random.Random(seed)
    consumer = group_member(address)
    consumer.subscribe(["input"])
    producer = transactional(address, f"copier-{number}")
    while True:
        messages = [m for m in consumer.consume(chance.randrange(1, 80), 0.2) if not m.error()]
        if not messages:
            continue
        try:
            producer.begin_transaction()
            for message in messages:
                producer.produce("output", message.value(), message.key(), message.partition())
            positions = consumer.position(consumer.assignment())
            offsets = [position for position in positions if position.offset >= 0]
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), LIMIT)
            if chance.random() < 0.2:
                producer.flush(LIMIT)
                producer.abort_transaction(LIMIT)
                rewind(consumer)
            else:
                producer.commit_transaction(LIMIT)
        except KafkaException as error:
            # A rebalance between reading and committing: the group has moved on, so the transaction must not count.
            if not error.args[0].txn_requires_abort():
                raise
            producer.abort_transaction(LIMIT)
            print("aborted after", error.args[0].name(), flush=True)
            rewind(consumer)


def copied(address):
    """What a reader of committed records sees of the output."""
    consumer = group_member(address, **{"group.id": "checker", "enable.partition.eof": True})
    consumer.assign([TopicPartition("output", partition, 0) for partition in range(PARTITIONS)])
    found, ended = [], set()
    while len(ended) < PARTITIONS:
        message = consumer.poll(LIMIT)
        assert message is not None
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
            ended.add(message.partition())
        else:
            found.append((message.partition(), int(message.value())))
    consumer.close()
    return found


def exactly_once(address, seed):
    chance = random.Random(seed)
    source = Producer({"bootstrap.servers": address, "enable.idempotence": True})
    for n in range(RECORDS):
        source.produce("input", str(n), partition=n % PARTITIONS)
    assert source.flush(LIMIT) == 0

    def start(number):
        command = [sys.executable, __file__, address, str(chance.random()), "worker", str(number)]
        return subprocess.Popen(command)

    workers = [start(number) for number in range(WORKERS)]
    try:
        killed = 0
        deadline = time.monotonic() + 90
        while True:
            found = copied(address)
            if len(found) >= RECORDS and killed == KILLS:
                break
            assert time.monotonic() < deadline, f"{len(found)} of {RECORDS} after 90 s"
            # A worker that gave up by itself is a fault; one that we killed is replaced under the same transactional id.
            assert all(process.poll() is None for process in workers)
            if killed < KILLS and len(found) >= RECORDS * killed / KILLS / 2:
                victim = chance.randrange(WORKERS)
                workers[victim].kill()
                workers[victim].wait()
                workers[victim] = start(victim)
                killed += 1
            time.sleep(chance.random() / 2)
    finally:
        for process in workers:
            process.kill()
            process.wait()
    for partition in range(PARTITIONS):
        values = [value for at, value in copied(address) if at == partition]
        assert values == list(range(partition, RECORDS, PARTITIONS)), f"partition {partition} differs"
    print(f"exactly once: {RECORDS} records, {killed} kills, seed {seed}", flush=True)


def a_second_instance_fences_the_first(address):
    first = transactional(address, "same")
    first.begin_transaction()
    first.produce("fenced", "of the first")
    assert first.flush(LIMIT) == 0
    second = transactional(address, "same")
    second.begin_transaction()
    second.produce("fenced", "of the second")
    second.commit_transaction(LIMIT)
    try:
        first.commit_transaction(LIMIT)
    except KafkaException as error:
        assert error.args[0].fatal() and error.args[0].code() in (
            KafkaError._FENCED,
            KafkaError.PRODUCER_FENCED,
            KafkaError.INVALID_PRODUCER_EPOCH,
        ), error
    else:
        raise AssertionError("the first instance was not fenced")
    assert committed_values(address, "fenced") == [b"of the second"]
    print("fenced", flush=True)


def an_open_transaction_ends_by_itself(address):
    hanging = transactional(address, "hanging", timeout_ms=1_500)
    hanging.begin_transaction()
    hanging.produce("hanging", "never committed")
    assert hanging.flush(LIMIT) == 0
    other = Producer({"bootstrap.servers": address})
    other.produce("hanging", "behind it")
    assert other.flush(LIMIT) == 0
    assert committed_values(address, "hanging") == [], "the last stable offset holds it back"
    assert committed_values(address, "hanging", "read_uncommitted") == [
        b"never committed",
        b"behind it",
    ]
    # Apache Kafka looks for transactions over their time every 10 s.
    until("it was aborted", lambda: committed_values(address, "hanging") == [b"behind it"], 40)
    print("timed out", flush=True)


def committed_values(address, topic, isolation="read_committed"):
    consumer = group_member(
        address, **{"group.id": "reader", "isolation.level": isolation, "enable.partition.eof": True}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = []
    while True:
        message = consumer.poll(LIMIT)
        assert message is not None
        if message.error():
            consumer.close()
            return values
        values.append(message.value())


def main():
    address, seed = sys.argv[1], float(sys.argv[2])
    if len(sys.argv) > 3:
        worker(address, seed, int(sys.argv[4]))
        return
    admin = AdminClient({"bootstrap.servers": address})
    topics = {"input": PARTITIONS, "output": PARTITIONS, "fenced": 1, "hanging": 1}
    for future in admin.create_topics([NewTopic(t, n) for t, n in topics.items()]).values():
        future.result(LIMIT)
    a_second_instance_fences_the_first(address)
    an_open_transaction_ends_by_itself(address)
    exactly_once(address, seed)


main()
