import { brokerPort, servicePorts } from '@millrace/contracts'
import {
  consumptionArchiveConfig,
  productionArchiveConfig,
  type ConfigTable,
  type ServiceConfig,
} from '@millrace/runtime'

/** All that may be set about this service, beside the keys every service has. */
export const ordersConfig = {
  databaseUrl: {
    type: 'url',
    env: 'DATABASE_URL',
    protocols: ['postgres:', 'postgresql:'],
    secret: true,
    doc: "This service's own database; made when it is missing and the user may do so.",
  },
  readDatabaseUrl: {
    type: 'url',
    env: 'READ_DATABASE_URL',
    protocols: ['postgres:', 'postgresql:'],
    default: null,
    secret: true,
    doc: 'Database of the read model, made likewise; without it order_read_db on the server of DATABASE_URL.',
  },
  maxConnections: {
    type: 'integer',
    env: 'DATABASE_MAX_CONNECTIONS',
    min: 3,
    max: 100,
    default: 10,
    doc: 'Most connections to each of the two databases.',
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
    doc: 'Off: events wait, in the database and on the topics, until it is on again.',
  },
  instanceId: {
    type: 'string',
    env: 'INSTANCE_ID',
    default: '',
    doc: 'Name of this instance in its consumer groups, unique among those that run at once. A process that is started again under its name goes on at once; without one the groups wait out the session of the process that died.',
  },
  usersUrl: {
    type: 'url',
    env: 'USERS_URL',
    protocols: ['http:', 'https:'],
    default: `http://127.0.0.1:${servicePorts.users}`,
    doc: 'Where the users service is asked whether a customer exists.',
  },
  catalogUrl: {
    type: 'url',
    env: 'CATALOG_URL',
    protocols: ['http:', 'https:'],
    default: `http://127.0.0.1:${servicePorts.catalog}`,
    doc: 'Where the catalogue is asked for prices.',
  },
  checkTimeoutMs: {
    type: 'integer',
    env: 'CHECK_TIMEOUT_MS',
    min: 10,
    max: 30_000,
    default: 1_000,
    doc: 'Longest wait for users or the catalogue; then what their events have said counts.',
  },
  checkPauseMs: {
    type: 'integer',
    env: 'CHECK_PAUSE_MS',
    min: 10,
    max: 600_000,
    default: 5_000,
    doc: 'How long users or the catalogue are not asked after five failures in a row.',
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

export type OrdersConfig = ServiceConfig<typeof ordersConfig>
