/** One call of the DSL, as data. What else it holds depends on `op`. */
export interface Step {
  readonly op: string
  /** What other steps call the result by. */
  readonly id?: string
  /** The id of the step it is called on. */
  readonly from?: string
  /** Java's `Named`, or the name in `Grouped`, `Consumed`, `Produced`. */
  readonly name?: string
  readonly [option: string]: unknown
}

/** Text is written as UTF-8, an integer as a long, `hex` as its bytes. */
export type Datum = string | number | null | { readonly hex: string }

/** A record that a source gets. */
export interface InputRecord {
  readonly topic: string
  readonly key?: Datum
  readonly value?: Datum
  /** ms; may be negative. Default: the wall clock's start. */
  readonly ts?: number
  readonly headers?: readonly (readonly [string, Datum])[]
}

/** The wall clock moves. */
export interface Advance {
  readonly advanceMs: number
}

/** A topology and what happens to it. Keys and values are text unless a step says otherwise. */
export interface Scenario {
  readonly name: string
  /** Numbers of the semantic traps that it pins. */
  readonly traps?: readonly number[]
  readonly steps: readonly Step[]
  readonly input: readonly (InputRecord | Advance)[]
  /** Where an error stops it: the code of ours. */
  readonly errorCode?: string
  /** Settings of the reference beyond those all scenarios run with, in Kafka's names. */
  readonly config?: Readonly<Record<string, string | number>>
}

/** A record that was written. Bytes are shown as text where they are printable ASCII, else as `0x` and hexadecimal digits. */
export interface WrittenRecord {
  readonly key: string | null
  readonly value: string | null
  /** null where the writer left it to the producer. */
  readonly ts: number | null
  /** Where it was chosen. */
  readonly partition?: number
  readonly headers?: readonly (readonly [string, string | null])[]
}

/** What came of a scenario. */
export interface Outcome {
  readonly name: string
  /** Lines of the topology's description; absent where it could not be built. */
  readonly describe?: readonly string[]
  /** `dropped-records-total`. */
  readonly dropped?: number
  /** By topic, changelogs and repartition topics included; in the order of writing. */
  readonly written?: Readonly<Record<string, readonly WrittenRecord[]>>
  /** What stopped it. */
  readonly error?: {
    /** While it was built, or at which input. */
    readonly at: 'build' | number
    /** The reference's class. */
    readonly class?: string
    /** Our code. */
    readonly code?: string
  }
}
