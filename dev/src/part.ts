import { backoffMs, systemClock, toError } from '@millrace/core'

/** A process that runs, however it was started. */
export interface Instance {
  readonly pid: number | undefined
  /** Resolves when it has ended, with how. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** Asks it to end in order; resolves when it has. */
  stop(): Promise<void>
}

export type PartState = 'waiting' | 'starting' | 'ready' | 'failed' | 'stopped'

export interface PartOptions {
  readonly name: string
  /** Starts it; resolves when it takes requests. Rejects when it cannot, with what to tell people. */
  readonly launch: () => Promise<Instance>
  /** Said as soon as it is launched; without it, someone else finds out when it is ready. */
  readonly readyDetail?: string
  /** Called at every change, with a few words on it. */
  readonly onChange: (state: PartState, detail: string) => void
}

/** A part that ran this long is healthy again: its next restart begins with the shortest wait. */
const healthyAfterMs = 30_000
const firstBackoffMs = 200
const longestBackoffMs = 5_000

/** Keeps one process running: what dies is started again, at once the first time, then with growing waits. */
export class Part {
  readonly name: string
  readonly #options: PartOptions
  readonly #stopping = new AbortController()
  #instance: Instance | undefined
  #loop: Promise<void> | undefined
  #restarts = 0
  /** Not started again before this moment of the monotonic clock, ms. */
  #downUntilMs = 0

  constructor(options: PartOptions) {
    this.name = options.name
    this.#options = options
    options.onChange('waiting', '')
  }

  get pid(): number | undefined {
    return this.#instance?.pid
  }

  /** How often it was started again since the supervisor began. */
  get restarts(): number {
    return this.#restarts
  }

  /** Resolves when it runs for the first time; rejects when the first launch fails (it is not tried again then). */
  async start(): Promise<void> {
    this.#options.onChange('starting', '')
    try {
      this.#launched(await this.#options.launch())
    } catch (error) {
      this.#options.onChange('failed', toError(error).message)
      throw error
    }
    this.#loop = this.#keepRunning()
  }

  /**
   * Kills the process, as a crash would (SIGKILL), and starts it again after `downMs`.
   * @returns false when no process runs that could be killed
   */
  crash(downMs: number): boolean {
    const pid = this.#instance?.pid
    if (pid === undefined || this.#stopping.signal.aborted) return false
    this.#downUntilMs = systemClock.monotonicMs() + downMs
    try {
      process.kill(pid, 'SIGKILL')
      return true
    } catch {
      return false
    }
  }

  /** Ends the process in order and stops watching it. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`${this.name} is stopped`))
    await this.#instance?.stop()
    await this.#loop
    this.#options.onChange('stopped', '')
  }

  #launched(instance: Instance): void {
    this.#instance = instance
    if (this.#options.readyDetail !== undefined)
      this.#options.onChange('ready', this.#options.readyDetail)
  }

  async #keepRunning(): Promise<void> {
    let instance = this.#instance
    let startedAtMs = systemClock.monotonicMs()
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      if (instance) {
        const end = await instance.exited
        if (this.#stopping.signal.aborted) return
        if (systemClock.monotonicMs() - startedAtMs > healthyAfterMs) failures = 0
        this.#options.onChange(
          'starting',
          `ended (${end.signal ?? `exit code ${end.code}`}), starting again`,
        )
      }
      if (failures > 0) await this.#pause(failures)
      await this.#stayDown()
      if (this.#stopping.signal.aborted) return
      failures++
      this.#restarts++
      startedAtMs = systemClock.monotonicMs()
      instance = await this.#relaunch()
    }
  }

  async #relaunch(): Promise<Instance | undefined> {
    try {
      const instance = await this.#options.launch()
      this.#launched(instance)
      // A stop that came during the launch found the old instance: end the new one here.
      if (this.#stopping.signal.aborted) await instance.stop()
      return instance
    } catch (error) {
      this.#options.onChange('failed', toError(error).message)
      return undefined
    }
  }

  async #stayDown(): Promise<void> {
    const ms = this.#downUntilMs - systemClock.monotonicMs()
    if (ms <= 0) return
    this.#options.onChange('waiting', `down for ${Math.ceil(ms / 1000)} s, as was asked for`)
    await systemClock.sleep(ms, this.#stopping.signal).catch(() => {})
  }

  async #pause(failures: number): Promise<void> {
    const ms = backoffMs(failures, { baseMs: firstBackoffMs, maxMs: longestBackoffMs })
    await systemClock.sleep(ms, this.#stopping.signal).catch(() => {})
  }
}
