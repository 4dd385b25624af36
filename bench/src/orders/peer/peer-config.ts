import type { ConfigTable } from '@millrace/runtime'

/** Every service of the peer has a database of its own. */
export const databaseConfig = {
  databaseUrl: {
    type: 'url',
    env: 'DATABASE_URL',
    protocols: ['postgres:', 'postgresql:'],
    secret: true,
    doc: "This service's own database.",
  },
  maxConnections: {
    type: 'integer',
    env: 'DATABASE_MAX_CONNECTIONS',
    min: 1,
    max: 100,
    default: 12,
    doc: 'Most connections to the database.',
  },
} as const satisfies ConfigTable
