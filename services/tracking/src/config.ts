import { brokerPort } from '@millrace/contracts'
import type { ConfigTable, ServiceConfig } from '@millrace/runtime'

/** All that may be set about this service, beside the keys every service has. */
export const trackingConfig = {
  databaseUrl: {
    type: 'url',
    env: 'DATABASE_URL',
    protocols: ['postgres:', 'postgresql:'],
    secret: true,
    doc: "This service's own database, which holds its alerts; made when it is missing and the user may do so.",
  },
  databases: {
    type: 'list',
    env: 'TRACKING_DATABASES',
    minItems: 1,
    maxItems: 64,
    secret: true,
    doc: 'Databases whose logs are read, as service=postgres://user:password@host:port/database, parted by commas. A role that may only read is enough, but for operations and retries.',
  },
  maxConnections: {
    type: 'integer',
    env: 'TRACKING_MAX_CONNECTIONS',
    min: 1,
    max: 20,
    default: 3,
    doc: 'Most connections to each of those databases.',
  },
  sourceTimeoutMs: {
    type: 'duration',
    env: 'TRACKING_SOURCE_TIMEOUT',
    minMs: 100,
    maxMs: 60_000,
    default: 5_000,
    doc: 'How long one database may take to answer; then the others answer without it, and it is named.',
  },
  kafkaBrokers: {
    type: 'list',
    env: 'KAFKA_BROKERS',
    minItems: 1,
    maxItems: 32,
    default: [`127.0.0.1:${brokerPort}`],
    doc: 'host:port of one or more brokers, parted by commas. Alerts are published there.',
  },
  kafkaEnabled: {
    type: 'boolean',
    env: 'KAFKA_ENABLED',
    default: true,
    doc: 'Off: alerts wait in the database, and go out when it is on again.',
  },
  alertIntervalMs: {
    type: 'duration',
    env: 'ALERT_INTERVAL',
    minMs: 100,
    maxMs: 3_600_000,
    default: 10_000,
    doc: 'Time from one look at the figures to the next.',
  },
  alertHoldMs: {
    type: 'duration',
    env: 'ALERT_HOLD',
    minMs: 0,
    maxMs: 3_600_000,
    default: 20_000,
    doc: 'How long a figure must stay beyond its threshold, or below 80 % of it again, before an alert begins or ends.',
  },
  alertPendingCount: {
    type: 'integer',
    env: 'ALERT_PENDING_COUNT',
    min: 1,
    max: 10_000,
    default: 1_000,
    doc: 'More events than this waiting for the relay of a service raise an alert. Counting stops at 10,000.',
  },
  alertPendingAgeMs: {
    type: 'duration',
    env: 'ALERT_PENDING_AGE',
    minMs: 1_000,
    maxMs: 86_400_000,
    default: 60_000,
    doc: 'An event that waits longer than this for the relay raises an alert.',
  },
  alertProcessingCount: {
    type: 'integer',
    env: 'ALERT_PROCESSING_COUNT',
    min: 1,
    max: 1_000_000,
    default: 1_000,
    doc: 'More events than this received and not yet handled by a service raise an alert.',
  },
  alertFailurePercent: {
    type: 'integer',
    env: 'ALERT_FAILURE_PERCENT',
    min: 1,
    max: 100,
    default: 5,
    doc: 'A larger share than this of failed among the handled events of the last ALERT_FAILURE_WINDOW raises an alert.',
  },
  alertFailureWindowMs: {
    type: 'duration',
    env: 'ALERT_FAILURE_WINDOW',
    minMs: 10_000,
    maxMs: 3_600_000,
    default: 300_000,
    doc: 'The window of ALERT_FAILURE_PERCENT.',
  },
} as const satisfies ConfigTable

export type TrackingConfig = ServiceConfig<typeof trackingConfig>
