import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@millrace/core'
import { endChild, exitOf, isRunning } from '@millrace/testkit'
import type { AppProcessOptions } from './app-process.ts'

const faultPatienceMs = 15_000
const program = fileURLToPath(new URL('./app-process.ts', import.meta.url))

/** Instances of one app as processes, each with a state directory that outlives it. */
export class AppInstances implements AsyncDisposable {
  readonly #options: (index: number) => AppProcessOptions
  readonly #running = new Map<number, ChildProcess>()
  /** Once it has said that it listens to signals: before, SIGTERM would end it as it stands. */
  readonly #listening = new WeakMap<ChildProcess, Promise<void>>()

  constructor(options: (index: number) => AppProcessOptions) {
    this.#options = options
  }

  has(index: number): boolean {
    return this.#running.has(index)
  }

  /** @param faults where it is to kill itself, as `MILLRACE_FAULTS` */
  start(index: number, faults = ''): ChildProcess {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', program, JSON.stringify(this.#options(index))],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        env: { ...process.env, MILLRACE_FAULTS: faults },
      },
    )
    this.#running.set(index, child)
    const answers = Promise.race([once(child, 'message'), once(child, 'exit')])
    this.#listening.set(
      child,
      answers.then(() => {}),
    )
    return child
  }

  signal(index: number, signal: NodeJS.Signals): void {
    this.#running.get(index)?.kill(signal)
  }

  async kill(index: number): Promise<void> {
    const child = this.#running.get(index)
    this.#running.delete(index)
    if (child) await endChild(child, 'SIGKILL')
  }

  /**
   * Runs it until it kills itself at one of its faults, or kills it where it has not come there for a while: it may have no task, or wait.
   * @returns whether it was the fault
   */
  async runUntilKilled(index: number, faults: string): Promise<boolean> {
    const child = this.start(index, faults)
    const patience = new AbortController()
    const limit = systemClock.sleep(faultPatienceMs, patience.signal).catch(() => {})
    await Promise.race([exitOf(child), limit])
    patience.abort()
    const isFault = !isRunning(child)
    await this.kill(index)
    assert.deepEqual([child.exitCode, child.signalCode], [null, 'SIGKILL'], `at ${faults}`)
    return isFault
  }

  /** @throws AssertionError where its threads did not end in order */
  async leave(index: number): Promise<void> {
    const child = this.#running.get(index)
    this.#running.delete(index)
    if (!child) return
    await this.#listening.get(child)
    const { code, signal } = await endChild(child, 'SIGTERM', 180_000)
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `instance ${index} ends in order`)
  }

  async leaveAll(): Promise<void> {
    for (const index of this.#running.keys()) await this.leave(index)
  }

  /** @throws AssertionError where one has ended that nobody killed */
  assertAlive(): void {
    for (const [index, child] of this.#running)
      assert.ok(isRunning(child), `instance ${index} ended by itself, ${child.exitCode}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running.keys()].map((index) => this.kill(index)))
  }
}
