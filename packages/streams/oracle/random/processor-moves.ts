import type { Draft, Move } from './draft.ts'

/** Random processors, with stores and without. */
export const processorMoves: readonly Move[] = [process, processValues, count, hold]

function process(draft: Draft): void {
  const from = draft.pick('stream', ({ key, value }) => key === 'string' && value === 'string')
  if (!from) return
  const { id, key, value } = from
  // A tick whose record moves stream time makes the next tick, without end.
  const ticks = draft.has((step) => step['type'] === 'STREAM_TIME')
  const fn = draft.one(['pass', ...(ticks ? [] : ['twice', 'later']), 'metadata', 'nothing'])
  draft.add(
    { op: 'process', from: id, fn, key, value, ...draft.maybeName('process') },
    { kind: 'stream', key, value },
  )
}

function processValues(draft: Draft): void {
  const from = draft.pick('stream', ({ key }) => key !== 'windowed')
  if (!from) return
  const { id, key } = from
  draft.add(
    { op: 'processValues', from: id, fn: 'upper', value: 'string', ...draft.maybeName('process') },
    { kind: 'stream', key, value: 'string' },
  )
}

/** The one store is used by one processor or by two, which makes one subtopology of theirs. */
function count(draft: Draft): void {
  const from = draft.pick('stream', ({ key, value }) => key === 'string' && value === 'string')
  if (!from) return
  const name = draft.newName('kv')
  draft.add({ op: 'addStateStore', name, value: 'long' })
  const { key, value } = from
  const others = [
    from.id,
    draft.pick('stream', (each) => each.key === key && each.value === value)?.id ?? from.id,
  ]
  for (const id of others.slice(0, draft.int(1, 3)))
    draft.add(
      {
        op: 'process',
        from: id,
        fn: 'count',
        stores: [name],
        key,
        value,
        ...draft.maybeName('count'),
      },
      { kind: 'stream', key, value },
    )
}

/** A punctuator of either time: ticks, or what was held till then. */
function hold(draft: Draft): void {
  const from = draft.pick('stream', ({ key, value }) => key === 'string' && value === 'string')
  if (!from) return
  const { id, key, value } = from
  const movesTime = draft.has(({ fn }) => fn === 'twice' || fn === 'later')
  const schedule = {
    everyMs: draft.one([1, 5, 20, 500]),
    type: movesTime ? 'WALL_CLOCK_TIME' : draft.one(['STREAM_TIME', 'WALL_CLOCK_TIME']),
    ...(draft.chance(0.2) && { startMs: draft.one([3, 1_000_003]) }),
  }
  const name = draft.newName('held')
  const made = draft.chance(0.5)
    ? { fn: 'hold', stores: [name] }
    : { fn: 'ticks', count: draft.int(1, 3), ...(draft.chance(0.3) && { cancelAfter: 2 }) }
  if (made.fn === 'hold') draft.add({ op: 'addStateStore', name, key, value })
  draft.add(
    { op: 'process', from: id, ...made, ...schedule, key, value },
    { kind: 'stream', key, value },
  )
}
