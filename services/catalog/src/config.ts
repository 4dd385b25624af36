import { brokerPort } from '@millrace/contracts'
import { productionArchiveConfig, type ConfigTable, type ServiceConfig } from '@millrace/runtime'

/** All that may be set about this service, beside the keys every service has. */
export const catalogConfig = {
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
    min: 3,
    max: 100,
    default: 10,
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
    doc: 'Off: events wait in the database, and go out in order when it is on again.',
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
} as const satisfies ConfigTable

export type CatalogConfig = ServiceConfig<typeof catalogConfig>
