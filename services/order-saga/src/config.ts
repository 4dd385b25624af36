import { brokerPort } from '@millrace/contracts'
import type { ConfigTable, ServiceConfig } from '@millrace/runtime'

const dayMs = 86_400_000

/** All that may be set about this service, beside the keys every service has. */
export const orderSagaConfig = {
  kafkaBrokers: {
    type: 'list',
    env: 'KAFKA_BROKERS',
    minItems: 1,
    maxItems: 32,
    default: [`127.0.0.1:${brokerPort}`],
    doc: 'host:port of one or more brokers to ask first, parted by commas.',
  },
  kafkaEnabled: {
    type: 'boolean',
    env: 'KAFKA_ENABLED',
    default: true,
    doc: 'Off: orders wait on the topics until it is on again, and nothing is decided.',
  },
  joinWindowMs: {
    type: 'duration',
    env: 'SAGA_JOIN_WINDOW',
    minMs: 1,
    maxMs: dayMs,
    default: 10_000,
    doc: 'How far apart the answers of payments and stock may be for the join, by the clock of the broker. Later ones still decide, as late answers.',
  },
  joinGraceMs: {
    type: 'duration',
    env: 'SAGA_JOIN_GRACE',
    minMs: 0,
    maxMs: dayMs,
    default: 1_000,
    doc: 'How long past its window an answer may still be joined where partitions are read out of step.',
  },
  timeoutMs: {
    type: 'duration',
    env: 'SAGA_TIMEOUT',
    minMs: 100,
    maxMs: 7 * dayMs,
    default: 60_000,
    doc: 'When an order ends without both answers, from ORDER_PLACED on, by the clock of the broker.',
  },
  retentionMs: {
    type: 'duration',
    env: 'SAGA_VERDICT_RETENTION',
    minMs: 1_000,
    maxMs: 366 * dayMs,
    default: 7 * dayMs,
    doc: 'How long a verdict is remembered, so that what comes after it decides nothing. At least the retention of the topics of orders and answers.',
  },
  maxRetries: {
    type: 'integer',
    env: 'SAGA_MAX_RETRIES',
    min: 0,
    max: 1_000,
    default: 5,
    doc: 'How often a record whose handling fails is tried again before its bytes go to recovererDLQ.',
  },
  threads: {
    type: 'integer',
    env: 'STREAM_THREADS',
    min: 1,
    max: 64,
    default: 2,
    doc: 'Stream threads of this instance; there is work for 6, as many as the topics have partitions.',
  },
  commitIntervalMs: {
    type: 'duration',
    env: 'STREAM_COMMIT_INTERVAL',
    minMs: 1,
    maxMs: 9_000,
    default: 1_000,
    doc: 'Time between commits. A verdict is seen with the next one: 100 ms for quick orders.',
  },
  cacheMaxBytes: {
    type: 'integer',
    env: 'STREAM_CACHE_MAX_BYTES',
    min: 0,
    max: 4_294_967_296,
    default: 10_485_760,
    doc: 'Memory for updates of the table that a later one of the same order may replace before a commit, bytes.',
  },
  sessionTimeoutMs: {
    type: 'duration',
    env: 'STREAM_SESSION_TIMEOUT',
    minMs: 6_000,
    maxMs: 1_800_000,
    default: 10_000,
    doc: 'How long after its death another instance takes the tasks of this one.',
  },
  standbyReplicas: {
    type: 'integer',
    env: 'STREAM_STANDBY_REPLICAS',
    min: 0,
    max: 10,
    default: 0,
    doc: 'Copies of the state on other instances, from which they take over without reading changelogs.',
  },
  stateDir: {
    type: 'string',
    env: 'STREAM_STATE_DIR',
    minLength: 1,
    default: null,
    doc: 'Where state is kept; one of its own for each instance. Without it in the directory for temporary files, which costs the time to restore after that was emptied.',
  },
  queryHost: {
    type: 'string',
    env: 'STREAM_QUERY_HOST',
    minLength: 1,
    default: '127.0.0.1',
    doc: 'Address at which other instances of this service may ask for their orders. There is neither authentication nor encryption: keep it within the network of the instances.',
  },
  queryPort: {
    type: 'integer',
    env: 'STREAM_QUERY_PORT',
    min: 0,
    max: 65_535,
    default: 0,
    doc: 'Port of that; 0 takes any free one.',
  },
  queryTimeoutMs: {
    type: 'duration',
    env: 'STREAM_QUERY_TIMEOUT',
    minMs: 0,
    maxMs: 60_000,
    default: 2_000,
    doc: 'How long a read of the table waits for a partition that is being moved before it is answered 503.',
  },
} as const satisfies ConfigTable

export type OrderSagaConfig = ServiceConfig<typeof orderSagaConfig>
