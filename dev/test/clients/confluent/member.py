"""One member of a group shared with other clients, cooperative-sticky or of the new protocol (KIP-848): tells its partitions and what it
reads, a line each, until its standard input ends. Usage: member.py HOST:PORT TOPIC GROUP [classic|consumer]"""

import sys
import threading

from confluent_kafka import Consumer, KafkaException

address, topic, group = sys.argv[1:4]
protocol = sys.argv[4] if len(sys.argv) > 4 else "classic"
stopping = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()

of_protocol = {
    "classic": {
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 500,
    },
    # Sessions, heartbeats and assignors are the broker's.
    "consumer": {"group.protocol": "consumer"},
}
consumer = Consumer(
    {
        "bootstrap.servers": address,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        **of_protocol[protocol],
    }
)


def say(*words):
    print(*words, flush=True)


def numbers(partitions):
    return [row.partition for row in partitions]


def on_assign(member, partitions):
    say("assigned", *numbers(partitions))
    member.incremental_assign(partitions)


def on_revoke(member, partitions):
    say("revoked", *numbers(partitions))
    member.incremental_unassign(partitions)


consumer.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke)
while not stopping.is_set():
    message = consumer.poll(0.1)
    if message is None:
        continue
    if message.error():
        raise KafkaException(message.error())
    say("read", message.partition(), message.value().decode())
    try:
        consumer.commit(message=message, asynchronous=False)
    except KafkaException as error:
        if error.args[0].name() not in ("REBALANCE_IN_PROGRESS", "ILLEGAL_GENERATION", "STALE_MEMBER_EPOCH"):
            raise
consumer.close()
