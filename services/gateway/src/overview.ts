/** State of one part of the platform as the gateway sees it. */
export interface OverviewPart {
  readonly name: string
  readonly kind: 'service' | 'infrastructure'
  readonly state: PartState
  /** Why it is not up, or what is odd though it is; null when all is well. */
  readonly reason: string | null
  /** Where it answers; null for what the gateway does not reach itself. */
  readonly url: string | null
  /** Since when it has been in this state, as the gateway saw it (ISO 8601). */
  readonly since: string
}

export type PartState = 'up' | 'starting' | 'down'

/** Per second, over the last 5 s. Null while unknown, never 0 for "not known". */
export interface OverviewRates {
  readonly requestsPerSecond: number | null
  readonly eventsCreatedPerSecond: number | null
  readonly publishedPerSecond: number | null
  readonly processedPerSecond: number | null
}

export interface OverviewTopic {
  readonly name: string
  readonly partitions: readonly {
    readonly partition: number
    readonly endOffset: number | null
    readonly lagRecords: number | null
  }[]
}

/** Progress of one part during `npm start`, as the supervisor tells it. */
export interface StartPart {
  readonly name: string
  readonly state: 'waiting' | 'starting' | 'ready' | 'failed'
  readonly detail: string | null
  readonly ms: number | null
}

/** How orders go through the shop. Figures that are not known are null. */
export interface OverviewShop {
  /** Per second, over the last 5 s. */
  readonly rates: {
    readonly placedPerSecond: number | null
    readonly paymentAnswersPerSecond: number | null
    readonly stockAnswersPerSecond: number | null
    readonly decidedPerSecond: number | null
  }
  /** To be compared with each other in time: those of the saga begin anew with its process, and are not known while it has several. */
  readonly totals: {
    /** Ids that orders gave out: cancellations of an import are numbered with them, and what was taken back leaves a gap. */
    readonly placed: number | null
    readonly paymentAnswers: number | null
    readonly stockAnswers: number | null
    readonly decided: number | null
  }
  /** Orders without a verdict. */
  readonly openOrders: number | null
  /** There are more open orders than were counted. */
  readonly isOpenCut: boolean | null
  readonly oldestOpenAgeMs: number | null
  /** Events of orders, payments and stock that are written but not yet on their topics. */
  readonly pending: number | null
  /** Of those services, events that could not be published. */
  readonly failed: number | null
  /** Records that each of the shop's readers has not handled yet, by consumer group; of the saga unknown while it has several instances. */
  readonly lagRecords: Readonly<
    Record<'payments' | 'stock' | 'order-saga' | 'orders-read', number | null>
  >
}

/** The whole platform at one moment. Figures that are not known are null. */
export interface Overview {
  /** When it was taken (ISO 8601). */
  readonly at: string
  readonly mode: string
  readonly parts: readonly OverviewPart[]
  readonly rates: OverviewRates
  readonly totals: {
    readonly eventsCreated: number | null
    readonly published: number | null
    readonly processed: number | null
  }
  /** Events written but not yet on the topic. */
  readonly pending: number | null
  readonly oldestPendingAgeMs: number | null
  /** Events that could not be published plus those that could not be processed. */
  readonly failed: number | null
  /** Records on the topic that analytics has not handled yet. */
  readonly lagRecords: number | null
  readonly duplicatesSkipped: number | null
  /** State of the relay as the discussion service tells it. */
  readonly relay: unknown
  readonly topics: readonly OverviewTopic[]
  readonly shop: OverviewShop
  /** Null unless a supervisor tells how the start goes on. */
  readonly start: { readonly parts: readonly StartPart[] } | null
}
