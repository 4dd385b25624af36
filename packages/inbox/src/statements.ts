import type { Statement } from '@millrace/postgres'
import { blockedKeyStatements, type BlockedKeyStatements } from './sql/blocked-keys.ts'
import { dueEventStatements, type DueEventStatements } from './sql/due-events.ts'
import { findKnownStatement } from './sql/find-known.ts'
import { prepareFor, type Prepare } from './sql/names.ts'
import { noteRepeatsStatement } from './sql/note-repeats.ts'
import { positionStatements, type PositionStatements } from './sql/position.ts'
import { failureStatements, type FailureStatements } from './sql/record-failure.ts'
import { recordHandledStatement, recordSharedStatement } from './sql/record-handled.ts'
import { sharedPositionStatements, type SharedPositionStatements } from './sql/shared-positions.ts'
import { setAsideStatement } from './sql/set-aside.ts'

/** The statements of one inbox's schema. */
export interface InboxStatements {
  readonly prepare: Prepare
  readonly position: PositionStatements
  readonly findKnown: Statement
  readonly recordHandled: Statement
  readonly recordShared: Statement
  readonly sharedPositions: SharedPositionStatements
  readonly failure: FailureStatements
  readonly setAside: Statement
  readonly noteRepeats: Statement
  readonly blockedKeys: BlockedKeyStatements
  readonly due: DueEventStatements
}

/** @throws InboxError `MR_INBOX_BAD_OPTION` for a schema name that is not plain */
export function statementsOf(schema: string): InboxStatements {
  const prepare = prepareFor(schema)
  return {
    prepare,
    position: positionStatements(prepare),
    findKnown: findKnownStatement(prepare),
    recordHandled: recordHandledStatement(prepare),
    recordShared: recordSharedStatement(prepare),
    sharedPositions: sharedPositionStatements(prepare),
    failure: failureStatements(prepare),
    setAside: setAsideStatement(prepare),
    noteRepeats: noteRepeatsStatement(prepare),
    blockedKeys: blockedKeyStatements(prepare),
    due: dueEventStatements(prepare),
  }
}
