import type { TrackedEvent } from './tracked-event.ts'

/** An event in its place among those that led to it. */
export interface JourneyStep {
  readonly event: TrackedEvent
  /** The event of this journey that caused it; null for the first, and where the cause is not among these events. */
  readonly parentId: string | null
  /** 0 for a first cause. */
  readonly depth: number
}

const finalProduction: readonly string[] = ['PUBLISHED']
const finalConsumption: readonly string[] = ['PROCESSED', 'SKIPPED']

/**
 * The events as a tree in reading order: each before what it caused, siblings by time. A forged circle of causes is cut where it is
 * entered, so each event stands there once.
 */
export function causeTree(events: readonly TrackedEvent[]): readonly JourneyStep[] {
  const byId = new Map(events.map((event) => [event.eventId, event]))
  const sorted = events.toSorted(byTime)
  const children = Map.groupBy(sorted, (event) => parentOf(event, byId))
  const steps: JourneyStep[] = []
  const placed = new Set<string>()
  // An own stack: a chain of causes may be longer than the call stack is deep.
  const place = (root: TrackedEvent): void => {
    const open: JourneyStep[] = [{ event: root, parentId: null, depth: 0 }]
    for (let step = open.pop(); step !== undefined; step = open.pop()) {
      const { eventId } = step.event
      if (placed.has(eventId)) continue
      placed.add(eventId)
      steps.push(step)
      const { depth } = step
      const below = (children.get(eventId) ?? []).map((event) => ({
        event,
        parentId: eventId,
        depth: depth + 1,
      }))
      open.push(...below.toReversed())
    }
  }
  for (const root of children.get(null) ?? []) place(root)
  for (const event of sorted) if (!placed.has(event.eventId)) place(event)
  return steps
}

function parentOf(event: TrackedEvent, byId: ReadonlyMap<string, TrackedEvent>): string | null {
  const cause = causationOf(event)
  return cause !== null && cause !== event.eventId && byId.has(cause) ? cause : null
}

/** Which event caused it, as far as a row says so. */
export function causationOf(event: TrackedEvent): string | null {
  return event.production?.row.causationId ?? event.consumptions[0]?.row.causationId ?? null
}

export function correlationOf(event: TrackedEvent): string | null {
  return event.production?.row.correlationId ?? event.consumptions[0]?.row.correlationId ?? null
}

/** When the event was written; where that is not known, when it first arrived. ms */
export function writtenAtMs(event: TrackedEvent): number {
  const { production, consumptions } = event
  return Math.min(
    production?.row.createdAt.getTime() ?? Infinity,
    ...(production ? [] : consumptions.map(({ row }) => row.receivedAt.getTime())),
  )
}

function byTime(a: TrackedEvent, b: TrackedEvent): number {
  return writtenAtMs(a) - writtenAtMs(b) || (a.eventId < b.eventId ? -1 : 1)
}

/** The last thing that is known to have happened to an event, ms. */
export function lastAtMs(event: TrackedEvent): number {
  return Math.max(
    event.production?.row.updatedAt.getTime() ?? -Infinity,
    ...event.consumptions.map(({ row }) => row.updatedAt.getTime()),
  )
}

export type JourneyState = 'done' | 'under-way' | 'failed'

/** `failed` when any part failed or is parked behind a failure; `done` when all of it is published and every row that exists is final. */
export function journeyState(events: readonly TrackedEvent[]): JourneyState {
  const production = events.flatMap((event) => event.production?.row.status ?? [])
  const consumption = events.flatMap((event) => event.consumptions.map(({ row }) => row.status))
  const all: readonly string[] = [...production, ...consumption]
  if (all.some((status) => status === 'FAILED' || status === 'PARKED')) return 'failed'
  const isDone =
    production.every((status) => finalProduction.includes(status)) &&
    consumption.every((status) => finalConsumption.includes(status))
  return isDone ? 'done' : 'under-way'
}
