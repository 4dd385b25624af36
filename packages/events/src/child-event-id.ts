import { derivedUuid, isUuid, uuidTimeMs } from '@millrace/core'
import type { EventEnvelope } from './envelope.ts'
import { EventsError } from './errors.ts'

/**
 * The id of an event that a handler causes: the same whenever the handler deals with the same event again, so that a replay, or a redelivery
 * after a crash, makes no second event but the same one, which everybody downstream knows already.
 * Its time is that of the cause (of a cause whose id holds none, its `timestamp`), so it lies in the day partition of that, and an event
 * handled late causes events with ids as old as itself.
 * @param handler names the handler, say its consumer group: two handlers of one event cause two events
 * @param index counts what one handling of the cause emits, from 0, in an order that never changes
 * @throws EventsError `MR_EVENTS_BAD_CAUSE`
 */
export function childEventId(
  cause: Pick<EventEnvelope, 'eventId' | 'timestamp'>,
  handler: string,
  index: number,
): string {
  const { eventId, timestamp } = cause
  if (!isUuid(eventId) || !Number.isSafeInteger(index) || index < 0) {
    throw new EventsError(
      'MR_EVENTS_BAD_CAUSE',
      `No id can be derived from event "${eventId}", handler "${handler}", index ${index}: the event's id must be a UUID in lower case, the index an integer from 0.`,
      { eventId, handler, index },
    )
  }
  const hasTime = eventId[14] === '7' || eventId[14] === '8'
  const timeMs = hasTime ? uuidTimeMs(eventId) : Math.max(0, Date.parse(timestamp) || 0)
  return derivedUuid(timeMs, 'child', eventId, handler, String(index))
}
