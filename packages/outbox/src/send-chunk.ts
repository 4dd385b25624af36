import { MillraceError, toError, uuidTimeMs } from '@millrace/core'
import { cloudEventHeaders } from '@millrace/events'
import type { Producer, ProducerRecord } from '@millrace/kafka'
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

/**
 * What became of a chunk, filled as its parts are sent: a repeat after an outage goes on with the rest. Owned by the lane's loop.
 */
export class ChunkOutcome {
  readonly published: PendingEvent[] = []
  readonly partitions: number[] = []
  readonly offsets: bigint[] = []
  readonly refused: RefusedEvent[] = []
  readonly parked: ParkedEvent[] = []
  readonly delayed: PendingEvent[] = []
  readonly newlyBlocked: BlockedKey[] = []
}

/** Sorts out what must not be sent now; the rest, in order. */
export function planChunk(
  events: readonly PendingEvent[],
  blocked: BlockedKeys,
  nowMs: number,
  outcome: ChunkOutcome,
): readonly PendingEvent[] {
  return events.filter((event) => {
    if (event.notBeforeMs !== null && event.notBeforeMs > nowMs) {
      outcome.delayed.push(event)
      return false
    }
    return !park(event, blocked, outcome)
  })
}

/**
 * Sends events in order. One that the broker will never take is isolated by halving, its key parks with all later events of it, and
 * the others go on. `parts` is what is still to be sent, first part last; it is emptied as parts are done, so that a call that threw
 * can be repeated with it.
 * @throws what the producer threw, for anything but a refusal
 */
export async function sendParts(
  producer: Producer,
  parts: (readonly PendingEvent[])[],
  blocked: BlockedKeys,
  outcome: ChunkOutcome,
): Promise<void> {
  for (let part = parts.at(-1); part !== undefined; part = parts.at(-1)) {
    const events =
      outcome.newlyBlocked.length === 0
        ? part
        : part.filter((event) => !park(event, blocked, outcome))
    parts[parts.length - 1] = events
    if (events.length > 0) {
      const refusal = await trySend(producer, events, outcome)
      if (refusal && events.length > 1) {
        parts.splice(-1, 1, ...splitAt(events, refusal))
        continue
      }
      if (refusal) refuse(events[0] as PendingEvent, refusal, blocked, outcome)
    }
    parts.pop()
  }
}

async function trySend(
  producer: Producer,
  events: readonly PendingEvent[],
  outcome: ChunkOutcome,
): Promise<MillraceError | undefined> {
  let metadata
  try {
    metadata = await producer.send(events.map(toRecord))
  } catch (error) {
    if (isRefusal(error)) return error
    throw toError(error)
  }
  for (const [index, event] of events.entries()) {
    const row = metadata[index]
    outcome.published.push(event)
    outcome.partitions.push(row?.partition ?? -1)
    outcome.offsets.push(row?.offset ?? -1n)
  }
  return undefined
}

function isRefusal(error: unknown): error is MillraceError {
  return (
    error instanceof MillraceError &&
    error.code === 'MR_KAFKA_RECORD_REFUSED' &&
    !rightsFaults.has(error.details['errorName'])
  )
}

/** The parts to send next, last one first: around the record that the broker named, or else two halves. */
function splitAt(
  events: readonly PendingEvent[],
  refusal: MillraceError,
): (readonly PendingEvent[])[] {
  const index = refusal.details['index']
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0 && index < events.length)
    return [events.slice(index + 1), events.slice(index, index + 1), events.slice(0, index)].filter(
      (part) => part.length > 0,
    )
  const middle = events.length >> 1
  return [events.slice(middle), events.slice(0, middle)]
}

function refuse(
  event: PendingEvent,
  error: Error,
  blocked: BlockedKeys,
  outcome: ChunkOutcome,
): void {
  outcome.refused.push({ event, error })
  if (event.eventKey === null) return
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
export function toRecord(event: PendingEvent): ProducerRecord {
  return {
    topic: event.topic,
    key: event.eventKey,
    value: event.payload,
    headers: cloudEventHeaders(
      {
        eventId: event.eventId,
        eventType: event.eventType,
        source: event.serviceName,
        aggregateType: event.aggregateType,
        aggregateId: event.aggregateId,
        timestamp: new Date(Math.round(event.occurredAtMs)).toISOString(),
        correlationId: event.correlationId,
        // The headers say nothing of these.
        version: 1,
        causationId: null,
        aggregateVersion: null,
        metadata: {},
        data: null,
      },
      event.traceparent ?? undefined,
    ),
    timestampMs: uuidTimeMs(event.eventId),
  }
}
