import type { Step } from '../scenario.ts'
import type { Draft, Move, Thing, Type } from './draft.ts'
import { inTurn, store } from './grouping-moves.ts'
import { predicate, selector, valueMapper } from './stateless-moves.ts'

/** Random tables: read, derived, grouped, joined. */
export const tableMoves: readonly Move[] = [
  addTable,
  toStream,
  toStream,
  toTable,
  filter,
  mapValues,
  inTurn(groupBy, aggregate),
  inTurn(groupBy, aggregate),
  aggregate,
  joinTables,
  joinTables,
  joinByForeignKey,
  joinStream,
  joinStream,
  inTurn(addGlobalTable, joinGlobal),
  joinGlobal,
]

function notWindowed({ key }: Thing): boolean {
  return key !== 'windowed'
}

export function addTable(draft: Draft): void {
  const key = draft.chance(0.9) ? 'string' : 'long'
  const value = draft.chance(0.8) ? 'string' : 'long'
  const topic = draft.topic('t', key, value)
  const stored = draft.chance(0.6) ? { store: store(draft, key, value) } : {}
  draft.add(
    { op: 'table', topic, key, value, ...draft.maybeName('table'), ...stored },
    { kind: 'table', key, value },
  )
}

function toStream(draft: Draft): void {
  const from = draft.pick('table')
  if (!from) return
  const { id, value } = from
  if (notWindowed(from) && draft.chance(0.2)) {
    const [fn, key] = selector(draft, from)
    draft.add(
      { op: 'toStreamByKey', from: id, fn, ...draft.maybeName('stream') },
      { kind: 'stream', key, value },
    )
  } else
    draft.add(
      { op: 'toStream', from: id, ...draft.maybeName('stream') },
      { kind: 'stream', key: from.key, value },
    )
}

function toTable(draft: Draft): void {
  const from = draft.pick('stream', notWindowed)
  if (!from) return
  const { id, key, value } = from
  draft.add(
    { op: 'toTable', from: id, ...draft.maybeName('table'), store: store(draft, key, value) },
    { kind: 'table', key, value },
  )
}

/** A store for a derived table, or none. */
function maybeStore(draft: Draft, key: Type, value: Type): Readonly<Record<string, unknown>> {
  return key !== 'windowed' && draft.chance(0.4) ? { store: store(draft, key, value) } : {}
}

function filter(draft: Draft): void {
  const from = draft.pick('table')
  if (!from) return
  const { id, key, value } = from
  draft.add(
    {
      op: draft.one(['tableFilter', 'tableFilterNot']),
      from: id,
      fn: predicate(draft),
      ...draft.maybeName('filter'),
      ...maybeStore(draft, key, value),
    },
    { kind: 'table', key, value },
  )
}

function mapValues(draft: Draft): void {
  const from = draft.pick('table')
  if (!from) return
  const [fn, value] = valueMapper(draft, from)
  const { id, key } = from
  draft.add(
    {
      op: 'tableMapValues',
      from: id,
      fn,
      ...draft.maybeName('values'),
      ...maybeStore(draft, key, value),
    },
    { kind: 'table', key, value },
  )
}

function groupBy(draft: Draft): void {
  const from = draft.pick('table', notWindowed)
  if (!from) return
  const { key: before, value: old } = from
  const [fn, key, value] = draft.one<readonly [string, Type, Type]>([
    ['byValue', old, before],
    ['firstLetter', 'string', old],
    ['lengthByKey', before, 'long'],
    ['same', before, old],
    ['nullKeyOnX', 'string', old],
  ])
  draft.add(
    { op: 'tableGroupBy', from: from.id, fn, key, value, ...draft.maybeName('regroup') },
    { kind: 'groupedTable', key, value },
  )
}

function aggregate(draft: Draft): void {
  const from = draft.pick('groupedTable')
  if (!from) return
  const [options, value] = draft.one<readonly [Step, Type]>([
    [{ op: 'tableCount' }, 'long'],
    from.value === 'long'
      ? [{ op: 'tableReduce', fn: 'sum', subtract: 'minus' }, 'long']
      : [
          {
            op: 'tableReduce',
            fn: draft.one(['concat', 'last']),
            subtract: draft.one(['mark', 'remove', 'toNull']),
          },
          'string',
        ],
    [{ op: 'tableAggregate', init: 'empty', fn: 'concat', subtract: 'mark' }, 'string'],
  ])
  const { op, ...rest } = options
  draft.add(
    {
      op,
      from: from.id,
      ...rest,
      ...draft.maybeName('made'),
      store: store(draft, from.key, value),
    },
    { kind: 'table', key: from.key, value },
  )
}

/** A joiner and the type of what it makes. */
function joiner(draft: Draft, left: Type, right: Type): readonly [string, Type] {
  return draft.one<readonly [string, Type]>([
    ['plus', 'string'],
    ['left', left],
    ['right', right],
    ['nullOnX', 'string'],
  ])
}

function joinTables(draft: Draft): void {
  const from = draft.pick('table', notWindowed)
  const other = from && draft.pick('table', ({ key }) => key === from.key)
  if (!from || !other) return
  const [fn, value] = joiner(draft, from.value, other.value)
  draft.add(
    {
      op: draft.one(['tableJoin', 'tableLeftJoin', 'tableOuterJoin']),
      from: from.id,
      other: other.id,
      fn,
      ...draft.maybeName('joined'),
      ...maybeStore(draft, from.key, value),
    },
    { kind: 'table', key: from.key, value },
  )
}

function joinByForeignKey(draft: Draft): void {
  const isText = ({ key, value }: Thing): boolean => key === 'string' && value === 'string'
  const from = draft.pick('table', isText)
  const other = draft.pick('table', isText)
  if (!from || !other) return
  const [fn, value] = joiner(draft, from.value, other.value)
  draft.add(
    {
      op: draft.one(['tableJoinByForeignKey', 'tableLeftJoinByForeignKey']),
      from: from.id,
      other: other.id,
      keyOf: draft.one(['value', 'firstLetter', 'nullOnX', 'key']),
      fn,
      ...draft.maybeName('referred'),
      ...maybeStore(draft, from.key, value),
    },
    { kind: 'table', key: from.key, value },
  )
}

function joinStream(draft: Draft): void {
  const from = draft.pick('stream', notWindowed)
  const other = from && draft.pick('table', ({ key }) => key === from.key)
  if (!from || !other) return
  const [fn, value] = joiner(draft, from.value, other.value)
  draft.add(
    {
      op: draft.one(['joinTable', 'leftJoinTable']),
      from: from.id,
      other: other.id,
      fn,
      key: from.key,
      leftValue: from.value,
      ...draft.maybeName('looked'),
    },
    { kind: 'stream', key: from.key, value },
  )
}

function addGlobalTable(draft: Draft): void {
  if (!draft.chance(0.5)) return
  const [key, value] = ['string', 'string'] as const
  const topic = draft.topic('g', key, value)
  const stored = draft.chance(0.5) ? { store: draft.newName('store') } : {}
  draft.add(
    { op: 'globalTable', topic, key, value, ...stored },
    { kind: 'globalTable', key, value },
  )
}

function joinGlobal(draft: Draft): void {
  const from = draft.pick('stream', ({ key, value }) => key === 'string' && value === 'string')
  const other = draft.pick('globalTable')
  if (!from || !other) return
  const [fn, value] = joiner(draft, from.value, other.value)
  draft.add(
    {
      op: draft.one(['joinGlobalTable', 'leftJoinGlobalTable']),
      from: from.id,
      other: other.id,
      keyOf: draft.one(['key', 'value', 'firstLetter']),
      fn,
      ...draft.maybeName('global'),
    },
    { kind: 'stream', key: from.key, value },
  )
}
