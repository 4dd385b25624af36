import type { Clock } from '@millrace/core'
import type { PartReadiness } from '@millrace/runtime'
import type { PartState } from './overview.ts'
import type { ServiceInstances } from './service-instances.ts'

/** A probe not older than this is given again, ms: readiness, overview and several callers ask for the same thing. */
const freshMs = 200
/** Largest answer that is read, bytes. */
const maxAnswerBytes = 256 * 1024

/** What one look at a service showed. */
export interface ProbeResult {
  readonly name: string
  readonly state: PartState
  readonly reason: string | null
  /** The instance that answers, or the first one. */
  readonly url: string
  /** It said something, be it that it is not ready: its figures may still be had, and matter most just then. */
  readonly answers: boolean
  /** What the service itself says of the parts it needs. */
  readonly parts: readonly PartReadiness[]
}

export interface ServiceProbeOptions {
  readonly clock: Clock
  /** Longest wait for one answer, ms. */
  readonly timeoutMs: number
  /** What tells services, in production mode too, that the gateway itself asks. */
  readonly headersOf: () => Readonly<Record<string, string>>
}

/** Looks at one service through its own readiness and statistics. */
export class ServiceProbe {
  readonly #instances: ServiceInstances
  readonly #statsPath: string | null
  readonly #options: ServiceProbeOptions
  #last: { readonly atMs: number; readonly result: Promise<ProbeResult> } | undefined

  /** @param statsPath null for a service whose readiness is all that is wanted */
  constructor(instances: ServiceInstances, statsPath: string | null, options: ServiceProbeOptions) {
    this.#instances = instances
    this.#statsPath = statsPath
    this.#options = options
  }

  get name(): string {
    return this.#instances.name
  }

  /** Never rejects: a service that does not answer is down, and that is the answer. */
  look(): Promise<ProbeResult> {
    const nowMs = this.#options.clock.monotonicMs()
    if (!this.#last || nowMs - this.#last.atMs > freshMs)
      this.#last = { atMs: nowMs, result: this.#lookAtAll() }
    return this.#last.result
  }

  /** The service's own figures; null when they cannot be had. */
  async stats(): Promise<Readonly<Record<string, unknown>> | null> {
    if (this.#statsPath === null) return null
    const { answers, url } = await this.look()
    if (!answers) return null
    const { timeoutMs, headersOf } = this.#options
    const answer = await getJson(`${url}${this.#statsPath}`, timeoutMs, headersOf())
    return answer?.status === 200 ? answer.body : null
  }

  async #lookAtAll(): Promise<ProbeResult> {
    const { name, urls } = this.#instances
    const results = await Promise.all(urls.map((url) => lookAt(name, url, this.#options.timeoutMs)))
    const best =
      results.find((result) => result.state === 'up') ??
      results.find((result) => result.state === 'starting') ??
      results.find((result) => result.answers) ??
      results[0]
    const upCount = results.filter((result) => result.state === 'up').length
    const shown = best ?? unreached(name, '')
    if (upCount === urls.length || upCount === 0) return shown
    return { ...shown, reason: `${upCount} of ${urls.length} instances are up` }
  }
}

async function lookAt(name: string, url: string, timeoutMs: number): Promise<ProbeResult> {
  const answer = await getJson(`${url}/health/ready`, timeoutMs)
  if (!answer) return unreached(name, url)
  const parts = partsOf(answer.body['parts'])
  // What is up may still have something to say, such as that it is switched off.
  const reason = parts
    .filter((part) => part.reason !== null || part.state !== 'up')
    .map((part) => `${part.name}: ${part.reason ?? part.state}`)
    .join('; ')
  if (answer.status === 200)
    return { name, state: 'up', reason: reason || null, url, answers: true, parts }
  const state = answer.body['status'] === 'starting' ? 'starting' : 'down'
  return { name, state, reason: reason || `answers ${answer.status}`, url, answers: true, parts }
}

function unreached(name: string, url: string): ProbeResult {
  return {
    name,
    state: 'down',
    reason: `does not answer at ${url}`,
    url,
    answers: false,
    parts: [],
  }
}

function partsOf(value: unknown): PartReadiness[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((item: unknown) => {
    const { name, state, reason } = (item ?? {}) as Record<string, unknown>
    if (typeof name !== 'string') return []
    return {
      name,
      state: state === 'up' || state === 'starting' ? state : 'down',
      reason: typeof reason === 'string' ? reason : null,
    }
  })
}

/** Undefined when nothing, or nothing readable, came within the limit. */
async function getJson(
  url: string,
  timeoutMs: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<
  { readonly status: number; readonly body: Readonly<Record<string, unknown>> } | undefined
> {
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
      headers,
    })
    if (Number(response.headers.get('content-length') ?? 0) > maxAnswerBytes) {
      await response.body?.cancel()
      return undefined
    }
    const body: unknown = await response.json()
    if (typeof body !== 'object' || body === null) return undefined
    return { status: response.status, body: body as Record<string, unknown> }
  } catch {
    // Refused, reset, too slow, no JSON: for the one who looks it is all the same, the service does not answer.
    return undefined
  }
}
