/**
 * One connection to one broker: requests out, each answer to whoever asked, in order. What is said is encoded by @millrace/protocol,
 * `BrokerSocket` carries the bytes, `sasl.ts` tells who this client is.
 *
 *   connecting ──(TLS)──▶ authenticating ──(SASL)──▶ open ──session nearly over──▶ renewing ──▶ open
 *                                                     └── close, fault, unreadable answer, no answer in time ──▶ closed
 *
 * A broker works on the requests of one connection in order and one at a time, so a request that waits at the broker (Fetch,
 * JoinGroup) needs a connection of its own. Records pass by reference: whoever sends them leaves them alone until the promise settles.
 */
import { toError, type Clock, type Timer } from '@millrace/core'
import {
  ByteReader,
  ByteWriter,
  readResponseHeader,
  saslAuthenticateApi,
  saslHandshakeApi,
  writeRequestHeader,
  type Fields,
  type Message,
  type MessageInput,
} from '@millrace/protocol'
import type { AnswerMemory } from './answer-memory.ts'
import { expectNone } from './broker-error.ts'
import { BrokerSocket } from './broker-socket.ts'
import {
  faultOfOpening,
  isOfAnswer,
  lost,
  notAnAnswer,
  timedOut,
  unreadable,
  unsupported,
} from './connection-faults.ts'
import { KafkaError } from './errors.ts'
import { authenticate } from './sasl.ts'
import { tlsConnectionOptions, type Security } from './security.ts'
import type { BrokerAddress } from './types.ts'
import { wire, type Pinned } from './wire.ts'

export interface BrokerConnectionOptions {
  readonly clientId: string
  /** Also for each answer on the way to an open connection. */
  readonly connectTimeoutMs: number
  /** For the renewal of a session, and for bytes that the broker does not take. */
  readonly requestTimeoutMs: number
  readonly clock: Clock
  readonly security: Security
  readonly memory: AnswerMemory
}

/** Asked, not answered. */
interface Waiting {
  readonly pinned: Pinned<Fields, Fields>
  readonly correlationId: number
  readonly timer: Timer
  readonly resolve: (answer: Message<Fields>) => void
  readonly reject: (error: Error) => void
}

/** SaslAuthenticate 2 and Kafka 2.5 came together. */
const saslWire = {
  handshake: { api: saslHandshakeApi, version: 1 },
  authenticate: { api: saslAuthenticateApi, version: 2 },
} as const
/** A session is renewed when as much of it has passed; Java takes 85 to 95 %. */
const renewalShare = 0.8
/** Apache Kafka refuses to renew a session that is younger. */
const minRenewalMs = 1_000
const maxCorrelationId = 0x7fff_ffff

export class BrokerConnection {
  readonly #address: BrokerAddress
  readonly #options: BrokerConnectionOptions
  readonly #writer = new ByteWriter()
  /** In the order in which the broker answers. */
  readonly #waiting: Waiting[] = []
  #socket: BrokerSocket | undefined
  #correlationId = 0
  /** Why the connection is over. */
  #fault: Error | undefined
  /** On the monotonic clock; without a limited session never. */
  #renewAtMs = Infinity
  #renewal: Promise<void> | undefined
  /** From ApiVersions: what the broker serves, and the features that its whole cluster has switched on (KIP-584). */
  #served: ReadonlyMap<number, { readonly minVersion: number; readonly maxVersion: number }> =
    new Map()
  #features: ReadonlyMap<string, number> = new Map()

  private constructor(address: BrokerAddress, options: BrokerConnectionOptions) {
    this.#address = address
    this.#options = options
  }

  /**
   * Connects, authenticates, and checks that the broker serves what this client sends.
   * @throws KafkaError `MR_KAFKA_UNREACHABLE`, `MR_KAFKA_UNSUPPORTED_BROKER`, `MR_KAFKA_AUTHENTICATION_FAILED`, and
   * `MR_KAFKA_CORRUPT_DATA` where something else than a broker answers
   */
  static async open(
    address: BrokerAddress,
    options: BrokerConnectionOptions,
  ): Promise<BrokerConnection> {
    const connection = new BrokerConnection(address, options)
    try {
      await connection.#connect()
      if (options.security.sasl) await connection.#authenticate(options.connectTimeoutMs)
      await connection.#checkVersions()
      return connection
    } catch (error) {
      connection.close()
      throw faultOfOpening(error, address, options.security)
    }
  }

  get isOpen(): boolean {
    return this.#socket?.isOpen === true
  }

  /** True when the broker serves this API in this version. */
  serves({ api, version }: Pinned<Fields, Fields>): boolean {
    const row = this.#served.get(api.key)
    return row !== undefined && version >= row.minVersion && version <= row.maxVersion
  }

  /** Level of a feature that the whole cluster has switched on, such as `transaction.version`; 0 where it has not. */
  featureLevel(name: string): number {
    return this.#features.get(name) ?? 0
  }

  /**
   * Sends one request and gives its answer, error codes inside left to the caller.
   * @throws KafkaError `MR_KAFKA_CONNECTION_LOST`, `MR_KAFKA_REQUEST_TIMEOUT` (the connection is dropped, so that no late answer
   * can be taken for another's), `MR_KAFKA_CORRUPT_DATA`, `MR_KAFKA_UNSUPPORTED_BROKER`
   */
  async request<Request extends Fields, Response extends Fields>(
    pinned: Pinned<Request, Response>,
    input: MessageInput<Request>,
    timeoutMs: number,
  ): Promise<Message<Response>> {
    if (!this.serves(pinned)) throw unsupported(this.#address, [pinned])
    if (this.#isRenewalDue) await this.#renewed()
    return this.#exchange(pinned, input, timeoutMs)
  }

  /**
   * Sends one request that has no answer: Produce with acks 0. Resolves once it is with the operating system.
   * @throws KafkaError `MR_KAFKA_CONNECTION_LOST`, `MR_KAFKA_REQUEST_TIMEOUT`
   */
  async tell<Request extends Fields, Response extends Fields>(
    pinned: Pinned<Request, Response>,
    input: MessageInput<Request>,
  ): Promise<void> {
    if (this.#isRenewalDue) await this.#renewed()
    const { name } = pinned.api
    const socket = this.#openSocket(name)
    const chunks = this.#encode(pinned, input)
    const timeoutMs = this.#options.requestTimeoutMs
    let timer: Timer | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        timer = this.#options.clock.setTimer(timeoutMs, () => {
          reject(timedOut(this.#address, name, timeoutMs))
          this.close()
        })
        // Also called when the connection ends first, with the reason.
        socket.write(chunks, (error) =>
          error ? reject(lost(this.#address, name, this.#fault)) : resolve(),
        )
      })
    } finally {
      timer?.cancel()
    }
  }

  /** Drops the connection; requests under way fail with `MR_KAFKA_CONNECTION_LOST`. Idempotent. */
  close(): void {
    this.#socket?.close()
  }

  async #connect(): Promise<void> {
    const { connectTimeoutMs, clock, security, memory } = this.#options
    this.#socket = await BrokerSocket.open(this.#address, {
      tls: tlsConnectionOptions(security, this.#address),
      connectTimeoutMs,
      clock,
      memory,
      onFrame: (frame) => this.#answered(frame),
      onEnd: (fault) => this.#ended(fault),
    })
  }

  /** @throws KafkaError `MR_KAFKA_AUTHENTICATION_FAILED` and those of requests */
  async #authenticate(timeoutMs: number): Promise<void> {
    const { clock, security } = this.#options
    if (!security.sasl) return
    // From before the exchange on, which is no later than the broker's count begins.
    const startMs = clock.monotonicMs()
    const lifetimeMs = await authenticate(security.sasl, this.#address, {
      handshake: (mechanism) => this.#exchange(saslWire.handshake, { mechanism }, timeoutMs),
      authenticate: (authBytes) => this.#exchange(saslWire.authenticate, { authBytes }, timeoutMs),
    })
    this.#renewAtMs =
      lifetimeMs > 0 ? startMs + Math.max(minRenewalMs, lifetimeMs * renewalShare) : Infinity
  }

  get #isRenewalDue(): boolean {
    return (
      this.#renewal !== undefined ||
      (this.#renewAtMs < Infinity && this.#options.clock.monotonicMs() >= this.#renewAtMs)
    )
  }

  /** While a session is renewed a broker takes nothing else (KIP-368), so all that comes meanwhile waits. Nothing is done for an idle connection. */
  #renewed(): Promise<void> {
    this.#renewal ??= this.#authenticate(this.#options.requestTimeoutMs)
      .catch((error: unknown) => {
        this.#end(toError(error))
        throw error
      })
      .finally(() => (this.#renewal = undefined))
    return this.#renewal
  }

  #exchange<Request extends Fields, Response extends Fields>(
    pinned: Pinned<Request, Response>,
    input: MessageInput<Request>,
    timeoutMs: number,
  ): Promise<Message<Response>> {
    const { name } = pinned.api
    return new Promise<Message<Response>>((resolve, reject) => {
      const socket = this.#openSocket(name)
      const chunks = this.#encode(pinned, input)
      this.#waiting.push({
        pinned,
        correlationId: this.#correlationId,
        timer: this.#options.clock.setTimer(timeoutMs, () => {
          reject(timedOut(this.#address, name, timeoutMs))
          this.close()
        }),
        resolve: resolve as (answer: Message<Fields>) => void,
        reject,
      })
      socket.write(chunks)
    })
  }

  /** @returns the frame, under the next correlation id */
  #encode<Request extends Fields, Response extends Fields>(
    { api, version }: Pinned<Request, Response>,
    input: MessageInput<Request>,
  ): readonly Buffer[] {
    const writer = this.#writer
    const correlationId = this.#correlationId === maxCorrelationId ? 0 : this.#correlationId + 1
    try {
      const sizeAt = writer.reserveInt32()
      writeRequestHeader(writer, api.requestHeaderVersion(version), {
        apiKey: api.key,
        apiVersion: version,
        correlationId,
        clientId: this.#options.clientId,
      })
      api.request.write(writer, version, input)
      writer.setInt32(sizeAt, writer.size - 4)
    } catch (error) {
      writer.reset()
      throw error
    }
    this.#correlationId = correlationId
    return writer.take()
  }

  /** A frame has come. What is thrown here ends the connection. */
  #answered(frame: Buffer): void {
    const waiting = this.#waiting[0]
    if (!waiting) throw notAnAnswer(this.#address, 'nothing that was asked')
    const { api, version } = waiting.pinned
    const reader = new ByteReader(frame)
    let answer: Message<Fields>
    try {
      const correlationId = readResponseHeader(reader, api.responseHeaderVersion(version))
      if (correlationId !== waiting.correlationId) throw notAnAnswer(this.#address, api.name)
      answer = api.response.read(reader, version)
    } catch (error) {
      throw error instanceof KafkaError ? error : unreadable(this.#address, api.name, error)
    }
    this.#waiting.shift()
    waiting.timer.cancel()
    waiting.resolve(answer)
  }

  /** The connection is over: whoever waits is told. An answer that cannot be read fails the request it was for as such. */
  #ended(fault: Error | undefined): void {
    this.#fault ??= fault
    for (const [index, { pinned, timer, reject }] of this.#waiting.splice(0).entries()) {
      timer.cancel()
      reject(
        index === 0 && isOfAnswer(fault)
          ? fault
          : lost(this.#address, pinned.api.name, this.#fault),
      )
    }
  }

  #end(fault: Error): void {
    this.#fault ??= fault
    this.#socket?.close(fault)
  }

  #openSocket(name: string): BrokerSocket {
    if (this.#socket?.isOpen) return this.#socket
    throw lost(this.#address, name, this.#fault)
  }

  async #checkVersions(): Promise<void> {
    const answer = await this.#exchange(
      wire.apiVersions,
      { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' },
      this.#options.connectTimeoutMs,
    )
    this.#served = new Map(answer.apiKeys.map((row) => [row.apiKey, row]))
    this.#features = new Map(
      answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
    )
    expectNone('Asking for the API versions', answer.errorCode, { ...this.#address })
    const missing = Object.values(wire).filter((pinned) => !this.serves(pinned))
    if (missing.length > 0) throw unsupported(this.#address, missing)
  }
}
