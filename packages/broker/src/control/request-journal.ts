/** One request as the broker saw it. */
export interface RequestEntry {
  /** Counts all requests since the start, from 1; a gap means that older ones were overwritten. */
  readonly sequence: number
  /** When it was read, ms since the epoch, by the broker's clock. */
  readonly timeMs: number
  /** Counts connections since the start. */
  readonly connection: number
  readonly clientId: string
  readonly clientHost: string
  readonly node: number
  readonly api: string
  readonly version: number
  readonly correlationId: number
  /** Without the length field. */
  readonly requestBytes: number
  /** 0 while it is under way, or when no answer was sent. */
  readonly answerBytes: number
  /** From reading the request to handing its answer to the socket, ms; -1 while it is under way. */
  readonly durationMs: number
  /** Kafka's error codes in the answer, each once. */
  readonly errorCodes: readonly number[]
  /** Faults that hit it: `<rule id> <action>`, with the rule's name when it has one. */
  readonly faults: readonly string[]
}

export type OpenEntry = { -readonly [K in keyof RequestEntry]: RequestEntry[K] }

/** What to show of the journal. */
export interface RequestFilter {
  readonly api?: string
  readonly clientId?: string
  /** Only those after this sequence. */
  readonly after?: number
  /** Only those that a fault hit. */
  readonly withFaults?: boolean
  /** The newest so many. Default 100. */
  readonly limit?: number
}

const DEFAULT_LIMIT = 100

/** The last requests, in a ring: older ones are overwritten, so it never grows. */
export class RequestJournal {
  readonly #entries: OpenEntry[] = []
  readonly #size: number
  #count = 0

  /** @param size requests kept; 0 keeps none and costs nothing */
  constructor(size: number) {
    this.#size = size
  }

  get isOff(): boolean {
    return this.#size === 0
  }

  /** Begins an entry, which its connection goes on to fill. */
  begin(entry: Omit<OpenEntry, 'sequence'>): OpenEntry {
    this.#count++
    const opened: OpenEntry = { sequence: this.#count, ...entry }
    this.#entries[(this.#count - 1) % this.#size] = opened
    return opened
  }

  /** Oldest first. */
  list(filter: RequestFilter = {}): readonly RequestEntry[] {
    const { api, clientId, after = 0, withFaults = false, limit = DEFAULT_LIMIT } = filter
    const found: RequestEntry[] = []
    for (let sequence = this.#count; sequence > after; sequence--) {
      const entry = this.#entries[(sequence - 1) % Math.max(this.#size, 1)]
      if (entry?.sequence !== sequence || found.length === limit) break
      if (api !== undefined && entry.api.toLowerCase() !== api.toLowerCase()) continue
      if (clientId !== undefined && entry.clientId !== clientId) continue
      if (withFaults && entry.faults.length === 0) continue
      found.push({ ...entry })
    }
    return found.toReversed()
  }
}
