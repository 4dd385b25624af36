import { consumptionArchiveConfig, type ConfigTable, type ServiceConfig } from '@millrace/runtime'
import type { Weights } from './domain/engagement.ts'

/** All that may be set about this service, beside the keys every service has. */
export const analyticsConfig = {
  databaseUrl: {
    type: 'url',
    env: 'DATABASE_URL',
    protocols: ['postgres:', 'postgresql:'],
    secret: true,
    doc: 'Database of this service alone; its tables are made at the start.',
  },
  kafkaEnabled: {
    type: 'boolean',
    env: 'KAFKA_ENABLED',
    default: true,
    doc: 'Whether events are consumed. Switched off, the figures stand still and the API goes on answering.',
  },
  kafkaBrokers: {
    type: 'list',
    env: 'KAFKA_BROKERS',
    minItems: 1,
    maxItems: 32,
    default: ['127.0.0.1:9092'],
    doc: 'host:port of one or more brokers, parted by commas.',
  },
  instanceId: {
    type: 'string',
    env: 'INSTANCE_ID',
    default: '',
    doc: 'Name of this instance in its consumer group, unique among those that run at once. A process that is started again under its name goes on at once; without one the group waits out the session of the process that died (10 s).',
  },
  maxBatchRecords: {
    type: 'integer',
    env: 'CONSUMER_MAX_BATCH_RECORDS',
    min: 1,
    max: 5_000,
    default: 1_000,
    doc: 'Most events taken into one transaction.',
  },
  weightViews: {
    type: 'integer',
    env: 'ENGAGEMENT_WEIGHT_VIEWS',
    min: 0,
    max: 1_000,
    default: 1,
    doc: 'What a view counts in the engagement score.',
  },
  weightComments: {
    type: 'integer',
    env: 'ENGAGEMENT_WEIGHT_COMMENTS',
    min: 0,
    max: 1_000,
    default: 5,
    doc: 'What a comment counts in the engagement score.',
  },
  weightVotes: {
    type: 'integer',
    env: 'ENGAGEMENT_WEIGHT_VOTES',
    min: 0,
    max: 1_000,
    default: 3,
    doc: 'What a vote up or down counts in the engagement score.',
  },
  maxStreams: {
    type: 'integer',
    env: 'STREAM_MAX_CONNECTIONS',
    min: 0,
    max: 100_000,
    default: 1_000,
    doc: 'Most event streams open at once; more are answered 503.',
  },
  ...consumptionArchiveConfig,
} as const satisfies ConfigTable

export type AnalyticsConfig = ServiceConfig<typeof analyticsConfig>

export function weightsOf(config: AnalyticsConfig): Weights {
  return {
    views: config.weightViews,
    comments: config.weightComments,
    votes: config.weightVotes,
  }
}
