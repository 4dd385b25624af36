/**
 * One connection to one broker: @platformatic/kafka's `Connection` carries the socket, TLS and correlation of answers; what is said
 * over it is encoded here by @millrace/protocol. The only file that knows the underlying client.
 *
 * A broker works on the requests of one connection in order and one at a time, so a request that waits at the broker (Fetch,
 * JoinGroup) needs a connection of its own.
 */
import type * as Underlying from '@platformatic/kafka'
import type { Clock, Timer } from '@millrace/core'
import {
  ByteReader,
  ByteWriter,
  type Fields,
  type Message,
  type MessageInput,
} from '@millrace/protocol'
import { expectNone } from './broker-error.ts'
import { KafkaError } from './errors.ts'
import { authenticationFault, underlyingSecurity, type Security } from './security.ts'
import type { BrokerAddress } from './types.ts'
import { wire, type Pinned } from './wire.ts'

export interface BrokerConnectionOptions {
  readonly clientId: string
  readonly connectTimeoutMs: number
  readonly clock: Clock
  readonly security: Security
}

/** Its import takes 0.3–0.6 s and 60 MB, which only a process that connects is to pay. */
let underlying: Promise<typeof Underlying> | undefined

/** The underlying client's own request timer is never to fire: ours knows what was asked, and for how long. */
const neverMs = 0x7fff_ffff
/** Requests on one connection; what is more waits in the underlying client. Nothing here sends as many. */
const maxInflights = 64

export class BrokerConnection {
  readonly #connection: Underlying.Connection
  readonly #createWriter: () => Underlying.Writer
  readonly #address: BrokerAddress
  readonly #clock: Clock
  readonly #writer = new ByteWriter()
  #isOpen = true
  /** From ApiVersions: what the broker serves, and the features that its whole cluster has switched on (KIP-584). */
  #served: ReadonlyMap<number, { readonly minVersion: number; readonly maxVersion: number }> =
    new Map()
  #features: ReadonlyMap<string, number> = new Map()

  private constructor(
    connection: Underlying.Connection,
    createWriter: () => Underlying.Writer,
    address: BrokerAddress,
    clock: Clock,
  ) {
    this.#connection = connection
    this.#createWriter = createWriter
    this.#address = address
    this.#clock = clock
    connection.once('close', () => (this.#isOpen = false))
  }

  /**
   * Connects and checks that the broker serves what this client sends.
   * @throws KafkaError `MR_KAFKA_UNREACHABLE`, `MR_KAFKA_UNSUPPORTED_BROKER`, `MR_KAFKA_AUTHENTICATION_FAILED`
   */
  static async open(
    address: BrokerAddress,
    options: BrokerConnectionOptions,
  ): Promise<BrokerConnection> {
    underlying ??= import('@platformatic/kafka')
    const { Connection: UnderlyingConnection, Writer: UnderlyingWriter } = await underlying
    const connection = new UnderlyingConnection(options.clientId, {
      connectTimeout: options.connectTimeoutMs,
      requestTimeout: neverMs,
      maxInflights,
      ...underlyingSecurity(options.security, address),
    })
    // An 'error' event without a listener would end the process; what matters arrives by 'close' and by callbacks.
    connection.on('error', () => {})
    try {
      await connection.connect(address.host, address.port)
    } catch (error) {
      connection.socket?.destroy()
      const fault = authenticationFault(error, address, options.security)
      if (fault) throw fault
      throw new KafkaError(
        'MR_KAFKA_UNREACHABLE',
        `No connection to the broker at ${address.host}:${address.port}. Check the address and that the broker runs.`,
        { ...address },
        { cause: error },
      )
    }
    const createWriter = (): Underlying.Writer => UnderlyingWriter.create()
    const opened = new BrokerConnection(connection, createWriter, address, options.clock)
    try {
      await opened.#checkVersions(options.connectTimeoutMs)
    } catch (error) {
      opened.close()
      throw error
    }
    return opened
  }

  get isOpen(): boolean {
    return this.#isOpen
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
    const { api, version } = pinned
    if (this.#served.size > 0 && !this.serves(pinned)) throw this.#unsupported([pinned])
    // While a session is renewed a broker takes nothing else (KIP-368).
    if (this.#connection.status === 'reauthenticating') await this.#untilRenewed()
    const payload = this.#encode(pinned, input)
    let timer: Timer | undefined
    try {
      return await new Promise<Message<Response>>((resolve, reject) => {
        timer = this.#clock.setTimer(timeoutMs, () => {
          reject(this.#timedOut(api.name, timeoutMs))
          this.close()
        })
        this.#connection.send<Message<Response>>(
          api.key,
          version,
          () => payload,
          // The client's reader holds a DynamicBuffer, whose pieces are no Buffers: make one Buffer of it first.
          (_correlation, _key, _version, reader) =>
            api.response.read(new ByteReader(reader.buffer.buffer), version),
          api.requestHeaderVersion(version) === 2,
          api.responseHeaderVersion(version) === 1,
          (error, answer) =>
            error ? reject(this.#failed(api.name, error)) : resolve(answer as Message<Response>),
        )
      })
    } finally {
      timer?.cancel()
    }
  }

  /** Sends one request that has no answer: Produce with acks 0. @throws KafkaError `MR_KAFKA_CONNECTION_LOST` */
  async tell<Request extends Fields, Response extends Fields>(
    pinned: Pinned<Request, Response>,
    input: MessageInput<Request>,
  ): Promise<void> {
    const { api, version } = pinned
    if (this.#connection.status === 'reauthenticating') await this.#untilRenewed()
    const payload = this.#encode(pinned, input)
    payload.context['noResponse'] = true
    await new Promise<void>((resolve, reject) => {
      this.#connection.send(
        api.key,
        version,
        () => payload,
        () => {},
        api.requestHeaderVersion(version) === 2,
        false,
        (error) => (error ? reject(this.#failed(api.name, error)) : resolve()),
      )
    })
  }

  /** Drops the connection; requests under way fail with `MR_KAFKA_CONNECTION_LOST`. Idempotent. */
  close(): void {
    this.#isOpen = false
    this.#connection.close(() => {}) // Ends the timer of its session; what follows ends the socket at once.
    this.#connection.socket.destroy()
  }

  /** Resolves when the session is renewed or the connection over, which the request finds by itself. */
  async #untilRenewed(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#connection.once('connect', () => resolve())
      this.#connection.once('close', () => resolve())
    })
  }

  #encode<Request extends Fields, Response extends Fields>(
    { api, version }: Pinned<Request, Response>,
    input: MessageInput<Request>,
  ): Underlying.Writer {
    try {
      api.request.write(this.#writer, version, input)
    } catch (error) {
      this.#writer.reset()
      throw error
    }
    const payload = this.#createWriter()
    for (const chunk of this.#writer.take()) payload.append(chunk)
    return payload
  }

  async #checkVersions(timeoutMs: number): Promise<void> {
    const answer = await this.request(
      wire.apiVersions,
      { clientSoftwareName: 'millrace', clientSoftwareVersion: '0.1.0' },
      timeoutMs,
    )
    this.#served = new Map(answer.apiKeys.map((row) => [row.apiKey, row]))
    this.#features = new Map(
      answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
    )
    expectNone('Asking for the API versions', answer.errorCode, { ...this.#address })
    const missing = Object.values(wire).filter((pinned) => !this.serves(pinned))
    if (missing.length > 0) throw this.#unsupported(missing)
  }

  #unsupported(missing: readonly Pinned<Fields, Fields>[]): KafkaError {
    const names = missing.map(({ api, version }) => `${api.name} v${version}`)
    return new KafkaError(
      'MR_KAFKA_UNSUPPORTED_BROKER',
      `The broker at ${this.#address.host}:${this.#address.port} does not serve ${names.join(', ')}. Apache Kafka 2.8 to 4.x does.`,
      { ...this.#address, missing: names },
    )
  }

  #timedOut(name: string, timeoutMs: number): KafkaError {
    return new KafkaError(
      'MR_KAFKA_REQUEST_TIMEOUT',
      `The broker at ${this.#address.host}:${this.#address.port} did not answer ${name} in ${timeoutMs} ms; the connection was dropped and the outcome is unknown.`,
      { ...this.#address, request: name, timeoutMs },
    )
  }

  #failed(name: string, error: Error): KafkaError {
    const isProtocolFault = error.name === 'ProtocolError'
    if (isProtocolFault) this.close()
    return new KafkaError(
      isProtocolFault ? 'MR_KAFKA_CORRUPT_DATA' : 'MR_KAFKA_CONNECTION_LOST',
      isProtocolFault
        ? `The answer of ${this.#address.host}:${this.#address.port} to ${name} cannot be read; the connection was dropped.`
        : `The connection to ${this.#address.host}:${this.#address.port} ended during ${name}; the outcome is unknown.`,
      { ...this.#address, request: name },
      { cause: error },
    )
  }
}
