import type { Draft, Move, Type } from './draft.ts'

/** Random joins of streams. */
export const streamJoinMoves: readonly Move[] = [join, join, join]

function join(draft: Draft): void {
  const from = draft.pick('stream', ({ key }) => key !== 'windowed')
  const other = from && draft.pick('stream', ({ key }) => key === from.key)
  if (!from || !other) return
  const [fn, value] = draft.one<readonly [string, Type]>([
    ['pair', 'string'],
    ['withKey', 'string'],
    ['left', from.value],
  ])
  const windows = draft.chance(0.5)
    ? { withinMs: draft.one([0, 5, 10]) }
    : { beforeMs: draft.one([0, 3, 10]), afterMs: draft.one([0, 3, 10]) }
  draft.add(
    {
      op: 'streamJoin',
      from: from.id,
      other: other.id,
      kind: draft.one(['inner', 'left', 'outer']),
      ...windows,
      graceMs: draft.one([0, 0, 5, 50]),
      fn,
      key: from.key,
      leftValue: from.value,
      rightValue: other.value,
      ...draft.maybeName('join'),
      ...(draft.chance(0.3) && { store: draft.newName('joined') }),
    },
    { kind: 'stream', key: from.key, value },
  )
}
