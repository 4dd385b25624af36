import { seededRandom } from '@millrace/core'
import type { Scenario } from '../scenario.ts'
import { Draft, type Move } from './draft.ts'
import { groupingMoves } from './grouping-moves.ts'
import { processorMoves } from './processor-moves.ts'
import { addStream, statelessMoves } from './stateless-moves.ts'
import { streamJoinMoves } from './stream-join-moves.ts'
import { addTable, tableMoves } from './table-moves.ts'
import { windowMoves } from './window-moves.ts'

/** The moves of each family. What stands twice is made twice as often. */
const families: readonly (readonly Move[])[] = [
  statelessMoves,
  statelessMoves,
  statelessMoves,
  groupingMoves,
  groupingMoves,
  tableMoves,
  tableMoves,
  tableMoves,
  windowMoves,
  windowMoves,
  streamJoinMoves,
  processorMoves,
]

/** A scenario that follows from its seed alone, as long as no move is changed. */
export function randomScenario(seed: number): Scenario {
  const draft = new Draft(seededRandom(seed))
  if (draft.chance(0.8)) addStream(draft)
  else addTable(draft)
  if (draft.chance(0.5)) addStream(draft)
  const count = draft.int(2, 12)
  for (let at = 0; at < count; at++) draft.one(draft.one(families))(draft)
  return draft.scenario(`seed ${seed}`)
}
