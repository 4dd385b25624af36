import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Kills a relay's process with SIGKILL, which must still run: one that ended by itself is a defect. */
export async function killRelay(relay: ChildProcess): Promise<void> {
  assertRuns(relay)
  const exited = once(relay, 'exit')
  relay.kill('SIGKILL')
  await exited
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
  const running = relays.filter(
    ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
  )
  await Promise.all(running.map(killRelay))
}
