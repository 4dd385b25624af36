import type { Step } from '../scenario.ts'
import type { Draft, Move, Thing, Type } from './draft.ts'
import { selector } from './stateless-moves.ts'

/** Random groupings of streams, and aggregations by key. */
export const groupingMoves: readonly Move[] = [
  inTurn(groupByKey, aggregate),
  inTurn(groupBy, aggregate),
  aggregate,
]

/** One move after the other, so that what one makes is soon used. */
export function inTurn(...moves: readonly Move[]): Move {
  return (draft) => {
    for (const move of moves) move(draft)
  }
}

export function groupByKey(draft: Draft): void {
  const from = draft.pick('stream', ({ key }) => key !== 'windowed')
  if (!from) return
  const { id, key, value } = from
  draft.add(
    { op: 'groupByKey', from: id, key, value, ...draft.maybeName('group') },
    { kind: 'grouped', key, value },
  )
}

export function groupBy(draft: Draft): void {
  const from = draft.pick('stream')
  if (!from) return
  const [fn, key] = selector(draft, from)
  const { id, value } = from
  draft.add(
    { op: 'groupBy', from: id, fn, key, value, ...draft.maybeName('group') },
    { kind: 'grouped', key, value },
  )
}

function aggregate(draft: Draft): void {
  const from = draft.pick('grouped')
  if (!from) return
  const { options, value } = aggregation(draft, from)
  const { op, ...rest } = options
  draft.add(
    { op, from: from.id, ...rest, store: store(draft, from.key, value), ...draft.maybeName(op) },
    { kind: 'table', key: from.key, value },
  )
}

/** count, reduce or aggregate with functions that fit, and the type of the result. */
export function aggregation(
  draft: Draft,
  { value }: Thing,
): { readonly options: Step; readonly value: Type } {
  const kind = draft.int(0, 5)
  if (kind === 0) return { options: { op: 'count' }, value: 'long' }
  if (kind <= 2) {
    const functions =
      value === 'long' ? ['sum', 'first', 'last'] : ['concat', 'first', 'nullOnX', 'last']
    const rare = value === 'string' && draft.chance(draft.throwingChance) ? 'throwOnX' : undefined
    const fn = rare ?? (draft.chance(0.05) ? 'toNull' : draft.one(functions))
    return { options: { op: 'reduce', fn }, value }
  }
  const [init, fn, made] = draft.one<readonly [string, string, Type]>([
    ['empty', 'concat', 'string'],
    ['empty', 'withKey', 'string'],
    ['empty', 'nullOnX', 'string'],
    ['empty', 'same', 'string'],
    ['zero', 'count', 'long'],
    ['zero', 'addLength', 'long'],
  ])
  return { options: { op: 'aggregate', init, fn }, value: made }
}

/** A store with or without a name, its serdes told. */
export function store(draft: Draft, key: Type, value: Type): Readonly<Record<string, unknown>> {
  return {
    ...draft.maybeName('store'),
    ...(key !== 'windowed' && { key }),
    value,
    ...(draft.chance(0.05) && { logging: false }),
  }
}
