import type { Draft, Move, Thing, Type } from './draft.ts'

/** Random sources and steps without state. */
export const statelessMoves: readonly Move[] = [
  addStream,
  (draft) => step(draft, draft.one(['filter', 'filterNot']), predicate(draft)),
  (draft) => step(draft, draft.one(['filter', 'filterNot']), predicate(draft)),
  mapValues,
  mapValues,
  map,
  flatMapValues,
  selectKey,
  selectKey,
  (draft) => step(draft, 'peek', draft.chance(draft.throwingChance) ? 'throwOnX' : 'nothing'),
  merge,
  repartition,
  split,
  sinkMidway,
]

export function addStream(draft: Draft): void {
  const key = draft.chance(0.85) ? 'string' : 'long'
  const value = draft.chance(0.8) ? 'string' : 'long'
  const topic = draft.topic('s', key, value)
  const second = draft.chance(0.1) ? draft.topic('m', key, value) : undefined
  draft.add(
    {
      op: 'stream',
      topic: second === undefined ? topic : [topic, second],
      key,
      value,
      ...draft.maybeName('source'),
      ...(draft.chance(0.1) && { extractor: draft.one(['constant', 'partitionTime', 'same']) }),
    },
    { kind: 'stream', key, value },
  )
}

/** Of the value alone, which windowed keys allow too. */
export function predicate(draft: Draft): string {
  if (draft.chance(draft.throwingChance)) return 'throwOnX'
  return draft.one(['all', 'even', 'startsWithA', 'hasValue', 'even', 'none', 'hasKey'])
}

/** A function of values and the type it makes of one. */
export function valueMapper(draft: Draft, { key, value }: Thing): readonly [string, Type] {
  const mappers: (readonly [string, Type])[] = [
    ['upper', 'string'],
    ['append', 'string'],
    ['length', 'long'],
    ['same', value],
    ['nullOnX', value],
    ['toText', 'string'],
  ]
  if (key !== 'windowed') mappers.push(['withKey', 'string'])
  if (draft.chance(0.1)) mappers.push(['toNull', value])
  if (draft.chance(draft.throwingChance)) return ['throwOnX', value]
  return draft.one(mappers)
}

function notWindowed({ key }: Thing): boolean {
  return key !== 'windowed'
}

function step(draft: Draft, op: string, fn: string): void {
  const from = draft.pick('stream')
  if (from) draft.add({ op, from: from.id, fn, ...draft.maybeName(op) }, typesOf(from))
}

function typesOf({ key, value }: Thing): Omit<Thing, 'id'> {
  return { kind: 'stream', key, value }
}

function mapValues(draft: Draft): void {
  const from = draft.pick('stream')
  if (!from) return
  const [fn, value] = valueMapper(draft, from)
  draft.add(
    { op: 'mapValues', from: from.id, fn, ...draft.maybeName('values') },
    { kind: 'stream', key: from.key, value },
  )
}

function map(draft: Draft): void {
  const from = draft.pick('stream', notWindowed)
  if (!from) return
  const { key, value } = from
  const [op, fn, newKey, newValue] = draft.one<readonly [string, string, Type, Type]>([
    ['map', 'swap', value, key],
    ['map', 'same', key, value],
    ['map', 'upperBoth', 'string', 'string'],
    ['map', 'lengthByValue', 'string', 'long'],
    ['map', 'nothingOnX', key, value],
    ['flatMap', 'words', 'string', value],
    ['flatMap', 'none', key, value],
  ])
  draft.add(
    { op, from: from.id, fn, ...draft.maybeName(op) },
    { kind: 'stream', key: newKey, value: newValue },
  )
}

function flatMapValues(draft: Draft): void {
  const from = draft.pick('stream', notWindowed)
  if (!from) return
  const fn = draft.one(['words', 'words', 'twice', 'withNull', 'none'])
  const value = fn === 'withNull' ? from.value : 'string'
  draft.add(
    { op: 'flatMapValues', from: from.id, fn, ...draft.maybeName('flat') },
    { kind: 'stream', key: from.key, value },
  )
}

function selectKey(draft: Draft): void {
  const from = draft.pick('stream')
  if (!from) return
  const [fn, key] = selector(draft, from)
  draft.add(
    { op: 'selectKey', from: from.id, fn, ...draft.maybeName('select') },
    { kind: 'stream', key, value: from.value },
  )
}

/** A function that makes a key, and its type. */
export function selector(draft: Draft, { key, value }: Thing): readonly [string, Type] {
  const selectors: (readonly [string, Type])[] = [
    ['value', value],
    ['value', value],
    ['firstLetter', 'string'],
    ['length', 'long'],
  ]
  if (key !== 'windowed') {
    if (draft.chance(draft.throwingChance)) return ['throwOnX', key]
    selectors.push(['key', key], ['nullOnX', key])
  }
  return draft.one(selectors)
}

function merge(draft: Draft): void {
  const from = draft.pick('stream')
  const other =
    from && draft.pick('stream', ({ key, value }) => key === from.key && value === from.value)
  if (from && other && from.key !== 'windowed')
    draft.add(
      { op: 'merge', from: from.id, other: other.id, ...draft.maybeName('merge') },
      typesOf(from),
    )
}

function repartition(draft: Draft): void {
  const from = draft.pick('stream', notWindowed)
  if (!from) return
  const { id, key, value } = from
  draft.add({ op: 'repartition', from: id, key, value, ...draft.maybeName('again') }, typesOf(from))
}

function split(draft: Draft): void {
  const from = draft.pick('stream')
  if (!from || !draft.chance(0.5)) return
  const named = draft.maybeName('split')
  const branches = [
    ['even', 'even'],
    ['a', 'startsWithA'],
  ].slice(0, draft.int(1, 3))
  const rest = draft.chance(0.5) ? { default: 'rest' } : {}
  const id = draft.newName('branches')
  draft.add({ id, op: 'split', from: from.id, branches, ...named, ...rest })
  for (const [name] of [...branches, ...(rest.default === undefined ? [] : [[rest.default]])])
    draft.addThing({ ...typesOf(from), id: `${id}.${name}` })
}

function sinkMidway(draft: Draft): void {
  const from = draft.pick('stream', notWindowed)
  if (!from || !draft.chance(0.5)) return
  const { id, key, value } = from
  const to = draft.chance(0.3) ? { fn: draft.one(['byKey', 'byTimestamp']) } : { topic: 'out0' }
  draft.add({ op: 'to', from: id, ...to, key, value, ...draft.maybeName('sink') })
}
