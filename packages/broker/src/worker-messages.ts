import type { Labels } from '@millrace/core'
import type { BrokerOptions } from './options.ts'
import type { BrokerPlace } from './running-broker.ts'

/** What may cross to the worker: plain data. */
export type WorkerOptions = Omit<BrokerOptions, 'logger' | 'meter' | 'clock'> & {
  readonly clock?: 'virtual'
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** What the worker tells the thread that started it. */
export type WorkerMessage =
  | { readonly kind: 'ready'; readonly place: BrokerPlace }
  | { readonly kind: 'returned'; readonly id: number; readonly value: unknown }
  | {
      readonly kind: 'threw'
      readonly id: number
      readonly code: string
      readonly message: string
      readonly details: Readonly<Record<string, unknown>>
    }
  | {
      readonly kind: 'failed'
      readonly code: string
      readonly message: string
      readonly details: Readonly<Record<string, unknown>>
    }
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'counts'; readonly counts: readonly CountedSample[] }
  | { readonly kind: 'closed' }

/** Growth of a counter since the last message. */
export interface CountedSample {
  readonly name: string
  readonly help: string
  readonly labels: Labels
  readonly count: number
}

/** What it is told. */
export type WorkerCommand =
  | { readonly kind: 'close' }
  /** Runs an operation; answered by `returned` or `threw` with the same id. */
  | {
      readonly kind: 'call'
      readonly id: number
      readonly name: string
      readonly input: unknown
    }
