import type { Socket } from 'node:net'
import { isAbortError, systemClock, toError, type Logger } from '@millrace/core'
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
import type { ConnectionControl } from '../control/connection-control.ts'
import type { OpenEntry } from '../control/request-journal.ts'
import { errorCodesIn } from '../control/request-shapes.ts'
import { limits } from '../limits.ts'
import { ClientSession } from '../security/client-session.ts'
import { FrameReader } from './frame-reader.ts'
import { Outcome } from './guarded-request.ts'
import type { Authentication } from './listener-options.ts'
import { RequestDesk, type Request } from './request-desk.ts'

export interface ConnectionOptions {
  readonly socket: Socket
  readonly broker: BrokerState
  readonly control: ConnectionControl
  /** Id of the virtual node that the client has reached. */
  readonly node: number
  /** Name of the listener. */
  readonly listener: string
  readonly authentication: Authentication
  readonly advertised: RequestContext['advertised']
  /** Of the certificate that the client showed. */
  readonly certificatePrincipal?: string | undefined
  /** Shared by all connections: an answer is written in one go. */
  readonly writer: ByteWriter
  readonly meters: BrokerMeters & { request(api: string): void }
}

/** While a request is under way, the socket is read no further than this. */
const READ_AHEAD_BYTES = 256 * 1024

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
  readonly #session: ClientSession
  #isRunning = false
  /** Resolves when the answers so far are written. */
  #answered: Promise<void> = Promise.resolve()
  #inFlight = 0
  readonly #desk: RequestDesk
  /** A fault has lost a request or an answer: nothing goes in or out any more. */
  #isSilent = false

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#socket = options.socket
    this.#logger = options.broker.logger
    this.#session = new ClientSession({
      security: options.broker.security,
      authentication: options.authentication,
      clock: options.broker.clock,
      clientHost: options.socket.remoteAddress ?? '',
      certificatePrincipal: options.certificatePrincipal,
      closed: this.#closed.signal,
      close: (reason) => this.close(reason),
    })
    this.#desk = new RequestDesk({
      broker: options.broker,
      control: options.control,
      node: options.node,
      listener: options.listener,
      advertised: options.advertised,
      meters: options.meters,
      session: this.#session,
      clientHost: options.socket.remoteAddress ?? '',
      closed: this.#closed.signal,
    })
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
    if (this.#isSilent) return
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
      for (
        let frame;
        this.#isOpen && (frame = this.#frames.next(this.#session.maxFrameBytes)) !== undefined;
      )
        await this.#serve(frame)
    } catch (error) {
      this.#fail(toError(error))
    } finally {
      this.#isRunning = false
    }
    if (this.#socket.isPaused()) this.#socket.resume()
  }

  get #isOpen(): boolean {
    return !this.#isSilent && !this.#socket.destroyed
  }

  async #serve(frame: Buffer): Promise<void> {
    const request = this.#parse(frame)
    if (request === undefined) return
    const { api } = request.served
    // A request that a fault delays must not be overtaken by the next one of its connection.
    const isPipelined = request.served.isPipelined && this.#options.control.faults.isEmpty
    if (!isPipelined) await this.#answered
    this.#options.meters.request(api.name)
    this.#inFlight++
    // The handler runs up to its first wait now, so appends keep the order of their requests.
    const answer = this.#desk.handle(request)
    this.#answered = this.#answerAfter(this.#answered, request, answer)
    if (!isPipelined || this.#inFlight >= limits.pipelinedProduces) await this.#answered
  }

  /** Never rejects: a fault closes the connection, and later answers find it closed. */
  async #answerAfter(
    before: Promise<void>,
    request: Request,
    answer: Promise<unknown>,
  ): Promise<void> {
    try {
      const [, message] = await Promise.all([before, answer])
      if (message instanceof Outcome) await this.#finish(request, message)
      else await this.#answer(request, message)
    } catch (error) {
      this.#fail(toError(error))
    } finally {
      this.#inFlight--
    }
  }

  async #answer(request: Request, message: unknown, tornBytes?: number): Promise<void> {
    const { header, served, entry, startedMs } = request
    if (this.#isSilent) return
    if (entry !== undefined) {
      entry.durationMs = systemClock.monotonicMs() - startedMs
      if (message !== noAnswer) entry.errorCodes = errorCodesIn(message)
    }
    if (message !== noAnswer)
      await this.#send(header, served.api, header.apiVersion, message, { entry, tornBytes })
  }

  /** Ends a request as the faults that hit it say. */
  async #finish(request: Request, outcome: Outcome): Promise<void> {
    const { broker } = this.#options
    if (outcome.kind === 'silence') {
      this.#isSilent = true
      return
    }
    if (outcome.kind === 'disconnect') return this.close('a fault')
    await this.#answer(request, outcome.message, outcome.tornBytes)
    if (outcome.throttleMs === 0) return
    await broker.clock.sleep(outcome.throttleMs, this.#closed.signal).catch((error: unknown) => {
      if (!isAbortError(error)) throw error
    })
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
    this.#session.admit(header.apiKey)
    const served = servedApis.get(header.apiKey)
    if (
      served !== undefined &&
      isServed(served, header.apiVersion) &&
      !this.#desk.isCapped(served, header)
    ) {
      const startedMs = systemClock.monotonicMs()
      const body = served.api.request.read(reader, header.apiVersion)
      const sizeBytes = frame.length
      return {
        header,
        served,
        body,
        sizeBytes,
        entry: this.#desk.note(header, served, sizeBytes),
        startedMs,
      }
    }
    if (header.apiKey !== apiVersionsApi.key)
      throw new ConnectionFault(`key ${header.apiKey} version ${header.apiVersion} is not served`)
    this.#answered = this.#answered.then(() =>
      this.#send(
        header,
        apiVersionsApi,
        0,
        unsupportedApiVersions(this.#desk.servedTo(header.clientId ?? '')),
      ),
    )
    return undefined
  }

  async #send(
    header: RequestHeader,
    api: Api,
    version: number,
    message: unknown,
    options: { entry?: OpenEntry | undefined; tornBytes?: number | undefined } = {},
  ): Promise<void> {
    const { writer } = this.#options
    if (this.#socket.destroyed) return
    let chunks: Buffer[]
    try {
      const size = writer.reserveInt32()
      writeResponseHeader(writer, api.responseHeaderVersion(version), header.correlationId)
      api.response.write(writer, version, message as Parameters<Api['response']['write']>[2])
      writer.setInt32(size, writer.size - 4)
      if (options.entry !== undefined) options.entry.answerBytes = writer.size - 4
      chunks = writer.take()
    } catch (error) {
      writer.reset()
      throw error
    }
    if (options.tornBytes === undefined) return this.#write(chunks)
    this.#isSilent = true
    this.#socket.end(Buffer.concat(chunks).subarray(0, options.tornBytes))
    this.#socket.destroySoon()
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
