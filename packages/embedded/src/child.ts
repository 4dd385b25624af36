import type { ChildProcess } from 'node:child_process'
import { systemClock } from '@millrace/core'

/** How a child process ended. */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Resolves when the child has ended, or could not be started; never rejects. */
export function exitOf(child: ChildProcess): Promise<ProcessExit> {
  return new Promise((resolve) => {
    child.on('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null })
    })
    child.on('exit', (code, signal) => resolve({ code, signal }))
  })
}

export function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

/** Sends the signals one after the other, each when the one before had `patienceMs` without effect. Returns when it has ended. */
export async function stopChild<Signal extends NodeJS.Signals>(
  child: ChildProcess,
  exited: Promise<ProcessExit>,
  signals: readonly Signal[],
  patienceMs: number,
  send: (signal: Signal) => void = (signal) => child.kill(signal),
): Promise<void> {
  for (const signal of signals) {
    if (!isRunning(child)) break
    send(signal)
    const patience = new AbortController()
    await Promise.race([exited, systemClock.sleep(patienceMs, patience.signal).catch(() => {})])
    patience.abort()
  }
  await exited
}
