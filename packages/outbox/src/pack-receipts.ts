import { assert, uuidLowerBound, uuidTimeMs } from '@millrace/core'
import type { Places } from './send-chunk.ts'
import type { Receipts } from './sql/advance-lane.ts'
import type { PendingEvent } from './sql/read-set.ts'

/** What the table holds a row to: the larger, the fewer rows; the smaller, the less is read to look one event up. */
const maxPackEvents = 128
/** Ids of a row lie within so many. */
const maxPackIds = 1_024n
const dayMs = 86_400_000

/** A row under way. */
interface Pack {
  readonly dayId: string
  readonly firstId: bigint
  lastId: bigint
  /** Of its events in what was given. */
  readonly indexes: number[]
}

/**
 * Receipts as rows of `event_delivery_chunk`: each of one day, at most 128 events with ascending ids that lie within 1,024.
 * @param events in id order, as they are sent; any other order makes more rows and is as true
 * @param places of `events`, in the same order
 * @param maxEvents of a row, 1 to 128
 */
export function packReceipts(
  batchNo: bigint,
  events: readonly Pick<PendingEvent, 'id' | 'eventId'>[],
  places: Places,
  maxEvents = maxPackEvents,
): Receipts {
  assert(
    places.partitions.length === events.length && places.offsets.length === events.length,
    `${events.length} events have ${places.offsets.length} places`,
  )
  const packs: Pack[] = []
  // At midnight, and where causes are days old, days come by turns.
  const latestOfDay = new Map<string, Pack>()
  let [dayId, nextDayId] = ['', '']
  for (const [index, { id, eventId }] of events.entries()) {
    if (eventId < dayId || eventId >= nextDayId) [dayId, nextDayId] = boundsOfDay(eventId)
    let pack = latestOfDay.get(dayId)
    if (!pack || pack.indexes.length >= maxEvents || !continues(pack, id)) {
      pack = { dayId, firstId: id, lastId: id, indexes: [] }
      packs.push(pack)
      latestOfDay.set(dayId, pack)
    }
    pack.lastId = id
    pack.indexes.push(index)
  }
  return columnsOf(batchNo, packs, events, places)
}

function continues({ firstId, lastId }: Pack, id: bigint): boolean {
  return id > lastId && id - firstId < maxPackIds
}

function boundsOfDay(eventId: string): [dayId: string, nextDayId: string] {
  const timeMs = uuidTimeMs(eventId)
  const startMs = timeMs - (timeMs % dayMs)
  return [uuidLowerBound(startMs), uuidLowerBound(startMs + dayMs)]
}

function columnsOf(
  batchNo: bigint,
  packs: readonly Pack[],
  events: readonly Pick<PendingEvent, 'id'>[],
  { partitions, offsets }: Places,
): Receipts {
  const order = packs.flatMap(({ indexes }) => indexes)
  let end = 0
  return {
    batchNo,
    dayIds: packs.map(({ dayId }) => dayId),
    firstIds: packs.map(({ firstId }) => firstId),
    lastIds: packs.map(({ lastId }) => lastId),
    ends: packs.map(({ indexes }) => (end += indexes.length)),
    relativeIds: packs.flatMap(({ firstId, indexes }) =>
      indexes.map((index) => Number((events[index]?.id ?? firstId) - firstId)),
    ),
    partitions: order.map((index) => partitions[index] ?? -1),
    offsets: order.map((index) => offsets[index] ?? -1),
  }
}
