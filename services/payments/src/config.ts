import { brokerPort } from '@millrace/contracts'
import {
  consumptionArchiveConfig,
  productionArchiveConfig,
  type ConfigTable,
  type ServiceConfig,
} from '@millrace/runtime'

/** All that may be set about this service, beside the keys every service has. */
export const paymentsConfig = {
  databaseUrl: {
    type: 'url',
    env: 'DATABASE_URL',
    protocols: ['postgres:', 'postgresql:'],
    secret: true,
    doc: "This service's own database; made when it is missing and the user may do so.",
  },
  maxConnections: {
    type: 'integer',
    env: 'DATABASE_MAX_CONNECTIONS',
    min: 6,
    max: 100,
    default: 12,
    doc: 'Most connections to the database.',
  },
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
    doc: 'Off: orders wait on their topic and answers in the database, until it is on again.',
  },
  instanceId: {
    type: 'string',
    env: 'INSTANCE_ID',
    default: '',
    doc: 'Name of this instance in its consumer group, unique among those that run at once. A process that is started again under its name goes on at once; without one the group waits out the session of the process that died.',
  },
  maxBatchRecords: {
    type: 'integer',
    env: 'CONSUMER_MAX_BATCH_RECORDS',
    min: 1,
    max: 5_000,
    default: 500,
    doc: 'Most events of orders taken into one transaction.',
  },
  openingBalanceMills: {
    type: 'integer',
    env: 'PAYMENTS_OPENING_BALANCE_MILLS',
    min: 0,
    max: 1_000_000_000_000,
    default: null,
    doc: 'What a customer whom payments has never seen begins with, thousandths of a pound. Without it 1,000,000 in development, 0 in production.',
  },
  providerTimeoutMs: {
    type: 'duration',
    env: 'PAYMENTS_PROVIDER_TIMEOUT',
    minMs: 100,
    maxMs: 600_000,
    default: 45_000,
    doc: 'How long a call of the provider may take before it counts as failed.',
  },
  providerMaxCalls: {
    type: 'integer',
    env: 'PAYMENTS_PROVIDER_MAX_CALLS',
    min: 1,
    max: 10_000,
    default: 1_000,
    doc: 'Most calls of the provider under way at once; further orders wait their turn.',
  },
  providerMaxAttempts: {
    type: 'integer',
    env: 'PAYMENTS_PROVIDER_MAX_ATTEMPTS',
    min: 1,
    max: 100,
    default: 5,
    doc: 'How often the provider is asked to reserve before the order is refused. Captures and releases are repeated until they are done.',
  },
  importToken: {
    type: 'string',
    env: 'IMPORT_TOKEN',
    default: null,
    minLength: 16,
    secret: true,
    doc: 'Bearer token of the import route; without one the route is closed.',
  },
  ...productionArchiveConfig,
  ...consumptionArchiveConfig,
} as const satisfies ConfigTable

export type PaymentsConfig = ServiceConfig<typeof paymentsConfig>
