import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  silentLogger,
  systemClock,
  toError,
  type Clock,
  type Logger,
  type Timer,
} from '@millrace/core'
import type { FastifyReply } from 'fastify'

/** One server-sent event. `data` that is not text goes out as JSON. */
export interface ServerSentEvent {
  readonly event?: string
  readonly data: unknown
  /** Comes back as `last-event-id` when the client reconnects. */
  readonly id?: string
}

export interface SendEventsOptions {
  /** A comment line goes out when nothing else did for so long, ms; proxies and clients take silence for death. Default 15,000. */
  readonly heartbeatMs?: number
  /** Wait the client should keep before it reconnects, ms. Default 1,000. */
  readonly retryMs?: number
  readonly clock?: Clock
}

/** Either events, or a function that gives them and hears by `signal` when nobody listens any more. */
export type EventSource =
  | AsyncIterable<ServerSentEvent>
  | ((signal: AbortSignal) => AsyncIterable<ServerSentEvent>)

/** The streams of one server that are open, so that shutdown can end them. */
export class EventStreams {
  readonly logger: Logger
  readonly #open = new Set<AbortController>()
  #isClosed = false

  constructor(logger: Logger = silentLogger) {
    this.logger = logger
  }

  get count(): number {
    return this.#open.size
  }

  open(): AbortController {
    const controller = new AbortController()
    if (this.#isClosed) controller.abort()
    else this.#open.add(controller)
    return controller
  }

  forget(controller: AbortController): void {
    this.#open.delete(controller)
  }

  /** Ends all of them; streams opened later end at once. */
  close(): void {
    this.#isClosed = true
    for (const controller of this.#open) controller.abort()
    this.#open.clear()
  }
}

/** Streams by HTTP server: routes only know their reply. */
export const eventStreamsOf = new WeakMap<object, EventStreams>()

/**
 * Answers with a stream of server-sent events until the source ends, the client goes, or the service shuts down. The source is
 * asked for the next event only when the client took the last one, so a slow client holds back its own source and nothing else.
 * Resolves when the stream has ended; never rejects: when the source throws, that is logged and the client reconnects.
 */
export async function sendEvents(
  reply: FastifyReply,
  source: EventSource,
  options: SendEventsOptions = {},
): Promise<void> {
  const { raw } = reply
  const streams = eventStreamsOf.get(reply.server.server)
  const controller = streams?.open() ?? new AbortController()
  const { signal } = controller
  const end = (): void => controller.abort()
  raw.once('close', end)
  reply.hijack()
  raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    // Asks nginx and its like not to buffer.
    'x-accel-buffering': 'no',
  })
  const heartbeat = startHeartbeat(raw, options)
  try {
    if (reply.request.method === 'HEAD') return
    await write(raw, `retry: ${options.retryMs ?? 1000}\n\n`, signal)
    await pump(typeof source === 'function' ? source(signal) : source, signal, async (event) => {
      heartbeat.rest()
      await write(raw, formatEvent(event), signal)
    })
  } catch (error) {
    streams?.logger.error('event stream ended by its source', { error: toError(error) })
  } finally {
    heartbeat.stop()
    raw.off('close', end)
    streams?.forget(controller)
    controller.abort()
    raw.end()
  }
}

/**
 * Passes on the event stream of another service, head at once and every chunk as it comes; ends when either side does, or at
 * shutdown. Status and headers are those of the reply.
 */
export async function relayEvents(reply: FastifyReply, source: Readable): Promise<void> {
  const { raw } = reply
  const streams = eventStreamsOf.get(reply.server.server)
  const controller = streams?.open() ?? new AbortController()
  reply.hijack()
  raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>)
  raw.flushHeaders()
  try {
    await pipeline(source, raw, { signal: controller.signal })
  } catch {
    // Either side broke off: the client reconnects if it wants more.
    raw.destroy()
  } finally {
    streams?.forget(controller)
  }
}

type Raw = FastifyReply['raw']

async function pump(
  source: AsyncIterable<ServerSentEvent>,
  signal: AbortSignal,
  send: (event: ServerSentEvent) => Promise<void>,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]()
  const aborted = Promise.withResolvers<undefined>()
  const onAbort = (): void => aborted.resolve(undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted.promise])
      if (next === undefined || next.done || signal.aborted) break
      await send(next.value)
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Not awaited: a generator that waits for its next event returns only when that comes.
    iterator.return?.().then(undefined, () => {})
  }
}

async function write(raw: Raw, chunk: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || raw.write(chunk)) return
  try {
    await once(raw, 'drain', { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function formatEvent(event: ServerSentEvent): string {
  const data = typeof event.data === 'string' ? event.data : JSON.stringify(event.data)
  const oneLine = (text: string): string => text.replaceAll(/[\r\n\0]/g, ' ')
  return [
    ...(event.id === undefined ? [] : [`id: ${oneLine(event.id)}`]),
    ...(event.event === undefined ? [] : [`event: ${oneLine(event.event)}`]),
    ...data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`),
    '\n',
  ].join('\n')
}

function startHeartbeat(raw: Raw, options: SendEventsOptions): { rest(): void; stop(): void } {
  const clock = options.clock ?? systemClock
  const everyMs = options.heartbeatMs ?? 15_000
  let timer: Timer
  const beat = (): void => {
    // A client that does not take what was sent needs no sign of life on top.
    if (!raw.writableNeedDrain && !raw.destroyed) raw.write(': still here\n\n')
    timer = clock.setTimer(everyMs, beat)
  }
  timer = clock.setTimer(everyMs, beat)
  return {
    rest: () => {
      timer.cancel()
      timer = clock.setTimer(everyMs, beat)
    },
    stop: () => timer.cancel(),
  }
}
