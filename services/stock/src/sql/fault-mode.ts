import type { Queryable } from '@millrace/postgres'
import type { FaultMode } from '../domain/plan-batch.ts'

const read = { name: 'read_fault', text: 'select mode from stock_fault' }
const write = { name: 'write_fault', text: 'update stock_fault set mode = $1' }

export async function readFaultMode(on: Queryable): Promise<FaultMode> {
  return (await on.query<{ mode: FaultMode }>(read)).rows[0]?.mode ?? 'normal'
}

/** Counts from the next batch on. */
export async function writeFaultMode(on: Queryable, mode: FaultMode): Promise<void> {
  await on.query(write, [mode])
}
