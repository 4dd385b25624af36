import { PostgresError, type ArchivedDay } from '@millrace/postgres'
import type { InboxDays } from '../inbox-days.ts'
import type { OperationRequest, Refusal } from './types.ts'

/** Days named one by one; of more the first and the last are named. */
const namedDays = 5

/** What a replay cannot reach since its days are in files: said in the plan, or it would look as if there had been nothing. */
export async function archivedRefusals(
  days: InboxDays,
  request: OperationRequest,
): Promise<readonly Refusal[]> {
  if (request.kind !== 'replay') return []
  const firstDay = dayOf(request.from.getTime())
  const lastDay = dayOf(request.to.getTime() - 1)
  const rows = (await archivedDays(days)).filter(
    ({ day, state }) => state === 'ARCHIVED' && day >= firstDay && day <= lastDay,
  )
  const found = [...new Set(rows.map(({ day }) => day))].toSorted()
  if (found.length === 0) return []
  const count = rows.reduce((sum, row) => sum + Number(row.rowCount ?? 0), 0)
  return [
    {
      code: 'day-archived',
      explanation: `${inWords(found)} of the log ${found.length === 1 ? 'is' : 'are'} in archive files, with ${count} rows of all groups and topics: nothing of that is replayed. Restore what is wanted (restoreDay, or where the console names archived days), and plan anew.`,
      count: null,
      sampleEventIds: [],
      isFinal: false,
    },
  ]
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

function inWords(days: readonly string[]): string {
  if (days.length <= namedDays) return days.join(', ')
  return `${days.length} days from ${days[0]} to ${days.at(-1)}`
}

/** A log that an older version installed has no list of archived days, since it archives none. */
async function archivedDays(days: InboxDays): Promise<readonly ArchivedDay[]> {
  try {
    return await days.archivedDays()
  } catch (error) {
    // SQLSTATE 42P01: undefined table.
    if (error instanceof PostgresError && error.sqlState === '42P01') return []
    throw error
  }
}
