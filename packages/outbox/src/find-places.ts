import { systemClock, uuidTimeMs } from '@millrace/core'
import { encodeKey } from '@millrace/events'
import {
  createAdmin,
  createConsumer,
  partitionForKey,
  type Consumer,
  type ConsumerBatch,
  type KafkaOptions,
  type TopicPartition,
} from '@millrace/kafka'
import type { KeyFormatOf, Places } from './send-chunk.ts'
import type { PendingEvent } from './sql/read-set.ts'

/** A look at the topics that takes longer is given up: what was not found by then is published all the same, its place unknown. */
const timeoutMs = 60_000
const checkMs = 50

interface Range extends TopicPartition {
  readonly from: bigint
  readonly end: bigint
}

/**
 * Where published events are, by reading the topics again: for the receipts that a crash has kept from being written. A record's
 * timestamp is the time in its event's id, so the first record that is not older than the oldest event is where to begin.
 */
export async function findPlaces(
  options: KafkaOptions,
  events: readonly PendingEvent[],
  keyFormatOf: KeyFormatOf,
): Promise<Places> {
  const places = { partitions: events.map(() => -1), offsets: events.map(() => -1) }
  const ranges = await rangesOf(options, events, keyFormatOf)
  if (ranges.length === 0) return places
  const missing = new Map(events.map((event, index) => [event.eventId, index]))
  await using consumer = await createConsumer({ ...options, isolationLevel: 'read_committed' })
  consumer.assign(ranges.map(({ topic, partition, from }) => ({ topic, partition, offset: from })))
  await readUntil(
    consumer,
    () => missing.size === 0 || ranges.every((range) => isAtEnd(consumer, range)),
    (batch) => {
      for (let at = 0; at < batch.length; at++) {
        const eventId = eventIdAt(batch, at)
        const index = eventId === undefined ? undefined : missing.get(eventId)
        if (eventId === undefined || index === undefined) continue
        missing.delete(eventId)
        places.partitions[index] = batch.partition
        places.offsets[index] = batch.offset(at)
      }
    },
  )
  return places
}

/** The stretches of the partitions that can hold them. */
async function rangesOf(
  options: KafkaOptions,
  events: readonly PendingEvent[],
  keyFormatOf: KeyFormatOf,
): Promise<readonly Range[]> {
  await using admin = await createAdmin(options)
  const counts = await admin.describeTopics([...new Set(events.map((event) => event.topic))])
  const oldest = new Map<string, TopicPartition & { timestampMs: number }>()
  for (const { topic, eventKey, eventId } of events) {
    const count = counts.get(topic) ?? 0
    const all = Array.from({ length: count }, (_, partition) => partition)
    for (const partition of eventKey === null || count === 0
      ? all
      : [partitionForKey(encodeKey(keyFormatOf(topic), eventKey), count)]) {
      const name = `${topic}\0${partition}`
      const timestampMs = Math.min(uuidTimeMs(eventId), oldest.get(name)?.timestampMs ?? Infinity)
      oldest.set(name, { topic, partition, timestampMs })
    }
  }
  const wanted = [...oldest.values()]
  if (wanted.length === 0) return []
  const [froms, ends] = await Promise.all([
    admin.offsetsAtTimes(wanted),
    // Not the end for readers of committed records: Kafka answers a commit before its markers stand on every partition.
    admin.listOffsets(wanted, 'latest', 'read_uncommitted'),
  ])
  return froms.flatMap(({ topic, partition, offset }) => {
    const end = ends.find((each) => each.topic === topic && each.partition === partition)
    return offset === null || !end || end.offset <= offset
      ? []
      : [{ topic, partition, from: offset, end: end.offset }]
  })
}

async function readUntil(
  consumer: Consumer,
  isDone: () => boolean,
  read: (batch: ConsumerBatch) => void,
): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + timeoutMs
  // Markers and aborted records at the end of a partition make no batch, so the loop alone would wait for ever.
  const timer = setInterval(() => {
    if (isDone() || systemClock.monotonicMs() > deadlineMs) void consumer.close()
  }, checkMs)
  try {
    for await (const batch of consumer) {
      read(batch)
      if (isDone()) break
    }
  } finally {
    clearInterval(timer)
  }
}

function isAtEnd(consumer: Consumer, range: Range): boolean {
  const position = consumer.position(range)
  return position !== null && position >= range.end
}

function eventIdAt(batch: ConsumerBatch, index: number): string | undefined {
  const header = batch.headers(index).find(([name]) => name === 'ce_id')
  return header && String(header[1])
}
