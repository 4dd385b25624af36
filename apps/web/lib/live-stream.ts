import { type ApiProblem, asProblem, problemFrom } from './problem.ts'
import { type ServerSentEvent, ServerSentEventParser } from './server-sent-events.ts'
import { fetchInSession } from './session.ts'

/** How a stream of live updates is doing. */
export type StreamState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live'; readonly sinceMs: number }
  | {
      readonly kind: 'waiting'
      readonly attempt: number
      readonly retryAtMs: number
      readonly problem: ApiProblem
    }
  | { readonly kind: 'refused'; readonly problem: ApiProblem }
  | { readonly kind: 'asleep' }

export interface LiveStreamOptions {
  readonly path: string
  readonly onEvent: (event: ServerSentEvent) => void
  readonly onState: (state: StreamState) => void
  /** Called when the stream is back after a gap: what was missed must be fetched. */
  readonly onResume?: () => void
  /** A stream that says nothing for so long (comments count) is taken as cut. */
  readonly silenceLimitMs?: number
}

const firstDelayMs = 500
const maxDelayMs = 15_000

/** Back-off before attempt `attempt` (from 1): doubling with jitter, so that many pages do not come back at one instant. */
export function reconnectDelayMs(attempt: number, random: number): number {
  const full = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(attempt - 1, 10))
  return Math.round(full * (0.5 + random / 2))
}

/**
 * A server push stream that heals itself: reconnects with back-off, at once when the browser is
 * online again or the page is looked at, sleeps while the page is hidden, and tells its state.
 * `fetch` rather than `EventSource`, because that one hides status, problem document and heartbeats.
 * Owner of all fields: the event loop of the page; `#generation` makes late callbacks of an old connection harmless.
 */
export class LiveStream {
  readonly #options: LiveStreamOptions
  #generation = 0
  #attempt = 0
  #wasLive = false
  #abort: AbortController | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #isClosed = false

  constructor(options: LiveStreamOptions) {
    this.#options = options
  }

  start(): void {
    document.addEventListener('visibilitychange', this.#onVisibility)
    window.addEventListener('online', this.#wake)
    if (document.hidden) this.#sleep()
    else this.#connect()
  }

  close(): void {
    this.#isClosed = true
    this.#cut()
    document.removeEventListener('visibilitychange', this.#onVisibility)
    window.removeEventListener('online', this.#wake)
  }

  /** Tries now instead of waiting out the back-off. */
  readonly retryNow = (): void => this.#wake()

  readonly #wake = (): void => {
    if (this.#isClosed || document.hidden || this.#abort !== null) return
    this.#attempt = 0
    this.#connect()
  }

  readonly #onVisibility = (): void => {
    if (document.hidden) this.#sleep()
    else this.#wake()
  }

  #sleep(): void {
    this.#cut()
    this.#options.onState({ kind: 'asleep' })
  }

  #cut(): void {
    this.#generation += 1
    clearTimeout(this.#timer)
    this.#abort?.abort()
    this.#abort = null
  }

  #connect(): void {
    this.#cut()
    const generation = this.#generation
    const abort = new AbortController()
    this.#abort = abort
    if (this.#attempt === 0) this.#options.onState({ kind: 'connecting' })
    this.#read(generation, abort.signal).then(
      () => this.#lost(generation, streamEnded()),
      (error: unknown) => this.#lost(generation, asProblem(error)),
    )
  }

  async #read(generation: number, signal: AbortSignal): Promise<void> {
    const reader = await openStream(this.#options.path, signal)
    if (generation !== this.#generation) return
    this.#onOpen()
    const parser = new ServerSentEventParser()
    for (;;) {
      this.#watchSilence(generation)
      const { done, value } = await reader.read()
      if (done || generation !== this.#generation) return
      for (const event of parser.push(value)) this.#options.onEvent(event)
    }
  }

  #onOpen(): void {
    this.#attempt = 0
    this.#options.onState({ kind: 'live', sinceMs: Date.now() })
    if (this.#wasLive) this.#options.onResume?.()
    this.#wasLive = true
  }

  #watchSilence(generation: number): void {
    const limitMs = this.#options.silenceLimitMs
    if (limitMs === undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lost(generation, streamSilent(limitMs)), limitMs)
  }

  #lost(generation: number, problem: ApiProblem): void {
    if (generation !== this.#generation || this.#isClosed) return
    this.#cut()
    if (problem.isForbidden) {
      this.#options.onState({ kind: 'refused', problem })
      return
    }
    this.#attempt += 1
    const delayMs = reconnectDelayMs(this.#attempt, Math.random())
    this.#options.onState({
      kind: 'waiting',
      attempt: this.#attempt,
      retryAtMs: Date.now() + delayMs,
      problem,
    })
    this.#timer = setTimeout(() => this.#connect(), delayMs)
  }
}

async function openStream(
  path: string,
  signal: AbortSignal,
): Promise<ReadableStreamDefaultReader<string>> {
  const headers = { accept: 'text/event-stream' }
  const response = await fetchInSession(path, { signal, headers }).catch((error: unknown) => {
    throw cutOff('The live stream cannot be reached', error)
  })
  const correlationId = response.headers.get('x-correlation-id')
  if (!response.ok) {
    const body: unknown = await response.json().catch(() => null)
    throw problemFrom(response.status, body, correlationId)
  }
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  if (response.body === null || !isStream) throw cutOff('The answer is not a live stream')
  return response.body.pipeThrough(new TextDecoderStream()).getReader()
}

function streamEnded(): ApiProblem {
  return cutOff('The live stream ended')
}

function streamSilent(limitMs: number): ApiProblem {
  return cutOff(`The live stream said nothing for ${limitMs / 1000} s`)
}

function cutOff(title: string, cause?: unknown): ApiProblem {
  const problem = problemFrom(0, { title, code: 'MR_WEB_UNREACHABLE' }, null)
  problem.cause = cause
  return problem
}
