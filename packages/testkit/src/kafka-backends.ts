/**
 * The brokers that every broker-facing suite runs on: our embedded one always, as a process of its own that can be killed, and Apache
 * Kafka where `MILLRACE_TEST_KAFKA=apache` asks for it (`apache-only` leaves the embedded one out).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBrokerProcess, type BrokerProcess } from '@millrace/embedded'
import { startApacheKafka, whyNoApacheKafka } from './apache-kafka.ts'
import { freePorts } from './free-ports.ts'

export interface RunningKafka extends AsyncDisposable {
  readonly brokers: readonly string[]
  readonly port: number
  /** SIGKILL; the data stay. */
  kill(): Promise<void>
  /** Stops cleanly; the data stay. */
  shutDown(): Promise<void>
  /** Starts again on the same port and data, stopping first where needed; resolves once it answers. */
  restart(): Promise<void>
  /** Ends the broker and removes its data. */
  stop(): Promise<void>
}

export interface KafkaBackend {
  readonly name: string
  start(): Promise<RunningKafka>
}

/** The backends of this run. One that is asked for and not available says so in one line and is left out; with CI=true that is an error. */
export async function kafkaBackends(): Promise<readonly KafkaBackend[]> {
  const wanted = process.env['MILLRACE_TEST_KAFKA'] ?? ''
  const backends: KafkaBackend[] = []
  if (wanted !== 'apache-only')
    backends.push({ name: 'embedded broker', start: startEmbeddedBroker })
  if (wanted.startsWith('apache') && (await isApacheKafkaThere()))
    backends.push({ name: 'Apache Kafka', start: startApache })
  return backends
}

async function isApacheKafkaThere(): Promise<boolean> {
  const reason = await whyNoApacheKafka()
  if (reason !== undefined && process.env['CI'] === 'true')
    throw new Error(`CI must have Apache Kafka for this tier: ${reason}`)
  if (reason !== undefined) process.stderr.write(`${reason}\n`)
  return reason === undefined
}

async function startApache(): Promise<RunningKafka> {
  const kafka = await startApacheKafka()
  if (!kafka) throw new Error('Apache Kafka was available a moment ago and is not any more.')
  return kafka
}

/** Starts the embedded broker as a process, on fresh data. */
export async function startEmbeddedBroker(): Promise<RunningKafka> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-test-broker-'))
  const [port] = await freePorts(1)
  const broker = new EmbeddedBroker(directory, port as number)
  try {
    await broker.restart()
    return broker
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

class EmbeddedBroker implements RunningKafka {
  readonly #directory: string
  #process: BrokerProcess | undefined
  readonly #port: number

  constructor(directory: string, port: number) {
    this.#directory = directory
    this.#port = port
  }

  get port(): number {
    return this.#port
  }

  get brokers(): readonly string[] {
    return [`127.0.0.1:${this.#port}`]
  }

  async restart(): Promise<void> {
    await this.shutDown()
    const args = ['--consumer-heartbeat', '200', '--consumer-session', '10000']
    this.#process = await startBrokerProcess({
      dir: this.#directory,
      port: this.#port,
      args,
      startTimeoutMs: 120_000,
    })
  }

  async kill(): Promise<void> {
    this.#process?.kill()
    await this.#process?.exited
  }

  async shutDown(): Promise<void> {
    await this.#process?.stop()
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
