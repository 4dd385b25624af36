import { spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join, resolve as resolvePath } from 'node:path'
import { silentLogger, systemClock, type Logger } from '@millrace/core'
import { EmbeddedError } from './errors.ts'
import { guardProcess } from './guard.ts'
import { exitOf, isRunning, stopChild, type ProcessExit } from './child.ts'

export interface BrokerProcessOptions {
  /** Where the broker keeps its records. */
  readonly dir: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Further arguments for the broker's command. */
  readonly args?: readonly string[]
  /** Its lines on stderr go here at `debug`; its life cycle at `info`. */
  readonly logger?: Logger
  /** How long it may take until it accepts connections, recovery included, ms. Default 30,000. */
  readonly startTimeoutMs?: number
  /** @internal For tests: another program that prints the ready line. */
  readonly program?: string
}

/** The embedded broker in a process of its own. It ends with this process, however that ends. */
export interface BrokerProcess extends AsyncDisposable {
  readonly port: number
  readonly pid: number
  /** `127.0.0.1:<port>`. */
  readonly address: string
  readonly exited: Promise<ProcessExit>
  /** SIGTERM, and SIGKILL when that does not help. Idempotent. */
  stop(): Promise<void>
  /** SIGKILL, as a crash would. */
  kill(): void
}

const stopPatienceMs = 10_000
const errorLimit = 4_000

/**
 * Starts the broker's command and waits for its line `{"event":"ready","port":N}` on stdout.
 * @throws EmbeddedError `MR_EMBEDDED_PORT_TAKEN`, `MR_EMBEDDED_START_FAILED`
 */
export async function startBrokerProcess(options: BrokerProcessOptions): Promise<BrokerProcess> {
  const child = spawn(
    process.execPath,
    [
      options.program ?? brokerProgram(),
      '--dir',
      resolvePath(options.dir),
      '--port',
      String(options.port ?? 0),
      ...(options.args ?? []),
    ],
    {
      // A session of its own: Ctrl C in the terminal must not stop the broker before those who use it.
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const exited = exitOf(child)
  const guard = child.pid === undefined ? undefined : guardProcess(child.pid, 'TERM')
  void exited.then(() => guard?.dismiss())
  const lastErrors = followErrors(child, options.logger ?? silentLogger)
  const timeoutMs = options.startTimeoutMs ?? 30_000
  const port = await readyPort(child, exited, timeoutMs)
  if (port !== undefined) {
    options.logger?.info('The broker is ready', { port, pid: child.pid })
    return new RunningBroker(child, port, exited)
  }
  const wasRunning = isRunning(child)
  if (wasRunning) child.kill('SIGKILL')
  const exit = await exited
  throw failure(
    options,
    lastErrors(),
    wasRunning
      ? `it was not ready within ${timeoutMs} ms`
      : `it ended with ${exit.code ?? exit.signal}`,
  )
}

/** The broker's command stands beside its entry; a package may start its own program, not import it. */
function brokerProgram(): string {
  return join(dirname(createRequire(import.meta.url).resolve('@millrace/broker')), 'main.mjs')
}

/** The port of the ready line; undefined when the process ended or time ran out first. */
async function readyPort(
  child: ChildProcess,
  exited: Promise<ProcessExit>,
  timeoutMs: number,
): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    // Read on after the ready line, or the pipe fills and the broker stops at its next line.
    const lines = (rest + text).split('\n')
    rest = (lines.pop() ?? '').slice(-errorLimit)
    for (const line of lines) {
      const port = portOf(line)
      if (port !== undefined) resolve(port)
    }
  })
  void exited.then(() => resolve(undefined))
  const timer = systemClock.setTimer(timeoutMs, () => resolve(undefined))
  const port = await promise
  timer.cancel()
  return port
}

function portOf(line: string): number | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const event = JSON.parse(line) as { event?: unknown; port?: unknown }
    return event.event === 'ready' && typeof event.port === 'number' ? event.port : undefined
  } catch {
    return undefined
  }
}

/** Hands the lines of stderr to the logger; returns a function that gives the last of them. */
function followErrors(child: ChildProcess, logger: Logger): () => string {
  let last = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    last = (last + text).slice(-errorLimit)
    for (const line of text.split('\n')) if (line !== '') logger.debug('Broker', { line })
  })
  return () => last.trim()
}

function failure(options: BrokerProcessOptions, log: string, what: string): EmbeddedError {
  const details = { port: options.port ?? 0, dir: options.dir, log }
  if (log.includes('EADDRINUSE')) {
    return new EmbeddedError(
      'MR_EMBEDDED_PORT_TAKEN',
      `The broker cannot listen on port ${details.port} of 127.0.0.1: another program does. Nothing was started; choose another port.`,
      details,
    )
  }
  return new EmbeddedError(
    'MR_EMBEDDED_START_FAILED',
    `The broker on ${options.dir} did not get ready: ${what}. ${log}`,
    details,
  )
}

class RunningBroker implements BrokerProcess {
  readonly port: number
  readonly pid: number
  readonly address: string
  readonly exited: Promise<ProcessExit>
  readonly #child: ChildProcess

  constructor(child: ChildProcess, port: number, exited: Promise<ProcessExit>) {
    this.#child = child
    this.port = port
    this.pid = child.pid ?? 0
    this.address = `127.0.0.1:${port}`
    this.exited = exited
  }

  async stop(): Promise<void> {
    await stopChild(this.#child, this.exited, ['SIGTERM', 'SIGKILL'], stopPatienceMs)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
