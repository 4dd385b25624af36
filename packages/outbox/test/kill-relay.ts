import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { endChild, isRunning } from '@millrace/testkit'

/** Kills a relay's process with SIGKILL, which must still run: one that ended by itself is a defect. */
export async function killRelay(relay: ChildProcess): Promise<void> {
  assertRuns(relay)
  await endChild(relay, 'SIGKILL')
}

/** A relay ends by a signal or by `close` only, whatever happens to its servers. */
export function assertRuns(relay: ChildProcess): void {
  const { pid, exitCode, signalCode } = relay
  assert.deepEqual(
    { exitCode, signalCode },
    { exitCode: null, signalCode: null },
    `relay ${pid} ended by itself`,
  )
}

/** SIGKILL for those that still run. */
export async function killAll(relays: readonly ChildProcess[]): Promise<void> {
  await Promise.all(relays.filter(isRunning).map(killRelay))
}
