import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'
import type { RunningState } from '../../src/data-directory.ts'
import { lastLogLines } from '../../src/child-process.ts'

export interface PlatformUnderTestOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly args?: readonly string[]
  /** Keep using the data of an earlier run; removed by whoever made it. */
  readonly folder?: string
}

const startTimeoutMs = 180_000

/** A whole platform in processes of its own, as `npm start -- --processes` makes it, on any free ports. */
export class PlatformUnderTest {
  readonly folder: string
  readonly events: Readonly<Record<string, unknown>>[] = []
  readonly #process: ChildProcess
  readonly #ownsFolder: boolean
  #exited: Promise<number | null>
  #errors = ''

  private constructor(options: PlatformUnderTestOptions) {
    this.#ownsFolder = options.folder === undefined
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), 'millrace-spine-'))
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
    const args = options.args ?? ['--processes', '--no-sample-data']
    this.#process = spawn(
      process.execPath,
      [main, '--json', '--any-ports', '--log-level', 'warn', '--data', this.folder, ...args],
      {
        env: { ...process.env, ...options.env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    this.#exited = new Promise((resolve) => this.#process.once('exit', resolve))
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.events.push(JSON.parse(line) as Record<string, unknown>)
    })
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()))
  }

  /** Resolves when all parts are ready. */
  static async start(options: PlatformUnderTestOptions = {}): Promise<PlatformUnderTest> {
    const platform = new PlatformUnderTest(options)
    try {
      await eventually('the platform says ready', () => platform.#isReady(), {
        timeoutMs: startTimeoutMs,
      })
      return platform
    } catch (error) {
      const said = platform.events
        .slice(-12)
        .map((event) => JSON.stringify(event))
        .join('\n')
      const logs = platform.tailOfLogs()
      await platform.stop()
      throw new Error(`The platform did not start.\n${said}\n${platform.#errors}\n${logs}`, {
        cause: error,
      })
    }
  }

  #isReady(): boolean {
    if (this.#process.exitCode !== null)
      throw new Error(`the supervisor ended with ${this.#process.exitCode}`)
    return this.events.some((event) => event['event'] === 'ready')
  }

  /** The supervisor's own process. */
  get pid(): number {
    return this.#process.pid ?? 0
  }

  get state(): RunningState {
    return JSON.parse(readFileSync(join(this.folder, 'running.json'), 'utf8')) as RunningState
  }

  get gatewayUrl(): string {
    return this.state.gatewayUrl.replace('localhost', '127.0.0.1')
  }

  pidOf(part: string): number {
    const pid = this.state.pids[part]
    if (pid === undefined)
      throw new Error(`No process of ${part}; there are ${Object.keys(this.state.pids).join(', ')}`)
    return pid
  }

  /** Kills a part's process without warning. Returns its pid. */
  kill(part: string, signal: NodeJS.Signals = 'SIGKILL'): number {
    const pid = this.pidOf(part)
    process.kill(pid, signal)
    return pid
  }

  /** Resolves when the supervisor runs the part in another process than `formerPid`. */
  async untilReplaced(part: string, formerPid: number, timeoutMs = 120_000): Promise<void> {
    const isReplaced = (): boolean => {
      const pid = this.state.pids[part]
      return pid !== undefined && pid !== formerPid
    }
    await eventually(`${part} runs again`, isReplaced, { timeoutMs }).catch((error: unknown) => {
      const said = this.events.slice(-6).map((event) => JSON.stringify(event))
      throw new Error(`${part} does not run again. The supervisor said:\n${said.join('\n')}`, {
        cause: error,
      })
    })
  }

  tailOfLogs(): string {
    const names = [
      'discussions',
      'discussion-analytics',
      'tracking',
      'gateway',
      'services',
      'broker',
      'postgres',
    ]
    return names
      .map(
        (name) =>
          `--- ${name}\n${lastLogLines(join(this.folder, 'logs', `${name}.log`), 8).join('\n')}`,
      )
      .join('\n')
  }

  /** Ctrl C; removes the data. Returns the exit code. */
  async stop(): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null)
      this.#process.kill('SIGINT')
    const code = await this.#exited
    if (this.#ownsFolder) rmSync(this.folder, { recursive: true, force: true })
    return code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
