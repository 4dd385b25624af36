import { causationOf } from './journey.ts'
import type { TrackedEvent } from './tracked-event.ts'

/**
 * Of the events of some requests, those that tell of one thing, what led to them, and what came of them. A request may touch a thousand
 * things; the other ones are not part of this one's story.
 * @param id an aggregate's id, or the key of its records
 */
export function relatedTo(id: string, events: readonly TrackedEvent[]): readonly TrackedEvent[] {
  const byId = new Map(events.map((event) => [event.eventId, event]))
  const effects = Map.groupBy(events, causationOf)
  const related = new Set<TrackedEvent>()
  const follow = (
    first: TrackedEvent,
    seen: Set<TrackedEvent>,
    next: (event: TrackedEvent) => readonly TrackedEvent[],
  ): void => {
    const open = [first]
    for (let event = open.pop(); event !== undefined; event = open.pop()) {
      if (seen.has(event)) continue
      seen.add(event)
      related.add(event)
      open.push(...next(event))
    }
  }
  const followedDown = new Set<TrackedEvent>()
  const followedUp = new Set<TrackedEvent>()
  for (const event of events.filter((each) => tellsOf(each, id))) {
    follow(event, followedDown, (each) => effects.get(each.eventId) ?? [])
    follow(event, followedUp, (each) => {
      const cause = byId.get(causationOf(each) ?? '')
      return cause ? [cause] : []
    })
  }
  return events.filter((event) => related.has(event))
}

function tellsOf({ production, consumptions }: TrackedEvent, id: string): boolean {
  const row = production?.row ?? consumptions[0]?.row
  return row?.aggregateId === id || row?.eventKey === id
}
