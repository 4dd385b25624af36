import { existsSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, type Logger } from '@millrace/core'
import { EmbeddedError } from './errors.ts'
import {
  commandOf,
  isAlive,
  knowsDirectories,
  pidsOf,
  startTimeOf,
  workingDirectoryOf,
} from './process-table.ts'

/**
 * Ends what an earlier server of this data directory left behind:
 * - a postmaster whose launcher is dead gets a fast shutdown; one whose launcher lives is an error, the directory is in use;
 * - backends whose postmaster was killed hold its shared memory, and no server starts until they are gone;
 * - a `postmaster.pid` whose pid now belongs to another program (after a restart of the machine or container) is removed.
 * @throws EmbeddedError `MR_EMBEDDED_IN_USE`
 */
export async function clearLeftovers(dataDir: string, logger: Logger): Promise<void> {
  const pidFile = join(dataDir, 'postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
  if (isServerOf(pid, dataDir)) {
    refuseIfLaunched(pid, dataDir)
    logger.warn('A Postgres without a launcher still ran on this directory and is stopped', { pid })
    await endProcess(pid, ['SIGINT', 'SIGQUIT', 'SIGKILL'], 10_000)
  }
  for (const orphan of orphansOf(dataDir)) {
    logger.warn('A Postgres process outlived its killed server and is ended', { pid: orphan })
    await endProcess(orphan, ['SIGQUIT', 'SIGKILL'], 500)
  }
  // Nothing of this directory is alive now, so the file is stale, whoever may have its pid today.
  if (knowsDirectories) rmSync(pidFile, { force: true })
}

/**
 * A setting that means nothing to Postgres and tells in its command line who launched it: it cannot get lost or be out of date, as
 * a file of ours could.
 */
export function launcherSetting(): Readonly<Record<string, string>> {
  return { 'millrace.launcher': `${process.pid}-${startTimeOf(process.pid)}` }
}

function refuseIfLaunched(serverPid: number, dataDir: string): void {
  const [, pid, startTime] = /millrace\.launcher=(\d+)-(\d*)/.exec(commandOf(serverPid)) ?? []
  if (!isAlive(Number(pid)) || startTimeOf(Number(pid)) !== startTime) return
  throw new EmbeddedError(
    'MR_EMBEDDED_IN_USE',
    `Process ${pid} already runs a Postgres (pid ${serverPid}) on ${dataDir}. Stop it first, or use another directory.`,
    { dataDir, launcherPid: Number(pid), serverPid },
  )
}

/** A server's working directory is its data directory. */
function isServerOf(pid: number, dataDir: string): boolean {
  if (!isAlive(pid)) return false
  if (knowsDirectories) return workingDirectoryOf(pid) === realpathSync(dataDir)
  // Without `ps`, on Windows, the server itself looks whether the pid is that of another one.
  return commandOf(pid).includes(dataDir)
}

/** Where directories are not known, the start is tried again until they have ended by themselves; see `startPostgres`. */
function orphansOf(dataDir: string): readonly number[] {
  const wanted = realpathSync(dataDir)
  return pidsOf('postgres').filter((pid) => workingDirectoryOf(pid) === wanted)
}

/** Sends the signals one after the other, each when the one before had `patienceMs` without effect. */
async function endProcess(
  pid: number,
  signals: readonly NodeJS.Signals[],
  patienceMs: number,
): Promise<void> {
  for (const signal of signals) {
    try {
      process.kill(pid, signal)
    } catch {
      return
    }
    const deadline = systemClock.monotonicMs() + patienceMs
    while (systemClock.monotonicMs() < deadline) {
      if (!isAlive(pid)) return
      await systemClock.sleep(5)
    }
  }
}
