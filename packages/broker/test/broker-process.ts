import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { endChild, exitOf } from '@millrace/testkit'

const program = fileURLToPath(new URL('../src/main.mjs', import.meta.url))

interface ReadyLine {
  readonly port: number
  readonly adminPort?: number
}

/** The broker's command as a process, to be killed. */
export class BrokerProcess {
  readonly #child: ChildProcess
  readonly port: number
  /** Of the admin server, where `--admin-port` asked for one. */
  readonly adminPort: number | undefined
  readonly #log: () => string

  private constructor(child: ChildProcess, { port, adminPort }: ReadyLine, log: () => string) {
    this.#child = child
    this.port = port
    this.adminPort = adminPort
    this.#log = log
  }

  /** How long opening and recovering the data directory took, as the broker logs it; NaN until it has. */
  get openedMs(): number {
    return Number(/"durationMs":(\d+)/.exec(this.#log())?.[1] ?? NaN)
  }

  get pid(): number {
    return this.#child.pid!
  }

  static async start(dir: string, onPort: number, ...args: string[]): Promise<BrokerProcess> {
    const child = spawn(
      process.execPath,
      [program, '--dir', dir, '--port', String(onPort), ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let log = ''
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString()
    })
    const ready = new Promise<ReadyLine>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => {
        resolve(JSON.parse(chunk.toString()) as ReadyLine)
      })
      child.once('exit', (code) => reject(new Error(`the broker exited with ${code}: ${log}`)))
    })
    return new BrokerProcess(child, await ready, () => log)
  }

  /** Resolves to the signal that ended it by itself, or null when it exited. */
  async endedBy(): Promise<NodeJS.Signals | null> {
    return (await exitOf(this.#child)).signal
  }

  /** SIGKILL, as nothing in the process can prepare for. */
  async kill(): Promise<void> {
    await endChild(this.#child, 'SIGKILL')
  }

  async stop(): Promise<number | null> {
    return (await endChild(this.#child, 'SIGTERM')).code
  }
}
