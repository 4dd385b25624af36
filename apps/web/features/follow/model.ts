/** An act of this reader that wrote an event, as far as the page saw it. */
export interface OwnAct {
  readonly eventId: string
  readonly correlationId: string | null
  readonly threadId: string
  /** What was done, in words: "Your vote". */
  readonly label: string
  readonly clickedAtMs: number
  readonly answeredAtMs: number
}

/** A row of the production log: what the writing side knows of the event. */
export interface ProductionRow {
  readonly eventId: string
  readonly eventType: string
  readonly aggregateId: string
  readonly topic: string
  readonly status: 'PENDING' | 'PUBLISHED' | 'PARKED' | 'FAILED'
  readonly createdAtMs: number
  readonly publishedAtMs: number | null
  readonly partition: number | null
  readonly offset: number | null
  readonly error: string | null
}

/** A row of the consumption log: what the reading side knows of it. */
export interface ConsumptionRow {
  readonly eventId: string
  readonly groupId: string | null
  readonly status: 'RECEIVED' | 'PROCESSING' | 'PROCESSED' | 'PARKED' | 'SKIPPED' | 'FAILED'
  readonly receivedAtMs: number | null
  readonly processedAtMs: number | null
  readonly processingTimeMs: number | null
  readonly attempts: number | null
  readonly error: string | null
}

export type StepState = 'done' | 'active' | 'ahead' | 'failed'

export interface Step {
  readonly key: 'click' | 'store' | 'publish' | 'receive' | 'process' | 'aggregate'
  readonly title: string
  /** What happened there, or what it waits for. */
  readonly detail: string
  readonly state: StepState
  /** Time since the event was written, ms on the servers' clock; null while not reached or not known. */
  readonly afterMs: number | null
  readonly atMs: number | null
}

/** The event's way so far. */
export interface Walk {
  readonly steps: readonly Step[]
  readonly isFinished: boolean
  readonly hasFailed: boolean
  /** From writing to effect, ms; null until finished. */
  readonly totalMs: number | null
}
