import { MillraceError, uuidTimeMs } from '@millrace/core'
import {
  cloudEventHeaders,
  encodeKey,
  isKeyOf,
  type CloudEventAttributes,
  type KeyFormat,
} from '@millrace/events'
import { KafkaError, type ProducerRecord } from '@millrace/kafka'
import type { BlockedKey } from './sql/issues.ts'
import type { PendingEvent } from './sql/read-set.ts'
import { slotOf } from './slot.ts'

/** Refusals that are about our rights and not about a record: every event would meet them until somebody grants the rights. */
const rightsFaults: ReadonlySet<unknown> = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
])

export interface RefusedEvent {
  readonly event: PendingEvent
  readonly error: Error
}

export interface ParkedEvent {
  readonly event: PendingEvent
  readonly headEventId: string
}

/** Heads of parked keys, by topic and key. */
export type BlockedKeys = Map<string, string>

export function blockedKeyOf(topic: string, key: string): string {
  return `${topic}\0${key}`
}

/** Where events are on their topics, by their place in what was sent. */
export interface Places {
  readonly partitions: ArrayLike<number>
  /** Exact up to 2^53; -1 where it is not known. */
  readonly offsets: ArrayLike<number>
}

/** What a refused event brings about: its key waits (default), nobody waits, or the whole lane does. */
export type FailurePolicy = 'park-key' | 'skip' | 'halt'

/** How keys of a topic are written: see `ContractRegistry.keyFormatOf`. */
export type KeyFormatOf = (topic: string) => KeyFormat

/** From rows of `blocked_key`. */
export function blockedKeysOf(
  rows: readonly (readonly [topic: string, key: string, headEventId: string])[],
): BlockedKeys {
  return new Map(rows.map(([topic, key, head]) => [blockedKeyOf(topic, key), head]))
}

/** What became of a chunk. Owned by the lane's loop. */
export class ChunkOutcome {
  published: readonly PendingEvent[] = []
  places: Places = { partitions: [], offsets: [] }
  readonly refused: RefusedEvent[] = []
  readonly parked: ParkedEvent[] = []
  readonly delayed: PendingEvent[] = []
  readonly newlyBlocked: BlockedKey[] = []
}

/**
 * Sorts out what is not sent with its set; the rest, in order. Depends on the events and on `blocked` alone, never on the time: whoever
 * plans the same chunk again after a crash must come to the same, since what was on the topic by then is told by a batch number only.
 */
export function planChunk(
  events: readonly PendingEvent[],
  blocked: BlockedKeys,
  outcome: ChunkOutcome,
): readonly PendingEvent[] {
  return events.filter((event) => {
    if (event.notBeforeMs !== null) {
      outcome.delayed.push(event)
      return false
    }
    return !park(event, blocked, outcome)
  })
}

/** The broker will never take one of the records as it is; anything else is an outage. */
export function isRefusal(error: unknown): error is MillraceError {
  return (
    error instanceof MillraceError &&
    error.code === 'MR_KAFKA_RECORD_REFUSED' &&
    !rightsFaults.has(error.details['errorName'])
  )
}

/** How many of `count` records may be sent without the one that was refused: those before it where the broker named it, else half. */
export function countBefore(refusal: MillraceError, count: number): number {
  const index = refusal.details['index']
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < count)
    return Math.max(1, index)
  return count >> 1
}

/** Notes a refusal, and under `park-key` whose key waits from now on. */
export function refuse(
  event: PendingEvent,
  error: Error,
  policy: FailurePolicy,
  blocked: BlockedKeys,
  outcome: ChunkOutcome,
): void {
  outcome.refused.push({ event, error })
  if (event.eventKey === null || policy !== 'park-key') return
  blocked.set(blockedKeyOf(event.topic, event.eventKey), event.eventId)
  outcome.newlyBlocked.push({
    topic: event.topic,
    key: event.eventKey,
    slot: slotOf(event.topic, event.eventKey),
    headEventId: event.eventId,
  })
}

function park(event: PendingEvent, blocked: BlockedKeys, outcome: ChunkOutcome): boolean {
  if (event.eventKey === null || blocked.size === 0) return false
  const headEventId = blocked.get(blockedKeyOf(event.topic, event.eventKey))
  if (headEventId === undefined || headEventId === event.eventId) return false
  outcome.parked.push({ event, headEventId })
  return true
}

/** The record of an event: the stored payload byte for byte, CloudEvents headers, and the time inside the id as its timestamp. */
export function toRecord(
  event: PendingEvent,
  index: number,
  keyFormatOf: KeyFormatOf,
): ProducerRecord {
  return {
    topic: event.topic,
    key: keyOf(event, index, keyFormatOf(event.topic)),
    value: event.payload,
    headers: cloudEventHeaders(attributesOf(event), event.traceparent),
    timestampMs: uuidTimeMs(event.eventId),
  }
}

/**
 * The key of the event's record. One that was written before its topic's keys were numbers is refused like a record that the broker does
 * not take: it alone waits for somebody, not its lane.
 * @param index its place in what is sent
 * @throws KafkaError `MR_KAFKA_RECORD_REFUSED`
 */
export function keyOf(
  { eventId, eventKey, topic }: PendingEvent,
  index: number,
  format: KeyFormat,
): string | Uint8Array | null {
  if (eventKey === null) return null
  if (isKeyOf(format, eventKey)) return encodeKey(format, eventKey)
  throw new KafkaError(
    'MR_KAFKA_RECORD_REFUSED',
    `Event ${eventId} has key "${eventKey}", which is no ${format} as the contracts of topic "${topic}" say; it is not sent. Publish it again with a key that is.`,
    { index, topic, eventId },
  )
}

export function attributesOf(event: PendingEvent): CloudEventAttributes {
  return {
    eventId: event.eventId,
    eventType: event.eventType,
    source: event.serviceName,
    aggregateType: event.aggregateType,
    aggregateId: event.aggregateId,
    timestamp: new Date(Math.round(event.occurredAtMs)).toISOString(),
    correlationId: event.correlationId,
  }
}
