import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** How a child process ended: by a code of its own, or by a signal. */
export interface ChildExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Half of what a test file has. */
const defaultLimitMs = 300_000

export function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

/**
 * Resolves to how a child ended, at once where it has ended already: `once(child, 'exit')` would wait for ever then, and the test with it.
 * @param limitMs how long it may take; one that still runs then is killed, so that it outlives no test. Default 5 minutes
 * @throws Error when the child could not be started, or is over the limit
 */
export async function exitOf(child: ChildProcess, limitMs = defaultLimitMs): Promise<ChildExit> {
  if (isRunning(child)) await exitWithin(child, limitMs)
  // Without an id it was never started, and its error may have been told before anybody listened.
  else if (child.pid === undefined) throw new Error(`${nameOf(child)} could not be started.`)
  return { code: child.exitCode, signal: child.signalCode }
}

/** Sends a signal to a child that still runs, and resolves to how it ended, as `exitOf` does. */
export async function endChild(
  child: ChildProcess,
  signal: NodeJS.Signals,
  limitMs = defaultLimitMs,
): Promise<ChildExit> {
  if (isRunning(child)) child.kill(signal)
  return exitOf(child, limitMs)
}

async function exitWithin(child: ChildProcess, limitMs: number): Promise<void> {
  let isOverLimit = false
  const limit = setTimeout(() => {
    isOverLimit = true
    child.kill('SIGKILL')
  }, limitMs)
  try {
    await once(child, 'exit')
  } finally {
    clearTimeout(limit)
  }
  if (isOverLimit) throw new Error(`${nameOf(child)} still ran after ${limitMs} ms and was killed.`)
}

/** What was started, without its arguments' long ones. */
function nameOf({ spawnargs }: ChildProcess): string {
  return `The process "${spawnargs.filter((arg) => arg.length < 80).join(' ')}"`
}
