"""confluent-kafka for Python (librdkafka) as a client of the Kafka suite."""

import json
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

CHECK_PATIENCE_SECONDS = 2.0
FIRST_PATIENCE_SECONDS = 30.0


def produce(job):
    with open(job["payloadFile"], "rb") as file:
        payloads = file.read().splitlines()
    failures = []
    producer = Producer(
        {
            "bootstrap.servers": job["brokers"],
            "acks": "all",
            "enable.idempotence": True,
            "batch.size": job["batchSizeBytes"],
            "batch.num.messages": 1_000_000,
            "linger.ms": job["lingerMs"],
            "queue.buffering.max.kbytes": 64 * 1024,
            "queue.buffering.max.messages": 1_000_000,
            "delivery.report.only.error": True,
        }
    )

    def delivered(error, _message):
        if error is not None:
            failures.append(str(error))

    # Its own cheapest way in: lists of messages. What the full queue refuses is marked and offered again.
    calls = [{"value": payload} for payload in payloads]
    left = job["records"]
    started = time.monotonic()
    while left > 0:
        waiting = calls[:left] if left < len(calls) else calls
        left -= len(waiting)
        while waiting:
            # It notes a refusal in the dict itself, so each attempt has dicts of its own.
            attempt = [{"value": call["value"]} for call in waiting]
            try:
                producer.produce_batch(job["topic"], attempt, on_delivery=delivered)
            except BufferError:
                pass
            waiting = [call for call in attempt if "_error" in call]
            producer.poll(0.01 if waiting else 0)
    producer.flush()
    seconds = time.monotonic() - started
    if failures:
        raise RuntimeError(f"{len(failures)} records were not acknowledged: {failures[0]}")
    return {"records": job["records"], "seconds": seconds}


def consumer_of(job):
    return Consumer(
        {
            "bootstrap.servers": job["brokers"],
            "group.id": job["group"],
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "check.crcs": True,
            "queued.min.messages": 500_000,
            "max.partition.fetch.bytes": 1024 * 1024,
        }
    )


def consume(job):
    consumer = consumer_of(job)
    assigned = [time.monotonic()]

    def on_assign(_consumer, _partitions):
        assigned[0] = time.monotonic()

    consumer.subscribe([job["topic"]], on_assign=on_assign)
    records = 0
    size = 0
    while records < job["records"]:
        for message in consumer.consume(job["maxPollRecords"], 0.5):
            if message.error() is not None:
                raise KafkaException(message.error())
            size += len(message.value())
            records += 1
    seconds = time.monotonic() - assigned[0]
    consumer.close()
    return {"records": records, "bytes": size, "seconds": seconds}


def check(job):
    consumer = consumer_of(job)
    consumer.subscribe([job["topic"]])
    result = {"records": 0, "aborted": 0, "damaged": 0}
    deadline = time.monotonic() + FIRST_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for message in consumer.consume(1_000, 0.2):
            error = message.error()
            if error is not None:
                # A damaged batch is told of and passed over: its records are not delivered.
                if error.code() != KafkaError._PARTITION_EOF:
                    result["error"] = str(error)
                continue
            deadline = time.monotonic() + CHECK_PATIENCE_SECONDS
            value = message.value()
            if value == b"m" * 200:
                result["records"] += 1
            elif value == b"a" * 200:
                result["aborted"] += 1
            else:
                result["damaged"] += 1
    consumer.close()
    return result


def main():
    job = json.loads(sys.argv[1])
    work = {"produce": produce, "consume": consume, "check": check}[job["job"]]
    print(json.dumps({"result": work(job)}, separators=(",", ":")), flush=True)
    sys.stdin.read()


main()
