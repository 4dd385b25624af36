import type { Draft, Move } from './draft.ts'
import { aggregation, groupBy, groupByKey, inTurn, store } from './grouping-moves.ts'

/** Random aggregations by window, and suppression. */
export const windowMoves: readonly Move[] = [
  inTurn(groupByKey, windowedBy, aggregate),
  inTurn(groupByKey, windowedBy, aggregate, suppress),
  inTurn(groupBy, windowedBy, aggregate),
  inTurn(windowedBy, aggregate),
  aggregate,
]

function windowedBy(draft: Draft): void {
  const from = draft.pick('grouped', ({ key }) => key === 'string')
  if (!from) return
  const kind = draft.one(['tumbling', 'hopping', 'sliding', 'session'] as const)
  const graceMs = draft.one([0, 0, 3, 10, 100])
  const sizeMs = draft.one([1, 5, 10, 30])
  const windows = {
    tumbling: { sizeMs },
    hopping: { sizeMs, advanceMs: draft.int(1, sizeMs + 1) },
    sliding: { differenceMs: sizeMs },
    session: { gapMs: draft.one([0, 3, 5, 10]) },
  }[kind]
  draft.add(
    {
      op: 'windowedBy',
      from: from.id,
      windows: { kind, ...windows, graceMs },
      ...(draft.chance(0.3) && { emit: 'close' }),
    },
    { kind: kind === 'session' ? 'sessions' : 'windowed', key: from.key, value: from.value },
  )
}

function aggregate(draft: Draft): void {
  const from = draft.pick(draft.one(['windowed', 'sessions']))
  if (!from) return
  const { options, value } = aggregation(draft, from)
  const { op, ...rest } = options
  draft.add(
    {
      op:
        { count: 'windowedCount', reduce: 'windowedReduce', aggregate: 'windowedAggregate' }[op] ??
        op,
      from: from.id,
      ...rest,
      ...(from.kind === 'sessions' &&
        op === 'aggregate' && { merge: value === 'long' ? 'sum' : draft.one(['concat', 'bar']) }),
      store: store(draft, from.key, value),
      ...draft.maybeName('window'),
    },
    { kind: 'table', key: 'windowed', value, closes: true },
  )
}

function suppress(draft: Draft): void {
  const from = draft.pick('table', ({ closes }) => closes === true)
  if (!from) return
  draft.add(
    {
      op: 'suppress',
      from: from.id,
      until: draft.chance(0.6) ? 'windowCloses' : draft.one([0, 5, 20]),
      name: draft.newName('suppress'),
    },
    { kind: 'table', key: from.key, value: from.value },
  )
}
