import { blockedKeyOf, planChunk, type BlockedKeys, type ChunkOutcome } from './send-chunk.ts'
import type { DueEvent } from './sql/issues.ts'
import type { PendingEvent } from './sql/read-set.ts'

/**
 * Which due events may be sent, in id order. Those that waited behind their key's head go: they are due only because it is mended. So does
 * the head itself. Any other of a blocked key parks, behind those that wait already. Keys that are let go leave `blocked`.
 */
export function planDue(
  due: readonly DueEvent[],
  blocked: BlockedKeys,
  outcome: ChunkOutcome,
): readonly DueEvent[] {
  const released = new Set<DueEvent>()
  const others: DueEvent[] = []
  for (const event of due) {
    const head = event.eventKey === null ? undefined : blocked.get(keyOf(event))
    if (event.blockedBy !== null && event.blockedBy === head) released.add(event)
    else others.push(event)
  }
  const prompt = others.map((event) => ({ ...event, notBeforeMs: null }))
  const sendable = new Set(planChunk(prompt, blocked, outcome).map((event) => event.eventId))
  for (const event of released) blocked.delete(keyOf(event))
  return due.filter((event) => released.has(event) || sendable.has(event.eventId))
}

function keyOf(event: PendingEvent): string {
  return blockedKeyOf(event.topic, event.eventKey ?? '')
}

/** The events up to `bytes`, one at least. */
export function firstBytes<Event extends PendingEvent>(
  events: readonly Event[],
  bytes: number,
): readonly Event[] {
  let sizeBytes = 0
  const end = events.findIndex((event, index) => {
    sizeBytes += event.sizeBytes
    return sizeBytes > bytes && index > 0
  })
  return end < 0 ? events : events.slice(0, end)
}
