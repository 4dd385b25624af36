import { spawn, type ChildProcess } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '@millrace/core'
import type { Placement } from './account.ts'
import { exitOf, isRunning, type ProcessExit } from './child.ts'
import { serverEnvironment } from './config.ts'
import { launcherSetting } from './leftovers.ts'

export interface Launch {
  readonly dir: string
  readonly placement: Placement
  readonly port: number
  readonly settings: Readonly<Record<string, string>>
  /** On the monotonic clock. */
  readonly deadlineMs: number
}

export interface FailedLaunch {
  readonly kind: 'failed'
  readonly reason: 'port' | 'shared-memory' | 'locked' | 'other'
  /** What the server wrote. */
  readonly log: string
}

type LaunchOutcome =
  | {
      readonly kind: 'ready'
      readonly child: ChildProcess
      readonly exited: Promise<ProcessExit>
    }
  | FailedLaunch

const logLimitBytes = 10_000_000
const readyPollMs = 3

/** For development: little memory, few background processes, nothing in /tmp, reachable from this machine alone. */
const developmentSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '32MB',
  jit: 'off',
  io_method: 'sync',
  max_logical_replication_workers: '0',
  log_checkpoints: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
}

/** Starts the server once and waits until it takes connections, has ended, or time is up. */
export async function launchPostmaster(launch: Launch): Promise<LaunchOutcome> {
  const logFile = join(launch.dir, 'postgres.log')
  if (existsSync(logFile) && statSync(logFile).size > logLimitBytes)
    renameSync(logFile, `${logFile}.1`)
  const log = openSync(logFile, 'a')
  const logStart = fstatSync(log).size
  try {
    const child = spawnServer(launch, log)
    const exited = exitOf(child)
    while (isRunning(child) && systemClock.monotonicMs() < launch.deadlineMs) {
      if (isReady(launch.placement.dataDir, child.pid)) return { kind: 'ready', child, exited }
      await systemClock.sleep(readyPollMs)
    }
    if (isRunning(child)) child.kill('SIGQUIT')
    const exit = await exited
    const text = readFrom(logFile, logStart) || `it ended with ${exit.code ?? exit.signal}`
    return { kind: 'failed', reason: reasonOf(text), log: text }
  } finally {
    closeSync(log)
  }
}

function spawnServer({ placement, port, settings }: Launch, log: number): ChildProcess {
  const all = {
    ...developmentSettings,
    ...settings,
    ...launcherSetting(),
    port: String(port),
  }
  const [file, ...args] = placement.command('postgres', [
    '-D',
    placement.dataDir,
    ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ])
  return spawn(file, args, {
    ...placement.spawnAs,
    cwd: placement.dataDir,
    env: serverEnvironment(),
    // A session of its own: Ctrl C in the terminal must not stop the database before those who use it.
    detached: process.platform !== 'win32',
    stdio: ['ignore', log, log],
  })
}

/** Line 8 of postmaster.pid says `ready` once connections are taken: pg_ctl looks there too (PM_STATUS_READY). */
function isReady(dataDir: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
  } catch {
    return false
  }
}

/** The server's messages are English: the cluster is made with `--locale=C`. */
function reasonOf(log: string): FailedLaunch['reason'] {
  if (log.includes('Address already in use')) return 'port'
  if (log.includes('pre-existing shared memory block')) return 'shared-memory'
  return log.includes('lock file "postmaster.pid" already exists') ? 'locked' : 'other'
}

/** What was written to the file from `start` on; the end of it where it is long. */
function readFrom(file: string, start: number): string {
  const limit = 4_000
  const fd = openSync(file, 'r')
  try {
    const size = fstatSync(fd).size
    const from = Math.max(start, size - limit)
    const buffer = Buffer.alloc(Math.max(0, size - from))
    readSync(fd, buffer, 0, buffer.length, from)
    return buffer.toString('utf8')
  } finally {
    closeSync(fd)
  }
}
