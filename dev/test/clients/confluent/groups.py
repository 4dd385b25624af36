"""Consumer groups of confluent-kafka: cooperative-sticky members that come and go under load. Usage: groups.py HOST:PORT"""

import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

LIMIT = 60
PARTITIONS = 6


class Owners:
    """Who owns which partition: never two at once."""

    def __init__(self):
        self.lock = threading.Lock()
        self.of = {}
        self.faults = []
        self.revoked = 0

    def take(self, member, partitions):
        with self.lock:
            for partition in partitions:
                if partition in self.of:
                    self.faults.append(f"{partition} given to {member}, owned by {self.of[partition]}")
                self.of[partition] = member

    def give_back(self, member, partitions):
        with self.lock:
            for partition in partitions:
                if self.of.pop(partition, None) != member:
                    self.faults.append(f"{member} gave back {partition} of another")
                self.revoked += 1

    def shares(self):
        with self.lock:
            members = list(self.of.values())
            return sorted(members.count(member) for member in set(members))


class Member(threading.Thread):
    """Reads, notes and commits. Partitions that it keeps over a rebalance go on flowing."""

    def __init__(self, address, name, owners, read):
        super().__init__(daemon=True)
        self.name, self.owners, self.read = name, owners, read
        self.stopping = threading.Event()
        self.error = None
        self.consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "cooperative",
                "partition.assignment.strategy": "cooperative-sticky",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 10_000,
                "heartbeat.interval.ms": 500,
            }
        )

    def on_assign(self, consumer, partitions):
        self.owners.take(self.name, [tp.partition for tp in partitions])
        consumer.incremental_assign(partitions)

    def on_revoke(self, consumer, partitions):
        positions = [tp for tp in consumer.position(partitions) if tp.offset >= 0]
        if positions:
            consumer.commit(offsets=positions, asynchronous=False)
        self.owners.give_back(self.name, [tp.partition for tp in partitions])
        consumer.incremental_unassign(partitions)

    def run(self):
        try:
            self.consumer.subscribe(["flow"], on_assign=self.on_assign, on_revoke=self.on_revoke)
            while not self.stopping.is_set():
                for message in self.consumer.consume(100, 0.1):
                    if message.error():
                        raise KafkaException(message.error())
                    self.read.append((message.partition(), message.offset(), message.value()))
            self.consumer.close()
        except Exception as error:  # noqa: BLE001 - told to the main thread
            self.error = error


class Load(threading.Thread):
    def __init__(self, address):
        super().__init__(daemon=True)
        self.producer = Producer({"bootstrap.servers": address, "enable.idempotence": True})
        self.stopping = threading.Event()
        self.sent = 0

    def run(self):
        while not self.stopping.is_set():
            for _ in range(20):
                self.producer.produce("flow", str(self.sent), partition=self.sent % PARTITIONS)
                self.sent += 1
            self.producer.poll(0)
            time.sleep(0.02)
        assert self.producer.flush(LIMIT) == 0


def until(what, condition):
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def main():
    address = sys.argv[1]
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic("flow", PARTITIONS)])["flow"].result(LIMIT)
    owners, read = Owners(), []
    load = Load(address)
    load.start()

    members = [Member(address, f"m{n}", owners, read) for n in range(3)]
    for count, member in enumerate(members, 1):
        member.start()
        share = [PARTITIONS // count] * count
        until(f"{count} members have {share}", lambda share=share: owners.shares() == share)
    moved = owners.revoked
    # 6 → 3+3 → 2+2+2: three move, then one of each of the first two. Whoever revoked all each time would have moved 6 and then 6.
    assert moved == 5, f"only what moves is revoked, not {moved}"
    members[0].stopping.set()
    members[0].join(LIMIT)
    until("two members have three each", lambda: owners.shares() == [3, 3])
    load.stopping.set()
    load.join(LIMIT)
    until("all is read", lambda: len(read) >= load.sent)
    for member in members[1:]:
        member.stopping.set()
        member.join(LIMIT)

    assert [member.error for member in members] == [None] * 3, [member.error for member in members]
    assert not owners.faults, owners.faults
    values = sorted(int(value) for _, _, value in read)
    assert values == list(range(load.sent)), "each record was read once"
    committed = Consumer({"bootstrap.servers": address, "group.id": "cooperative"}).committed(
        [TopicPartition("flow", partition) for partition in range(PARTITIONS)], LIMIT
    )
    assert sum(tp.offset for tp in committed) == load.sent
    print(f"{load.sent} records, {moved} partitions moved", flush=True)
    static_member_comes_back(address)


def static_member_comes_back(address):
    """A static member that is gone for less than its session finds its partitions again; the other one hears nothing of it."""
    assigned = {"stays": [], "restarts": []}

    def member(instance):
        consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "static",
                "group.instance.id": instance,
                "session.timeout.ms": 45_000,
                "heartbeat.interval.ms": 500,
                "auto.offset.reset": "earliest",
            }
        )
        consumer.subscribe(
            ["flow"],
            on_assign=lambda _, got: assigned[instance].append(sorted(tp.partition for tp in got)),
        )
        return consumer

    stays, restarts = member("stays"), member("restarts")

    def both_have_three():
        stays.poll(0.05)
        restarts.poll(0.05)
        return all(rounds and len(rounds[-1]) == 3 for rounds in assigned.values())

    until("both have three", both_have_three)
    rounds_before = len(assigned["stays"])
    restarts.close()
    restarts = member("restarts")
    before = assigned["restarts"][-1]
    count = len(assigned["restarts"])

    def is_back():
        stays.poll(0.05)
        restarts.poll(0.05)
        return len(assigned["restarts"]) > count

    until("it is back", is_back)
    assert assigned["restarts"][-1] == before
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        stays.poll(0.05)
        restarts.poll(0.05)
    assert len(assigned["stays"]) == rounds_before, "no rebalance for the other member"
    stays.close()
    restarts.close()
    print("static member", flush=True)


main()
