import { InboxError } from '../errors.ts'
import type { OperationRow } from './sql/operation-rows.ts'

export function wrongState(row: OperationRow, action: string): InboxError {
  return new InboxError(
    'MR_INBOX_OPERATION_STATE',
    `Operation ${row.id} is ${row.state}; ${action} cannot be done in this state. It was left as it is.`,
    { id: row.id, state: row.state, action },
  )
}

export function tooManyPlans(by: string, count: number, firstExpiresInMs: number): InboxError {
  const seconds = Math.ceil(firstExpiresInMs / 1_000)
  return new InboxError(
    'MR_INBOX_TOO_MANY_PLANS',
    `${by} has ${count} plans that wait for a confirmation, as many as one may have; nothing was planned. Confirm or cancel some, or wait: the first expires in ${seconds} s.`,
    { by, count, retryAfterMs: seconds * 1_000 },
  )
}

export function expired(row: OperationRow): InboxError {
  return new InboxError(
    'MR_INBOX_PLAN_EXPIRED',
    `The plan ${row.id} could be confirmed until ${row.expiresAt.toISOString()}; nothing was changed. Plan anew and confirm sooner.`,
    { id: row.id, expiresAt: row.expiresAt },
  )
}

export function stale(row: OperationRow, planned: number, found: number): InboxError {
  return new InboxError(
    'MR_INBOX_PLAN_STALE',
    `The plan ${row.id} was made for ${planned} events, there are ${found} now; nothing was changed. Plan anew.`,
    { id: row.id, planned, found },
  )
}

export function refused(row: OperationRow, explanation: string): InboxError {
  return new InboxError(
    'MR_INBOX_PLAN_REFUSED',
    `The plan ${row.id} cannot be confirmed; nothing was changed. ${explanation}`,
    { id: row.id },
  )
}

export function alreadyEdited(eventId: string): InboxError {
  return new InboxError(
    'MR_INBOX_ALREADY_EDITED',
    `Event ${eventId} was edited by somebody else, or mended, after this edit was planned; nothing was changed. Look at it and plan anew.`,
    { eventId },
  )
}
