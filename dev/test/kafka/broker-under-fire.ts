import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBrokerProcess, type BrokerProcess } from '@millrace/embedded'
import { freePorts } from '@millrace/testkit'

const startTimeoutMs = 120_000

/** A broker in a process of its own that is killed and started again on the same directory and port. */
export class BrokerUnderFire implements AsyncDisposable {
  readonly #dir: string
  readonly #args: readonly string[]
  #broker: BrokerProcess
  kills = 0

  private constructor(dir: string, args: readonly string[], broker: BrokerProcess) {
    this.#dir = dir
    this.#args = args
    this.#broker = broker
  }

  static async start(args: readonly string[]): Promise<BrokerUnderFire> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-under-fire-'))
    // Its clients try again and again while it is down: a port of theirs must not be the one that it comes back on.
    const [port = 0] = await freePorts(1)
    const broker = await startBrokerProcess({ dir, port, args, startTimeoutMs })
    return new BrokerUnderFire(dir, args, broker)
  }

  get address(): string {
    return this.#broker.address
  }

  /** SIGKILL, then serving again on the same port. */
  async killAndRestart(): Promise<void> {
    const { port } = this.#broker
    this.#broker.kill()
    await this.#broker.exited
    this.kills++
    this.#broker = await startBrokerProcess({
      dir: this.#dir,
      port,
      args: this.#args,
      startTimeoutMs,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#broker.kill()
    await this.#broker.exited
    await rm(this.#dir, { recursive: true, force: true })
  }
}
