import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { StringDecoder } from 'node:string_decoder'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'

export interface ToolOptions {
  /** Written to its standard input, which is then closed. Without it, standard input stays open until `closeInput`. */
  readonly input?: string
  readonly cwd?: string
  /** It is killed, and the test fails, when it still runs then, ms. Default 120,000. */
  readonly limitMs?: number
}

export interface ToolOutput {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

/** Waits as long as a slow machine with other work may need; a test's own limit ends it all. */
export function patiently<T>(
  what: string,
  condition: () => T | Promise<T>,
): Promise<Exclude<T, false | null | undefined>> {
  return eventually(what, condition, { timeoutMs: 90_000, everyMs: 50 })
}

/** A client's process. It ends with the test process, however that ends, and never lives longer than its limit. */
export class ToolProcess implements AsyncDisposable {
  readonly exited: Promise<number | null>
  readonly #name: string
  readonly #child: ChildProcessWithoutNullStreams
  #stdout = ''
  #stderr = ''
  #isOverLimit = false

  private constructor(command: string, args: readonly string[], options: ToolOptions) {
    this.#name = [command.split('/').at(-1), ...args.filter((arg) => arg.length < 60)].join(' ')
    this.#child = spawn(command, [...args], { cwd: options.cwd })
    const killAtExit = (): void => void this.#child.kill('SIGKILL')
    process.once('exit', killAtExit)
    const limit = systemClock.setTimer(options.limitMs ?? 120_000, () => {
      this.#isOverLimit = true
      this.#child.kill('SIGKILL')
    })
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code) => {
        limit.cancel()
        process.removeListener('exit', killAtExit)
        resolve(code)
      })
    })
    this.exited.catch(() => {}) // Whoever waits for it hears of it.
    const [out, err] = [new StringDecoder('utf8'), new StringDecoder('utf8')]
    this.#child.stdout.on('data', (chunk: Buffer) => (this.#stdout += out.write(chunk)))
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#stderr += err.write(chunk)))
    this.#child.stdin.on('error', () => {}) // It may end before it has read everything; its exit code tells.
    if (options.input !== undefined) this.#child.stdin.end(options.input)
  }

  static start(command: string, args: readonly string[], options: ToolOptions = {}): ToolProcess {
    return new ToolProcess(command, args, options)
  }

  get pid(): number {
    return this.#child.pid!
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  closeInput(): void {
    this.#child.stdin.end()
  }

  write(text: string): void {
    this.#child.stdin.write(text)
  }

  /** Waits for text on either output; fails at once when the process ended without it. */
  async says(text: string | RegExp): Promise<void> {
    const isSaid = (): boolean =>
      typeof text === 'string'
        ? this.#stdout.includes(text) || this.#stderr.includes(text)
        : text.test(this.#stdout) || text.test(this.#stderr)
    await patiently(`"${this.#name}" says ${text}`, () => isSaid() || !this.isRunning).catch(
      (error: unknown) => this.#fail(`did not say ${text}`, error),
    )
    if (!isSaid()) this.#fail(`ended without saying ${text}`)
  }

  /** Waits for its end, which must be exit code `code`. */
  async ends(code = 0): Promise<ToolOutput> {
    const ended = await this.exited
    if (this.#isOverLimit) this.#fail('was still running at its limit and was killed')
    if (ended !== code) this.#fail(`ended with ${ended}, not ${code}`)
    return { stdout: this.#stdout, stderr: this.#stderr, code: ended }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) await this.kill()
  }

  #fail(what: string, cause?: unknown): never {
    const tail = (text: string): string => text.slice(-6_000)
    throw new Error(
      `"${this.#name}" ${what}.\n--- stdout\n${tail(this.#stdout)}\n--- stderr\n${tail(this.#stderr)}`,
      { cause },
    )
  }
}

/** Runs a client to its end, which must be exit code 0, and gives its standard output. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  return (await ToolProcess.start(command, args, { input: '', ...options }).ends()).stdout
}
