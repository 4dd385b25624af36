import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { endChild } from '@millrace/testkit'

/** A program of this folder that may be killed, stopped and started again; ends with the test. */
export class KillableProcess implements AsyncDisposable {
  readonly #program: string
  readonly #args: readonly string[]
  #child: ChildProcess

  constructor(file: string, args: readonly string[]) {
    this.#program = fileURLToPath(new URL(file, import.meta.url))
    this.#args = args
    this.#child = this.#start()
  }

  /** Ends it and starts it again; SIGTERM lets it leave in order. */
  async restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#end(signal)
    this.#child = this.#start()
  }

  /** SIGSTOP and SIGCONT. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGKILL')
  }

  #start(): ChildProcess {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', this.#program, ...this.#args],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    )
    return child
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const ended = endChild(this.#child, signal)
    // One that is frozen takes no other signal before it is thawed.
    this.#child.kill('SIGCONT')
    await ended
  }
}
