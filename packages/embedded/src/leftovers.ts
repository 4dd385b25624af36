import { execFileSync } from 'node:child_process'
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { systemClock, type Logger } from '@millrace/core'
import { EmbeddedError } from './errors.ts'

/**
 * What an earlier server may have left, and how each is ended:
 * - a postmaster whose launcher is dead (it gets a fast shutdown), or whose launcher lives (an error: the directory is in use);
 * - backends whose postmaster was killed: they hold the shared memory, and no server starts until they are gone;
 * - a `postmaster.pid` whose pid now belongs to some other program (after a restart of the machine or container).
 */
export async function clearLeftovers(dir: string, dataDir: string, logger: Logger): Promise<void> {
  const pidFile = join(dataDir, 'postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10)
  if (isServerOf(pid, dataDir)) {
    refuseIfLaunched(dir, dataDir, pid)
    logger.warn('A Postgres without a launcher still ran on this directory and is stopped', { pid })
    await endProcess(pid, ['SIGINT', 'SIGQUIT', 'SIGKILL'], 10_000)
  }
  for (const orphan of orphansOf(dataDir)) {
    logger.warn('A Postgres process outlived its killed server and is ended', { pid: orphan })
    await endProcess(orphan, ['SIGQUIT', 'SIGKILL'], 500)
  }
  // Nobody of this directory is alive now, so the file is stale, whoever may have its pid today.
  if (canIdentify && existsSync(pidFile)) rmSync(pidFile)
}

/** Notes that this process launches the server of `dir`. */
export function recordLauncher(dir: string): void {
  writeFileSync(join(dir, 'launcher'), `${process.pid} ${startTimeOf(process.pid)}\n`)
}

export function forgetLauncher(dir: string): void {
  rmSync(join(dir, 'launcher'), { force: true })
}

function refuseIfLaunched(dir: string, dataDir: string, serverPid: number): void {
  const record = join(dir, 'launcher')
  if (!existsSync(record)) return
  const [pid, startTime] = readFileSync(record, 'utf8').trim().split(' ')
  if (!isAlive(Number(pid)) || startTimeOf(Number(pid)) !== startTime) return
  throw new EmbeddedError(
    'MR_EMBEDDED_IN_USE',
    `Process ${pid} already runs a Postgres (pid ${serverPid}) on ${dataDir}. Stop it first, or use another directory.`,
    { dataDir, launcherPid: Number(pid), serverPid },
  )
}

/** Linux tells every process' working directory, and a server's is its data directory. */
const canIdentify = process.platform === 'linux'

function isServerOf(pid: number, dataDir: string): boolean {
  if (!isAlive(pid)) return false
  if (canIdentify) return workingDirectoryOf(pid) === realpathSync(dataDir)
  if (process.platform === 'win32') return true
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(
      dataDir,
    )
  } catch {
    return false
  }
}

/** Elsewhere the start is tried again until they have noticed by themselves; see `startPostgres`. */
function orphansOf(dataDir: string): readonly number[] {
  if (!canIdentify) return []
  const wanted = realpathSync(dataDir)
  return readdirSync('/proc')
    .map(Number)
    .filter(
      (pid) =>
        pid > 1 && pid !== process.pid && workingDirectoryOf(pid) === wanted && isPostgres(pid),
    )
}

function workingDirectoryOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

/** A shell that stands in the data directory is none of our business. */
function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'postgres'
  } catch {
    return false
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function isZombie(pid: number): boolean {
  return statOf(pid)?.[0] === 'Z'
}

/** Clock ticks after boot at which the process started: with the pid, it names a process for ever. Empty where it cannot be known. */
function startTimeOf(pid: number): string {
  return statOf(pid)?.[19] ?? ''
}

/** The fields of /proc/<pid>/stat from the state on; the name before them may hold anything. */
function statOf(pid: number): readonly string[] | undefined {
  if (!canIdentify) return undefined
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
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
