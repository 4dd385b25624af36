/**
 * Apache Kafka in KRaft mode as a test backend: one broker that is its own controller, on loopback ports of its own.
 * The jars come from Maven once and stay in `.cache/` at the root of the repository. Needs `java` (17 or later) and, the first
 * time, `mvn`; where one is missing, `startApacheKafka` says so in one line and gives `undefined`.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { endChild } from './child-exit.ts'
import { freePorts } from './free-ports.ts'
import { waitUntilKafkaAnswers } from './kafka-probe.ts'
import { fetchJars, whyNoJars, type JarSet } from './maven-jars.ts'
import { secureListener, type SecureListener } from './secure-listener.ts'

const run = promisify(execFile)

export interface ApacheKafkaOptions {
  /** Version on Maven Central. Default '4.1.1'. */
  readonly version?: string
  /** Lines added to `server.properties`. */
  readonly properties?: Readonly<Record<string, string>>
  /** Arguments added to the formatting of its storage, such as `--feature transaction.version=1`. */
  readonly formatArguments?: readonly string[]
  /** Opens a second listener, SASL over TLS, for these users and passwords. */
  readonly users?: Readonly<Record<string, string>>
  /** The broker's JVM options; by default small ones for tests, which are not for measurements. */
  readonly javaOptions?: readonly string[]
  /** Gets the line that says why nothing was started; by default it goes to standard error. */
  readonly onSkip?: (line: string) => void
}

export interface ApacheKafka extends AsyncDisposable {
  /** `['127.0.0.1:port']`; stays the same over restarts. */
  readonly brokers: readonly string[]
  readonly port: number
  /** The SASL_SSL listener, where `users` asked for it. */
  readonly secure?: SecureListener
  /** Of the process that runs or ran last. */
  readonly pid: number
  /** SIGKILL; resolves once the process is gone. The data stay. */
  kill(): Promise<void>
  /** Stops cleanly; the data stay until `stop`. */
  shutDown(): Promise<void>
  /** Starts again on the same port and data; resolves once it answers. */
  restart(): Promise<void>
  /** Ends the broker and removes its data. */
  stop(): Promise<void>
}

const defaultVersion = '4.1.1'
/** Kafka refuses to start with fewer; small machines run tests beside it. */
const testJavaOptions = ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
const startTimeoutMs = 180_000

/** Starts Apache Kafka, or gives `undefined` where Java or Maven is absent. */
export async function startApacheKafka(
  options: ApacheKafkaOptions = {},
): Promise<ApacheKafka | undefined> {
  const version = options.version ?? defaultVersion
  const skip = options.onSkip ?? ((line: string) => void process.stderr.write(`${line}\n`))
  const reason = await whyNoApacheKafka(version)
  if (reason !== undefined) {
    skip(reason)
    return undefined
  }
  const jars = await fetchJars(apacheKafkaJars(version))
  const directory = await mkdtemp(join(tmpdir(), 'millrace-apache-kafka-'))
  try {
    const [port, controllerPort, securePort] = await freePorts(3)
    const secure =
      options.users && (await secureListener(directory, securePort as number, options.users))
    const broker = new ApacheKafkaProcess(directory, jars, port as number, {
      javaOptions: options.javaOptions ?? testJavaOptions,
      secure,
    })
    const properties = serverProperties(directory, port as number, controllerPort as number)
    await broker.format(
      lines(secure ? secure.extend(properties) : properties, options.properties),
      [...(secure?.formatArguments ?? []), ...(options.formatArguments ?? [])],
    )
    await broker.restart()
    return broker
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

class ApacheKafkaProcess implements ApacheKafka {
  readonly brokers: readonly string[]
  readonly port: number
  readonly secure?: SecureListener
  readonly #directory: string
  readonly #classPath: string
  readonly #javaOptions: readonly string[]
  #process: ChildProcess | undefined

  constructor(
    directory: string,
    jars: string,
    port: number,
    {
      javaOptions,
      secure,
    }: { readonly javaOptions: readonly string[]; readonly secure: SecureListener | undefined },
  ) {
    if (secure) this.secure = secure
    this.#directory = directory
    this.#javaOptions = javaOptions
    this.#classPath = join(jars, '*')
    this.port = port
    this.brokers = [`127.0.0.1:${port}`]
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  async format(properties: string, more: readonly string[]): Promise<void> {
    await writeFile(this.#configFile, properties)
    const clusterId = Buffer.from('millrace-test-01').toString('base64url')
    await run('java', [
      ...testJavaOptions,
      '-cp',
      this.#classPath,
      'kafka.tools.StorageTool',
      'format',
      '-t',
      clusterId,
      '-c',
      this.#configFile,
      ...more,
    ])
  }

  async restart(): Promise<void> {
    await this.shutDown()
    const log = await open(this.#logFile, 'a')
    const child = spawn(
      'java',
      [...this.#javaOptions, '-cp', this.#classPath, 'kafka.Kafka', this.#configFile],
      { stdio: ['ignore', log.fd, log.fd], cwd: this.#directory },
    )
    this.#process = child
    await log.close()
    const killAtExit = (): void => void child.kill('SIGKILL')
    process.once('exit', killAtExit)
    child.once('exit', () => process.removeListener('exit', killAtExit))
    const gone = new AbortController()
    child.once('exit', () => gone.abort())
    try {
      await waitUntilKafkaAnswers(this.port, startTimeoutMs, gone.signal)
    } catch (error) {
      await this.kill()
      const tail = (await readFile(this.#logFile, 'utf8')).slice(-2_000)
      throw new Error(`Apache Kafka did not start. The end of its log:\n${tail}`, { cause: error })
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async shutDown(): Promise<void> {
    await this.#end('SIGTERM')
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process) await endChild(this.#process, signal)
  }

  get #configFile(): string {
    return join(this.#directory, 'server.properties')
  }

  get #logFile(): string {
    return join(this.#directory, 'server.log')
  }
}

/** The line that says why Apache Kafka cannot be started here; `undefined` where it can. */
export async function whyNoApacheKafka(version = defaultVersion): Promise<string | undefined> {
  const reason = await whyNoJars(apacheKafkaJars(version))
  return reason === undefined ? undefined : `Apache Kafka ${version} is skipped: ${reason}`
}

/** The server and its command line tools. The name of the set is also its folder in `.cache`. */
export function apacheKafkaJars(version: string): JarSet {
  const jar = (artifactId: string) => ({ groupId: 'org.apache.kafka', artifactId, version })
  return { name: `apache-kafka/${version}`, jars: [jar('kafka_2.13'), jar('kafka-tools')] }
}

function serverProperties(
  directory: string,
  port: number,
  controllerPort: number,
): Readonly<Record<string, string>> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(directory, 'data'),
    'offsets.topic.num.partitions': '1',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    // Members of the new group protocol (KIP-848) have the broker's times: short ones, as `kafka-backends.ts` gives the embedded broker.
    'group.consumer.min.heartbeat.interval.ms': '100',
    'group.consumer.heartbeat.interval.ms': '200',
    'group.consumer.min.session.timeout.ms': '1000',
    'group.consumer.session.timeout.ms': '10000',
    // Nothing but tests: shorter sessions, so that a killed broker is not held back by its own old registration.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'controlled.shutdown.enable': 'true',
  }
}

function lines(
  properties: Readonly<Record<string, string>>,
  extra: Readonly<Record<string, string>> = {},
): string {
  return Object.entries({ ...properties, ...extra })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}
