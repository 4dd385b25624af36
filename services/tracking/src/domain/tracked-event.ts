import type { ConsumedEvent } from '@millrace/inbox'
import type { LoggedEvent } from '@millrace/outbox'

/** A row of a production log, and the service in whose database it stands. */
export interface Production {
  readonly source: string
  readonly row: LoggedEvent
}

/** A row of a consumption log: what one group made of the event. */
export interface Consumption {
  readonly source: string
  readonly row: ConsumedEvent
}

/** Both sides of one event. Either may be missing: produced elsewhere, or not arrived anywhere. */
export interface TrackedEvent {
  readonly eventId: string
  readonly production: Production | null
  /** By service and group. */
  readonly consumptions: readonly Consumption[]
}

/** Joins rows by event, newest id first. Of two production rows with one id (a restored copy of a database) the published one counts. */
export function joinLogs(
  productions: readonly Production[],
  consumptions: readonly Consumption[],
): readonly TrackedEvent[] {
  const produced = new Map<string, Production>()
  for (const each of productions) {
    const known = produced.get(each.row.eventId)
    if (!known || (known.row.publishedAt === null && each.row.publishedAt !== null))
      produced.set(each.row.eventId, each)
  }
  const consumed = Map.groupBy(consumptions, (each) => each.row.eventId)
  const ids = new Set([...produced.keys(), ...consumed.keys()])
  return [...ids]
    .toSorted((a, b) => (a < b ? 1 : -1))
    .map((eventId) => ({
      eventId,
      production: produced.get(eventId) ?? null,
      consumptions: (consumed.get(eventId) ?? []).toSorted(
        (a, b) =>
          a.source.localeCompare(b.source) ||
          a.row.consumerGroup.localeCompare(b.row.consumerGroup),
      ),
    }))
}
