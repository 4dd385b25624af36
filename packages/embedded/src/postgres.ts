import { spawn, type ChildProcess } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve as resolvePath } from 'node:path'
import { silentLogger, systemClock, type Logger } from '@millrace/core'
import { placeServer, type Placement, type PlacementKind } from './account.ts'
import { findBinaries } from './binaries.ts'
import { prepareData, serverEnvironment } from './data-directory.ts'
import { EmbeddedError } from './errors.ts'
import { guardProcess } from './guard.ts'
import { clearLeftovers, forgetLauncher, recordLauncher } from './leftovers.ts'

export interface PostgresOptions {
  /** Holds `data`, `password`, `postgres.log`; made when missing. One server at a time. */
  readonly dir: string
  /** Default 0: any free port. */
  readonly port?: number
  readonly logger?: Logger
  /** Server settings over ours, such as `{ fsync: 'off' }` for data that may be lost. */
  readonly settings?: Readonly<Record<string, string>>
  /** How long the server may take until it accepts connections, recovery included, ms. Default 60,000. */
  readonly startTimeoutMs?: number
  /** @internal Remove `dir` when this process ends without `stop`, and do not keep it alive. */
  readonly isThrowAway?: boolean
  /** @internal For tests: take this way of running as root alone. */
  readonly placement?: PlacementKind
}

/** How a child process ended. */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A running server. It ends with this process, however that ends. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** Superuser `postgres`, database `postgres`; holds the password. */
  readonly url: string
  readonly port: number
  /** Of the postmaster. */
  readonly pid: number
  readonly placement: PlacementKind
  readonly exited: Promise<ProcessExit>
  urlOf(databaseName: string): string
  /** Fast shutdown: ends connections, rolls back what runs, writes a checkpoint. Idempotent. */
  stop(): Promise<void>
  /** SIGKILL to the postmaster, as a crash would. Its backends end by themselves or at the next start. */
  kill(): void
}

const stopPatienceMs = 10_000
const logLimitBytes = 10_000_000
const anyPortAttempts = 5

/** For development: little memory, few background processes, nothing in /tmp, reachable from this machine alone. */
const settings: Readonly<Record<string, string>> = {
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

/**
 * Starts Postgres on `options.dir`, making the data directory first where there is none (about a second, else some 50 ms). Also
 * after a crash of the server or of an earlier launcher.
 * @throws EmbeddedError
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const dir = resolvePath(options.dir)
  const logger = options.logger ?? silentLogger
  if (!existsSync(dir)) mkdirSync(dir, { recursive: true, mode: 0o755 })
  const binaries = findBinaries()
  const placement = placeServer(binaries, dir, options.placement)
  const password = await prepareData(binaries, placement, dir)
  await clearLeftovers(dir, placement.dataDir, logger)
  const launch: Launch = { dir, placement, password, options }
  const deadlineMs = systemClock.monotonicMs() + (options.startTimeoutMs ?? 60_000)
  for (let attempt = 1; ; attempt++) {
    const port = options.port || (await freePort())
    const outcome = await launchOnce(launch, port, deadlineMs)
    if (outcome.kind === 'ready') {
      logger.info('Postgres is ready', { port, pid: outcome.server.pid, placement: placement.kind })
      return outcome.server
    }
    const isTimeLeft = systemClock.monotonicMs() < deadlineMs
    // Backends of a killed server that we could not find; they notice soon that it is gone.
    if (outcome.reason === 'shared-memory' && isTimeLeft) await systemClock.sleep(100)
    else if (outcome.reason === 'port' && !options.port && attempt < anyPortAttempts) continue
    else throw failure(launch, port, outcome)
  }
}

interface Launch {
  readonly dir: string
  readonly placement: Placement
  readonly password: string
  readonly options: PostgresOptions
}

type Outcome =
  | { readonly kind: 'ready'; readonly server: EmbeddedPostgres }
  | {
      readonly kind: 'failed'
      readonly reason: 'port' | 'shared-memory' | 'locked' | 'other'
      readonly log: string
    }

async function launchOnce(launch: Launch, port: number, deadlineMs: number): Promise<Outcome> {
  const logFile = join(launch.dir, 'postgres.log')
  rotateLog(logFile)
  const log = openSync(logFile, 'a')
  const logStart = fstatSync(log).size
  try {
    recordLauncher(launch.dir)
    const child = spawnServer(launch, port, log)
    const exited = exitOf(child)
    while (isRunning(child) && systemClock.monotonicMs() < deadlineMs) {
      if (isReady(launch.placement.dataDir, child.pid))
        return { kind: 'ready', server: new RunningPostgres(launch, child, port, exited) }
      await systemClock.sleep(3)
    }
    if (isRunning(child)) child.kill('SIGQUIT')
    const exit = await exited
    const text = readLog(logFile, logStart) || `it ended with ${exit.code ?? exit.signal}`
    return { kind: 'failed', reason: reasonOf(text), log: text }
  } finally {
    closeSync(log)
  }
}

function spawnServer(launch: Launch, port: number, log: number): ChildProcess {
  const { placement } = launch
  const all = { ...settings, ...launch.options.settings, port: String(port) }
  const [file, ...args] = placement.command('postgres', [
    '-D',
    placement.dataDir,
    ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ])
  return spawn(file ?? '', args, {
    ...placement.spawnAs,
    cwd: placement.dataDir,
    env: serverEnvironment(),
    // A session of its own: Ctrl C in the terminal must not stop the database before those who use it.
    detached: process.platform !== 'win32',
    stdio: ['ignore', log, log],
  })
}

function exitOf(child: ChildProcess): Promise<ProcessExit> {
  return new Promise((resolve) => {
    child.on('error', () => resolve({ code: null, signal: null }))
    child.on('exit', (code, signal) => resolve({ code, signal }))
  })
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
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

function reasonOf(log: string): 'port' | 'shared-memory' | 'locked' | 'other' {
  if (log.includes('Address already in use')) return 'port'
  if (log.includes('pre-existing shared memory block')) return 'shared-memory'
  return log.includes('lock file "postmaster.pid" already exists') ? 'locked' : 'other'
}

function failure(
  launch: Launch,
  port: number,
  outcome: Outcome & { kind: 'failed' },
): EmbeddedError {
  const details = { port, dir: launch.dir, log: outcome.log }
  if (outcome.reason === 'port') {
    return new EmbeddedError(
      'MR_EMBEDDED_PORT_TAKEN',
      `Postgres cannot listen on port ${port} of 127.0.0.1: another program does. Nothing was started; choose another port.`,
      details,
    )
  }
  if (outcome.reason === 'locked') {
    return new EmbeddedError(
      'MR_EMBEDDED_IN_USE',
      `Another Postgres started on ${launch.dir} at the same moment. Stop it, or use another directory.`,
      details,
    )
  }
  return new EmbeddedError(
    'MR_EMBEDDED_START_FAILED',
    `Postgres did not get ready on ${launch.dir}: ${outcome.log.trim()}. The data was left as it is; see postgres.log there.`,
    details,
  )
}

class RunningPostgres implements EmbeddedPostgres {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly placement: PlacementKind
  readonly exited: Promise<ProcessExit>
  readonly #child: ChildProcess
  readonly #launch: Launch
  #hasExited = false

  constructor(launch: Launch, child: ChildProcess, port: number, exited: Promise<ProcessExit>) {
    this.#launch = launch
    this.#child = child
    this.port = port
    this.pid = child.pid ?? 0
    this.placement = launch.placement.kind
    this.url = this.urlOf('postgres')
    const { isThrowAway, dir } = { isThrowAway: false, ...launch.options }
    const guard = guardProcess(this.pid, isThrowAway ? 'QUIT' : 'INT', isThrowAway ? dir : '')
    if (isThrowAway) child.unref()
    this.exited = exited.then((exit) => {
      this.#hasExited = true
      guard.dismiss()
      if (isThrowAway) rmSync(dir, { recursive: true, force: true })
      else forgetLauncher(launch.dir)
      return exit
    })
  }

  urlOf(databaseName: string): string {
    return `postgres://postgres:${this.#launch.password}@127.0.0.1:${this.port}/${encodeURIComponent(databaseName)}`
  }

  async stop(): Promise<void> {
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
      if (this.#hasExited) break
      this.#end(signal)
      const patience = new AbortController()
      await Promise.race([
        this.exited,
        systemClock.sleep(stopPatienceMs, patience.signal).catch(() => {}),
      ])
      patience.abort()
    }
    await this.exited
  }

  kill(): void {
    if (!this.#hasExited) this.#child.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Windows has no signals: pg_ctl speaks to the server through a named pipe. */
  #end(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): void {
    if (process.platform !== 'win32' || signal === 'SIGKILL') {
      this.#child.kill(signal)
      return
    }
    const { placement } = this.#launch
    const mode = signal === 'SIGINT' ? 'fast' : 'immediate'
    const [file, ...args] = placement.command('pg_ctl', [
      'stop',
      '-D',
      placement.dataDir,
      '-m',
      mode,
      '-W',
    ])
    spawn(file ?? '', args, { stdio: 'ignore' }).on('error', () => {})
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function rotateLog(file: string): void {
  if (existsSync(file) && statSync(file).size > logLimitBytes) renameSync(file, `${file}.1`)
}

/** What was written to the log from `start` on; the end of it where it is long. */
function readLog(file: string, start: number): string {
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
