import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { silentLogger, SimulatedClock, systemClock, type Clock, type Logger } from '@millrace/core'
import type { ListenerAddress } from '../api/served-api.ts'
import { BrokerState } from '../broker-state.ts'
import { lockDirectory } from '../directory-lock.ts'
import { BrokerError } from '../errors.ts'
import { systemDisk } from '../log/disk.ts'
import { listenersOf, type ListenerSettings } from '../net/listener-options.ts'
import { Listener } from '../net/server.ts'
import type { BrokerOptions, TopicOption } from '../options.ts'
import { BrokerClock } from './broker-clock.ts'
import type { ConnectionControl, KillAction } from './connection-control.ts'
import { FaultDisk } from './fault-disk.ts'
import { Faults } from './faults.ts'
import { RequestJournal } from './request-journal.ts'
import { copyDataDirectory } from './snapshots.ts'

const REQUEST_JOURNAL_SIZE = 1_000

export interface RuntimeOptions extends BrokerOptions {
  /** What `kill` does when the broker is a process of its own; by default the broker crashes and can be restarted. */
  readonly killProcess?: () => never
}

/**
 * A broker on this thread with its switches: state, listeners of its nodes, clock, disk and faults. What the callers, the worker and the admin
 * port ask for comes together here. It outlives a crash: faults, clock and request journal go on, the rest is opened anew.
 */
export class BrokerRuntime {
  readonly options: RuntimeOptions
  readonly faults = new Faults()
  readonly requests: RequestJournal
  readonly clock: BrokerClock
  readonly #virtualClock: SimulatedClock | undefined
  readonly #disk: FaultDisk
  readonly #control: ConnectionControl
  readonly #settings: readonly ListenerSettings[]
  /** By node: one for each of the settings. */
  readonly #listeners = new Map<number, readonly Listener[]>()
  /** By node, as above. Given out once and kept over crashes and stops of nodes. */
  readonly #ports = new Map<number, readonly number[]>()
  #state: BrokerState | undefined
  #unlock: (() => void) | undefined
  /** `dead`: not started, closed, or crashed. */
  #phase: 'dead' | 'starting' | 'running' = 'dead'
  #connections = 0
  #isLogging = true
  /** The kill that the disk waits for. */
  #plannedKill: { readonly action: KillAction; readonly faultId: number | undefined } | undefined
  /** Starts and stops follow each other, however they are called. */
  #work: Promise<void> = Promise.resolve()

  constructor(options: RuntimeOptions) {
    this.options = options
    this.#settings = listenersOf(options)
    this.requests = new RequestJournal(options.requestJournalSize ?? REQUEST_JOURNAL_SIZE)
    // It begins at the machine's time, so that clients' timestamps are in its present.
    this.#virtualClock =
      options.clock === 'virtual' ? new SimulatedClock(systemClock.now()) : undefined
    const given = typeof options.clock === 'object' ? options.clock : systemClock
    this.clock = new BrokerClock(this.#virtualClock ?? given)
    this.#disk = new FaultDisk(systemDisk, () => this.#dieAsPlanned(), this.faults)
    this.#control = {
      faults: this.faults,
      requests: this.requests,
      nextConnection: () => ++this.#connections,
      jumpClock: (ms) => this.clock.jump(ms),
      kill: (action) => this.kill(action),
      nodePorts: (name) => {
        const at = this.#settings.findIndex((settings) => settings.name === name)
        return [...this.#listeners].flatMap(([node, { [at]: own }]) =>
          own === undefined ? [] : [{ node, port: own.port }],
        )
      },
    }
  }

  /** @throws BrokerError when the broker is crashed or closed */
  get state(): BrokerState {
    if (this.#state !== undefined) return this.#state
    throw crashed()
  }

  get isRunning(): boolean {
    return this.#state !== undefined
  }

  /** Every listener, and where each node has it, also one that is stopped. */
  get listeners(): readonly ListenerAddress[] {
    return this.#settings.map(({ name, host }, at) => ({
      name,
      nodes: [...this.#ports].map(([id, ports]) => ({ id, host, port: ports[at]! })),
    }))
  }

  start(): Promise<void> {
    return this.#after(() => this.#start())
  }

  /** Stops in order. Idempotent. */
  close(): Promise<void> {
    return this.#after(async () => {
      this.faults.clear()
      const state = this.#state
      this.#state = undefined
      this.#phase = 'dead'
      try {
        await this.#closeListeners()
        await state?.close()
      } finally {
        this.#release()
      }
    })
  }

  /** Starts again on the same directory and ports after a crash. */
  restart(): Promise<void> {
    return this.#after(async () => {
      if (this.#state !== undefined) return
      this.#disk.revive()
      this.clock.resume()
      this.#isLogging = true
      await this.#start()
    })
  }

  /** As `kill -9`, or with `loseUnsynced` as a power cut. Resolves when the ports are free again. */
  async crash(options: { readonly loseUnsynced?: boolean } = {}): Promise<void> {
    this.#die({ type: 'kill', ...options })
    await this.#work
  }

  /**
   * @see FaultAction `kill`
   * @param faultId the fault whose hit it is, where no request was hit
   */
  kill(action: KillAction, faultId?: number): void {
    if (action.atWrite === undefined) return this.#die(action)
    this.#plannedKill = { action, faultId }
    this.#disk.killAt({ atWrite: action.atWrite, tornBytes: action.tornBytes ?? 0 })
  }

  /** @throws BrokerError `MR_BROKER_CLOCK_NOT_VIRTUAL` */
  async advanceClock(ms: number): Promise<void> {
    if (this.#virtualClock !== undefined) return this.#virtualClock.advance(ms)
    throw new BrokerError(
      'MR_BROKER_CLOCK_NOT_VIRTUAL',
      "The clock runs by itself and cannot be advanced. Start the broker with clock: 'virtual', or let the wall clock jump.",
    )
  }

  async stopNode(node: number): Promise<void> {
    this.state.cluster.stop(node)
    const listeners = this.#listeners.get(node) ?? []
    this.#listeners.delete(node)
    await Promise.all(listeners.map((listener) => listener.close()))
  }

  async startNode(node: number): Promise<void> {
    this.state.cluster.start(node)
    if (!this.#listeners.has(node)) await this.#listen(node)
  }

  async #start(): Promise<void> {
    const { dir, from } = this.options
    this.#unlock = lockDirectory(dir)
    let state: BrokerState | undefined
    this.#phase = 'starting'
    try {
      if (from !== undefined && !existsSync(join(dir, 'journal'))) copyDataDirectory(from, dir)
      state = BrokerState.open(this.#stateOptions())
      for (const topic of this.options.topics ?? []) await ensureTopic(state, topic)
      this.#checkAlive()
      this.#state = state
      for (let node = 1; node <= state.cluster.nodeCount; node++) await this.#listen(node)
      this.#checkAlive()
      this.#phase = 'running'
    } catch (error) {
      const hasDied = this.#isDead
      this.#state = undefined
      this.#phase = 'dead'
      await this.#closeListeners()
      if (!hasDied) await state?.close()
      this.#release()
      throw hasDied ? crashed() : error
    }
  }

  /** A fault may have ended the broker while it was starting. */
  #checkAlive(): void {
    if (this.#isDead) throw crashed()
  }

  get #isDead(): boolean {
    return this.#phase === 'dead'
  }

  #stateOptions() {
    const { dir, nodes, clock: _clock, ...rest } = this.options
    return {
      ...rest,
      directory: dir,
      nodeCount: nodes ?? 1,
      clock: this.clock as Clock,
      deviceClock: this.#virtualClock === undefined ? this.clock : systemClock,
      disk: this.#disk.life(),
      logger: this.#logger(this.options.logger ?? silentLogger),
    }
  }

  async #listen(node: number): Promise<void> {
    const opened: Listener[] = []
    // Known from its first listener on, whose clients may ask before the last is open.
    this.#listeners.set(node, opened)
    try {
      for (const [at, settings] of this.#settings.entries()) {
        const first = settings.port === 0 ? 0 : settings.port + node - 1
        const port = this.#ports.get(node)?.[at] ?? first
        const { state: broker } = this
        opened.push(await Listener.open({ broker, control: this.#control, node, settings, port }))
      }
    } catch (error) {
      this.#listeners.delete(node)
      await Promise.all(opened.map((listener) => listener.close()))
      throw error
    }
    this.#ports.set(
      node,
      opened.map(({ port }) => port),
    )
  }

  #dieAsPlanned(): void {
    const planned = this.#plannedKill
    this.#plannedKill = undefined
    if (planned?.faultId !== undefined) this.faults.noteHit(planned.faultId)
    this.#die(planned?.action)
  }

  #die(action: KillAction | undefined): void {
    const { killProcess } = this.options
    const isPowerCut = action?.loseUnsynced === true
    if (killProcess !== undefined) {
      if (isPowerCut) this.#disk.cutPower()
      killProcess()
    }
    if (this.#phase === 'dead') return
    this.#phase = 'dead'
    this.options.logger?.warn('the broker crashes on request', { losesUnsynced: isPowerCut })
    this.#isLogging = false
    this.#state = undefined
    this.#plannedKill = undefined
    this.clock.stop()
    this.#disk.crash()
    if (isPowerCut) this.#disk.cutPower()
    void this.#after(async () => {
      await this.#closeListeners()
      this.#release()
    })
    for (const listener of [...this.#listeners.values()].flat()) listener.abort()
  }

  async #closeListeners(): Promise<void> {
    const listeners = [...this.#listeners.values()].flat()
    this.#listeners.clear()
    await Promise.all(listeners.map((listener) => listener.close()))
  }

  #release(): void {
    this.#unlock?.()
    this.#unlock = undefined
  }

  #after(step: () => Promise<void>): Promise<void> {
    const done = this.#work.then(step)
    this.#work = done.catch(() => {})
    return done
  }

  /** What a crashed broker still tries fails as it should, and is nobody's concern. */
  #logger(to: Logger): Logger {
    const through =
      (level: 'debug' | 'info' | 'warn' | 'error'): Logger['info'] =>
      (message, fields) => {
        if (this.#isLogging) to[level](message, fields)
      }
    return {
      debug: through('debug'),
      info: through('info'),
      warn: through('warn'),
      error: through('error'),
      child: (fields) => this.#logger(to.child(fields)),
    }
  }
}

function crashed(): BrokerError {
  return new BrokerError(
    'MR_BROKER_CRASHED',
    'The broker is not running: it crashed on request, or is closed. What was acknowledged is on disk; call restart().',
  )
}

async function ensureTopic(state: BrokerState, topic: TopicOption): Promise<void> {
  if (state.topics.byName(topic.name) !== undefined) return
  const configs = new Map(Object.entries(topic.configs ?? {}))
  const fault = state.topics.faultOfNew(topic.name, topic.partitions, configs)
  if (fault !== undefined) {
    throw new BrokerError(
      'MR_BROKER_BAD_OPTION',
      `Topic "${topic.name}" cannot be created: ${fault.text} The broker was not started.`,
      { topic: topic.name },
    )
  }
  await state.topics.create(topic.name, topic.partitions, configs)
}
