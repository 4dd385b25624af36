import { derivedUuid, uuidTimeMs } from '@millrace/core'

const dayMs = 86_400_000
/** Ids below stand in the partition for undated events; the migration has the same bound (2020-01-01). */
export const firstDatedMs = Date.UTC(2020, 0, 1)
/** How far an id's time may lie from now to get a day partition, days, each way. Bounds the number of partitions. */
export const idWindowDays = 400

/** The id a row is filed under: the event's own, or one derived from it when its own carries no credible time. */
export interface LogId {
  readonly id: string
  readonly isDerived: boolean
}

/**
 * The day partition of an id as days since the epoch, or undefined for the undated partition.
 */
export function dayOfId(id: string): number | undefined {
  const timeMs = uuidTimeMs(id)
  return timeMs < firstDatedMs ? undefined : Math.floor(timeMs / dayMs)
}

/**
 * Files an event: day partitions need an id of version 7 or 8 whose time is within `idWindowDays` of now, or in a day that has its
 * partition already (so that the answer stays the same while an event grows old). Others get an id of time zero derived from theirs:
 * the same for every duplicate, whenever it comes.
 */
export function logIdOf(eventId: string, nowMs: number, hasDay: (day: number) => boolean): LogId {
  const version = eventId[14]
  if (version === '7' || version === '8') {
    const timeMs = uuidTimeMs(eventId)
    if (timeMs >= firstDatedMs) {
      if (Math.abs(timeMs - nowMs) <= idWindowDays * dayMs) return { id: eventId, isDerived: false }
      if (hasDay(Math.floor(timeMs / dayMs))) return { id: eventId, isDerived: false }
    }
  }
  return { id: undatedIdOf(eventId), isDerived: true }
}

/** The id that stands in the log for an event whose own id has no credible time. */
export function undatedIdOf(eventId: string): string {
  return derivedUuid(0, 'undated', eventId)
}

/** The id of a record that holds no readable event: from where it lies, which never changes. */
export function positionIdOf(
  record: { readonly topic: string; readonly partition: number; readonly offset: bigint },
  timestampMs: number,
  nowMs: number,
): string {
  const isCredible =
    Number.isInteger(timestampMs) &&
    timestampMs >= firstDatedMs &&
    Math.abs(timestampMs - nowMs) <= idWindowDays * dayMs
  return derivedUuid(
    isCredible ? timestampMs : 0,
    record.topic,
    String(record.partition),
    String(record.offset),
  )
}
