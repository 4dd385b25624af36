import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import {
  ByteReader,
  ByteWriter,
  readResponseHeader,
  writeRequestHeader,
  type Api,
  type RequestInputOf,
  type ResponseOf,
} from '@millrace/protocol'

/** A connection that speaks the protocol version by version and nothing more: no retries, no metadata, no reconnect. */
export class WireClient implements AsyncDisposable {
  readonly socket: Socket
  readonly #writer = new ByteWriter()
  #received: Buffer = Buffer.alloc(0)
  readonly #waiting: { needed: () => boolean; resolve: () => void }[] = []
  #nextId = 1
  isClosed = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
      this.#wake()
    })
  }

  static async connect(port: number): Promise<WireClient> {
    const socket = connect({ host: '127.0.0.1', port })
    await once(socket, 'connect')
    return new WireClient(socket)
  }

  /** Over TLS. @throws what Node's TLS throws when the handshake fails */
  static async connectSecurely(port: number, options: ConnectionOptions): Promise<WireClient> {
    const socket = connectTls({ host: '127.0.0.1', port, ...options })
    await once(socket, 'secureConnect')
    return new WireClient(socket)
  }

  /** Sends and waits for the answer. */
  async call<A extends Api>(
    api: A,
    version: number,
    request: RequestInputOf<A>,
  ): Promise<ResponseOf<A>> {
    const id = this.send(api, version, request)
    const answer = await this.receive(api, version)
    if (answer.correlationId !== id)
      throw new Error(`answer ${answer.correlationId} to request ${id}`)
    return answer.body
  }

  /** @returns the correlation id */
  send<A extends Api>(api: A, version: number, request: RequestInputOf<A>): number {
    const correlationId = this.#nextId++
    this.socket.write(this.frame(api, version, request, correlationId))
    return correlationId
  }

  frame<A extends Api>(
    api: A,
    version: number,
    request: RequestInputOf<A>,
    correlationId: number,
  ): Buffer {
    const writer = this.#writer
    writer.reset()
    const size = writer.reserveInt32()
    const header = { apiKey: api.key, apiVersion: version, correlationId, clientId: 'wire' }
    writeRequestHeader(writer, api.requestHeaderVersion(version), header)
    api.request.write(writer, version, request)
    writer.setInt32(size, writer.size - 4)
    return writer.takeBuffer()
  }

  async receive<A extends Api>(
    api: A,
    version: number,
  ): Promise<{ correlationId: number; body: ResponseOf<A> }> {
    const frame = await this.receiveFrame()
    const reader = new ByteReader(frame)
    const correlationId = readResponseHeader(reader, api.responseHeaderVersion(version))
    const body = api.response.read(reader, version) as ResponseOf<A>
    reader.expectEnd()
    return { correlationId, body }
  }

  /** The next frame's body. @throws when the broker closes the connection */
  async receiveFrame(): Promise<Buffer> {
    await this.#until(() => this.#received.length >= 4)
    const size = this.#received.readInt32BE(0)
    await this.#until(() => this.#received.length >= 4 + size)
    const frame = this.#received.subarray(4, 4 + size)
    this.#received = this.#received.subarray(4 + size)
    return frame
  }

  /** Bytes that have come and were not taken. */
  get receivedBytes(): number {
    return this.#received.length
  }

  /** Resolves when the broker has closed the connection. */
  async closed(): Promise<void> {
    if (this.isClosed) return
    // Not events.once, which rejects when an error comes first.
    await new Promise<void>((resolve) => this.socket.once('close', () => resolve()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
    await this.closed()
  }

  async #until(needed: () => boolean): Promise<void> {
    if (needed()) return
    if (this.isClosed) throw new Error('the broker closed the connection')
    await new Promise<void>((resolve) => this.#waiting.push({ needed, resolve }))
    if (!needed()) throw new Error('the broker closed the connection')
  }

  #wake(): void {
    for (const waiter of this.#waiting.splice(0)) {
      if (this.isClosed || waiter.needed()) waiter.resolve()
      else this.#waiting.push(waiter)
    }
  }
}
