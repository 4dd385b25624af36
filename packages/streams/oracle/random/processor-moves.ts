import type { Draft, Move } from './draft.ts'

/** Random processors, with stores and without. */
export const processorMoves: readonly Move[] = [process, processValues, countOrHold]

function process(draft: Draft): void {
  const from = draft.pick('stream', ({ key, value }) => key === 'string' && value === 'string')
  if (!from) return
  const { id, key, value } = from
  const fn = draft.one(['pass', 'twice', 'later', 'metadata', 'nothing'])
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
function countOrHold(draft: Draft): void {
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
