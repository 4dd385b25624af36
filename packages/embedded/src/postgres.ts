import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { resolve as resolvePath } from 'node:path'
import { silentLogger, systemClock, type Logger } from '@millrace/core'
import { placeServer, type Placement, type PlacementKind } from './account.ts'
import { findBinaries } from './binaries.ts'
import { stopChild, type ProcessExit } from './child.ts'
import { prepareData } from './data-directory.ts'
import { EmbeddedError } from './errors.ts'
import { guardProcess } from './guard.ts'
import { clearLeftovers } from './leftovers.ts'
import { launchPostmaster, type FailedLaunch } from './postmaster.ts'

export interface PostgresOptions {
  /** Holds `data` and `postgres.log`; made when missing. One server at a time. */
  readonly dir: string
  /** Default 0: any free port. */
  readonly port?: number
  readonly logger?: Logger
  /** Server settings over ours, such as `{ fsync: 'off' }` for data that may be lost. */
  readonly settings?: Readonly<Record<string, string>>
  /** How long the server may take until it accepts connections, recovery included, ms. Default 60,000. */
  readonly startTimeoutMs?: number
  /** @internal Remove `dir` when the server or this process ends, and do not keep this process alive. */
  readonly isThrowAway?: boolean
  /** @internal For tests: take this way of running as root alone. */
  readonly placement?: PlacementKind
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
const anyPortAttempts = 5

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
  const password = await prepareData(binaries, placement)
  await clearLeftovers(placement.dataDir, logger)
  const deadlineMs = systemClock.monotonicMs() + (options.startTimeoutMs ?? 60_000)
  for (let attempt = 1; ; attempt++) {
    const port = options.port || (await freePort())
    const launch = { dir, placement, port, settings: options.settings ?? {}, deadlineMs }
    const outcome = await launchPostmaster(launch)
    if (outcome.kind === 'ready') {
      const { child, exited } = outcome
      logger.info('Postgres is ready', { port, pid: child.pid, placement: placement.kind })
      return new RunningPostgres({ dir, placement, password, port, child, exited }, options)
    }
    const isTimeLeft = systemClock.monotonicMs() < deadlineMs
    // Backends of a killed server that we could not find; they notice soon that it is gone.
    if (outcome.reason === 'shared-memory' && isTimeLeft) await systemClock.sleep(100)
    else if (outcome.reason !== 'port' || options.port || attempt === anyPortAttempts)
      throw launchError(dir, port, outcome)
  }
}

interface Running {
  readonly dir: string
  readonly placement: Placement
  readonly password: string
  readonly port: number
  readonly child: ChildProcess
  readonly exited: Promise<ProcessExit>
}

class RunningPostgres implements EmbeddedPostgres {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly placement: PlacementKind
  readonly exited: Promise<ProcessExit>
  readonly #running: Running

  constructor(running: Running, options: PostgresOptions) {
    this.#running = running
    this.port = running.port
    this.pid = running.child.pid ?? 0
    this.placement = running.placement.kind
    this.url = this.urlOf('postgres')
    this.exited = options.isThrowAway ? this.#guardThrowAway() : this.#guard()
  }

  urlOf(databaseName: string): string {
    return `postgres://postgres:${this.#running.password}@127.0.0.1:${this.port}/${encodeURIComponent(databaseName)}`
  }

  async stop(): Promise<void> {
    const { child, exited } = this.#running
    const signals = ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const
    await stopChild(child, exited, signals, stopPatienceMs, (signal) => this.#send(signal))
    await this.exited
  }

  kill(): void {
    this.#running.child.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #guard(): Promise<ProcessExit> {
    const guard = guardProcess(this.pid, 'INT')
    const exit = await this.#running.exited
    guard.dismiss()
    return exit
  }

  async #guardThrowAway(): Promise<ProcessExit> {
    const { child, dir, exited } = this.#running
    const guard = guardProcess(this.pid, 'QUIT', dir)
    child.unref()
    const exit = await exited
    guard.dismiss()
    rmSync(dir, { recursive: true, force: true })
    return exit
  }

  /** Windows has no signals: there pg_ctl speaks to the server through a named pipe. */
  #send(signal: 'SIGINT' | 'SIGQUIT' | 'SIGKILL'): void {
    const { child, placement } = this.#running
    if (process.platform !== 'win32' || signal === 'SIGKILL') {
      child.kill(signal)
      return
    }
    const mode = signal === 'SIGINT' ? 'fast' : 'immediate'
    const [file, ...args] = placement.command('pg_ctl', [
      'stop',
      '-D',
      placement.dataDir,
      '-m',
      mode,
      '-W',
    ])
    spawn(file, args, { stdio: 'ignore' }).on('error', () => {})
  }
}

function launchError(dir: string, port: number, outcome: FailedLaunch): EmbeddedError {
  const details = { port, dir, log: outcome.log }
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
      `Another Postgres started on ${dir} at the same moment. Stop it, or use another directory.`,
      details,
    )
  }
  return new EmbeddedError(
    'MR_EMBEDDED_START_FAILED',
    `Postgres did not get ready on ${dir}: ${outcome.log.trim()}. The data was left as it is; see postgres.log there.`,
    details,
  )
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
