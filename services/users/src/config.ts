import { brokerPort } from '@millrace/contracts'
import { productionArchiveConfig, type ConfigTable, type ServiceConfig } from '@millrace/runtime'

/** All that may be set about this service, beside the keys every service has. */
export const usersConfig = {
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
    doc: 'Off: events wait, in the database and on the topics, until it is on again.',
  },
  importToken: {
    type: 'string',
    env: 'IMPORT_TOKEN',
    default: null,
    minLength: 16,
    secret: true,
    doc: 'Bearer token of the import route; without one the route is closed.',
  },
  accessTtlMs: {
    type: 'duration',
    env: 'ACCESS_TOKEN_TTL',
    minMs: 10_000,
    maxMs: 3_600_000,
    default: 600_000,
    doc: 'How long an access token is good. Sign-out and removal take effect in full after it.',
  },
  refreshTtlMs: {
    type: 'duration',
    env: 'REFRESH_TOKEN_TTL',
    minMs: 60_000,
    maxMs: 90 * 86_400_000,
    default: 14 * 86_400_000,
    doc: 'How long somebody may stay away and still be signed in.',
  },
  keyRotationMs: {
    type: 'duration',
    env: 'SIGNING_KEY_ROTATION',
    minMs: 3_600_000,
    maxMs: 365 * 86_400_000,
    default: 30 * 86_400_000,
    doc: 'How old a signing key grows before a new one takes its place.',
  },
  scryptLogN: {
    type: 'integer',
    env: 'SCRYPT_LOG_N',
    min: 10,
    max: 20,
    default: 15,
    doc: 'Cost of a password hash: N = 2 to this power, with r = 8 and p = 3. 15 takes 32 MB and some 150 ms. Older hashes are renewed at sign-in.',
  },
  adminEmail: {
    type: 'string',
    env: 'FIRST_ADMIN_EMAIL',
    default: null,
    minLength: 3,
    maxLength: 254,
    doc: 'Address of an admin who is added at every start at which nobody has it; with FIRST_ADMIN_PASSWORD. Not once such an admin was removed and another one is there.',
  },
  adminPassword: {
    type: 'string',
    env: 'FIRST_ADMIN_PASSWORD',
    default: null,
    minLength: 10,
    maxLength: 200,
    secret: true,
    doc: 'Password of that admin; change it after the first sign-in.',
  },
  ...productionArchiveConfig,
} as const satisfies ConfigTable

export type UsersConfig = ServiceConfig<typeof usersConfig>
