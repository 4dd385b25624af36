/** What a stream thread in a worker and its application say to each other. */
import { inspect } from 'node:util'
import { KafkaError, kafkaErrors, type KafkaErrorCode, type KafkaOptions } from '@millrace/kafka'
import { StreamsError, streamsErrors, type StreamsErrorCode } from '../../errors.ts'
import type { FiguresOverTime } from '../../metrics/figures.ts'
import type { InstanceMetadata } from '../../queries/group-instances.ts'
import type { PackedPage } from '../../queries/packed-page.ts'
import type { StoreLag } from '../../queries/store-lag.ts'
import type { PageRequest } from '../../queries/store-read.ts'
import type { RestoreProgress } from '../state/changelog-restorer.ts'
import type { RuntimeSettings, ThreadIdentity } from '../runtime-options.ts'
import type { ThreadState, UncaughtDecision } from '../thread/stream-thread.ts'
import type { ThreadControls } from '../thread/thread-controls.ts'
import type { TaskMetadata } from '../thread/thread-metadata.ts'
import type { GroupMembershipOperation } from '../thread/thread-session.ts'
import type { TopicPlan } from '../topic-plan.ts'
import type { MetricChange } from './worker-meter.ts'

/** With what a worker begins. */
export interface WorkerStart {
  readonly topologyUrl: string
  readonly settings: RuntimeSettings
  readonly controls: ThreadControls
  readonly identity: ThreadIdentity
  readonly plan: TopicPlan
  /** Without what cannot be sent. */
  readonly kafka: Omit<KafkaOptions, 'mapAddress' | 'logger' | 'meter' | 'clock'>
}

export type ToWorker =
  | { readonly kind: 'page'; readonly id: number; readonly request: PageRequest }
  | { readonly kind: 'lags'; readonly id: number }
  | { readonly kind: 'figures'; readonly id: number }
  | { readonly kind: 'close'; readonly operation: GroupMembershipOperation }
  | { readonly kind: 'adjust'; readonly controls: ThreadControls }
  | { readonly kind: 'othersJoin' }
  | { readonly kind: 'tasks'; readonly id: number }
  | { readonly kind: 'decision'; readonly decision: UncaughtDecision }

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type FromWorker =
  | { readonly kind: 'page'; readonly id: number; readonly page: PackedPage }
  | { readonly kind: 'lags'; readonly id: number; readonly lags: readonly StoreLag[] }
  | {
      readonly kind: 'figures'
      readonly id: number
      readonly figures: readonly FiguresOverTime[]
    }
  | { readonly kind: 'noPage'; readonly id: number; readonly error: SentError }
  | {
      readonly kind: 'instances'
      readonly instances: readonly InstanceMetadata[]
      readonly generationId: number
    }
  | { readonly kind: 'state'; readonly state: ThreadState; readonly taskIds: readonly string[] }
  | { readonly kind: 'progress'; readonly progress: RestoreProgress }
  | { readonly kind: 'uncaught'; readonly error: SentError }
  | { readonly kind: 'tasks'; readonly id: number; readonly tasks: readonly TaskMetadata[] }
  | { readonly kind: 'joining' }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'topics'; readonly matched: ReadonlyMap<string, number> }
  | { readonly kind: 'metrics'; readonly changes: readonly MetricChange[] }
  | { readonly kind: 'dropped'; readonly count: number }
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'ended'; readonly error: SentError | undefined }

/** An error on its way between threads, which do not share classes. */
export interface SentError {
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  /** As text where a value cannot be sent. */
  readonly details: Readonly<Record<string, unknown>>
  readonly cause: SentError | undefined
}

/** How deep causes are told. */
const maxCauses = 8

export function sentError(error: unknown, depth = 0): SentError {
  if (!(error instanceof Error))
    return {
      message: String(error),
      stack: undefined,
      code: undefined,
      details: {},
      cause: undefined,
    }
  const { code, details } = error as { readonly code?: unknown; readonly details?: unknown }
  return {
    message: error.message,
    stack: error.stack,
    code: typeof code === 'string' ? code : undefined,
    details: sendable(details),
    cause:
      error.cause === undefined || depth === maxCauses
        ? undefined
        : sentError(error.cause, depth + 1),
  }
}

/** The error again, as one of ours where its code is. */
export function receivedError(sent: SentError): Error {
  const { message, code, details, stack } = sent
  const options = sent.cause && { cause: receivedError(sent.cause) }
  const error =
    code !== undefined && code in streamsErrors
      ? new StreamsError(code as StreamsErrorCode, message, details, options)
      : code !== undefined && code in kafkaErrors
        ? new KafkaError(code as KafkaErrorCode, message, details, options)
        : Object.assign(new Error(message, options), code !== undefined && { code })
  if (stack !== undefined) error.stack = stack
  return error
}

/** Fields of a log line or an error: plain values as they are, the rest as text. */
export function sendable(fields: unknown): Readonly<Record<string, unknown>> {
  if (typeof fields !== 'object' || fields === null) return {}
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)]))
}

function plain(value: unknown): unknown {
  if (value instanceof Error) return value.stack ?? String(value)
  if (Array.isArray(value)) return value.map(plain)
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
    case 'bigint':
      return value
    case 'object':
      return value === null ? null : inspect(value)
    case 'function':
    case 'symbol':
      return inspect(value)
  }
}
