import type { Socket } from 'node:net'
import { toError, type Logger } from '@millrace/core'
import {
  ByteReader,
  type ByteWriter,
  ProtocolError,
  apiVersionsApi,
  readRequestHeader,
  writeResponseHeader,
  type Api,
  type RequestHeader,
} from '@millrace/protocol'
import { unsupportedApiVersions } from '../api/18-api-versions.ts'
import { servedApis } from '../api/registry.ts'
import {
  ConnectionFault,
  noAnswer,
  type BrokerMeters,
  type RequestContext,
  type ServedApi,
} from '../api/served-api.ts'
import type { BrokerState } from '../broker-state.ts'
import { limits } from '../limits.ts'
import { FrameReader } from './frame-reader.ts'

export interface ConnectionOptions {
  readonly socket: Socket
  readonly broker: BrokerState
  readonly advertised: RequestContext['advertised']
  /** Shared by all connections: an answer is written in one go. */
  readonly writer: ByteWriter
  readonly meters: BrokerMeters & { request(api: string): void }
}

/** While a request is under way, the socket is read no further than this. */
const READ_AHEAD_BYTES = 256 * 1024

interface Request {
  readonly header: RequestHeader
  readonly served: ServedApi
  readonly body: unknown
}

/**
 * One client. Requests are handled one after the other and answered in their order, as Kafka does; only produce requests may overlap
 * while they wait for a shared sync. Nothing more is read while a request is under way or an answer waits for a slow reader, so a
 * client's memory here is bounded by its largest request and answer. Whatever a client sends, the worst is that its own connection closes.
 */
export class Connection {
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #logger: Logger
  readonly #frames = new FrameReader()
  readonly #closed = new AbortController()
  #isRunning = false
  /** Resolves when the answers so far are written. */
  #answered: Promise<void> = Promise.resolve()
  #inFlight = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#socket = options.socket
    this.#logger = options.broker.logger
    this.#socket.setNoDelay(true)
    this.#socket.setTimeout(limits.connectionIdleMs, () => this.close('idle'))
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    this.#socket.on('error', () => this.#socket.destroy())
    this.#socket.on('close', () => this.#closed.abort())
  }

  /** Resolves when the socket is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  close(reason: string): void {
    if (this.#socket.destroyed) return
    this.#logger.debug('a connection is closed', {
      reason,
      clientHost: this.#socket.remoteAddress,
    })
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#frames.push(chunk)
    if (this.#isRunning) {
      if (this.#frames.bufferedBytes > READ_AHEAD_BYTES) this.#socket.pause()
      return
    }
    void this.#run()
  }

  /** Handles the frames that are there. Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true
    try {
      for (let frame; !this.#socket.destroyed && (frame = this.#frames.next()) !== undefined;)
        await this.#serve(frame)
    } catch (error) {
      this.#fail(toError(error))
    } finally {
      this.#isRunning = false
    }
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  async #serve(frame: Buffer): Promise<void> {
    const request = this.#parse(frame)
    if (request === undefined) return
    const { isPipelined, api } = request.served
    if (!isPipelined) await this.#answered
    this.#options.meters.request(api.name)
    this.#inFlight++
    // The handler runs up to its first wait now, so appends keep the order of their requests.
    const answer = this.#handle(request)
    this.#answered = this.#answerAfter(this.#answered, request, answer)
    if (!isPipelined || this.#inFlight >= limits.pipelinedProduces) await this.#answered
  }

  async #handle({ served, body, header }: Request): Promise<unknown> {
    const { broker, advertised, meters } = this.#options
    return served.handle(body, {
      broker,
      version: header.apiVersion,
      clientId: header.clientId ?? '',
      clientHost: this.#socket.remoteAddress ?? '',
      advertised,
      closed: this.#closed.signal,
      meters,
      served: servedApis.values(),
    })
  }

  /** Never rejects: a fault closes the connection, and later answers find it closed. */
  async #answerAfter(
    before: Promise<void>,
    { header, served }: Request,
    answer: Promise<unknown>,
  ): Promise<void> {
    try {
      const [, message] = await Promise.all([before, answer])
      if (message !== noAnswer) await this.#send(header, served.api, header.apiVersion, message)
    } catch (error) {
      this.#fail(toError(error))
    } finally {
      this.#inFlight--
    }
  }

  /** @returns undefined when the frame has been answered already @throws ConnectionFault, ProtocolError */
  #parse(frame: Buffer): Request | undefined {
    const reader = new ByteReader(frame)
    const header = readRequestHeader(reader, (apiKey, apiVersion) => {
      const served = servedApis.get(apiKey)
      // Only what stands before the body's own layout is read of a version that is not known.
      return served !== undefined && isServed(served, apiVersion)
        ? served.api.requestHeaderVersion(apiVersion)
        : 1
    })
    const served = servedApis.get(header.apiKey)
    if (served !== undefined && isServed(served, header.apiVersion)) {
      const body = served.api.request.read(reader, header.apiVersion)
      return { header, served, body }
    }
    if (header.apiKey !== apiVersionsApi.key)
      throw new ConnectionFault(`key ${header.apiKey} version ${header.apiVersion} is not served`)
    this.#answered = this.#answered.then(() =>
      this.#send(header, apiVersionsApi, 0, unsupportedApiVersions(servedApis.values())),
    )
    return undefined
  }

  async #send(header: RequestHeader, api: Api, version: number, message: unknown): Promise<void> {
    const { writer } = this.#options
    if (this.#socket.destroyed) return
    let chunks: Buffer[]
    try {
      const size = writer.reserveInt32()
      writeResponseHeader(writer, api.responseHeaderVersion(version), header.correlationId)
      api.response.write(writer, version, message as Parameters<Api['response']['write']>[2])
      writer.setInt32(size, writer.size - 4)
      chunks = writer.take()
    } catch (error) {
      writer.reset()
      throw error
    }
    await this.#write(chunks)
  }

  /** Hands all chunks over as one `writev`; resolves when the client is ready for more. */
  #write(chunks: readonly Buffer[]): Promise<void> | void {
    const socket = this.#socket
    socket.cork()
    for (const chunk of chunks) socket.write(chunk)
    socket.uncork()
    if (!socket.writableNeedDrain) return
    return new Promise((resolve) => {
      const finish = (): void => {
        socket.off('drain', finish)
        socket.off('close', finish)
        resolve()
      }
      socket.on('drain', finish)
      socket.on('close', finish)
    })
  }

  #fail(error: Error): void {
    const isClientFault = error instanceof ConnectionFault || error instanceof ProtocolError
    if (!isClientFault)
      this.#logger.error('a request failed and its connection is closed', {
        clientHost: this.#socket.remoteAddress,
        error,
      })
    this.close(error.message)
  }
}

function isServed({ versions: [min, max] }: ServedApi, version: number): boolean {
  return version >= min && version <= max
}
