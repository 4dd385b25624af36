import { discussionEventsTopic } from '@millrace/contracts'
import type { Inbox, InboxConsumer } from '@millrace/inbox'
import { callerWithRole, ProblemSchema, type ServiceApp } from '@millrace/runtime'
import { Type } from 'typebox'
import { groupId } from '../consume-discussions.ts'
import type { LiveAggregates } from '../live/live-aggregates.ts'

const NumberOrNull = Type.Union([Type.Number(), Type.Null()])

const StatsSchema = Type.Object({
  processed: Type.Number({ description: 'Events counted, by all instances ever' }),
  duplicatesSkipped: Type.Number(),
  skipped: Type.Number({ description: 'Records of types this service does not know' }),
  failed: Type.Number({ description: 'Events given up: see the log and the dead letter topic' }),
  lagRecords: NumberOrNull,
  lagAgeMs: NumberOrNull,
  topic: Type.String(),
  partitions: Type.Array(
    Type.Object({
      topic: Type.String(),
      partition: Type.Integer(),
      endOffset: Type.String(),
      committedOffset: Type.Union([Type.String(), Type.Null()]),
      lagRecords: Type.Number(),
    }),
  ),
  consumer: Type.Object({
    isEnabled: Type.Boolean({ description: 'KAFKA_ENABLED' }),
    state: Type.String(),
    groupId: Type.String(),
    assignedPartitions: Type.Integer(),
    pausedPartitions: Type.Integer(),
    failedAttempts: Type.Integer(),
    transientRetries: Type.Integer(),
    parked: Type.Integer({ description: 'Events that waited behind a failed one of their thread' }),
    outage: Type.Union([Type.String(), Type.Null()], {
      description: 'What most threads fail with while the consumer pauses for it',
    }),
  }),
  streams: Type.Integer({ description: 'Event streams open at this instance' }),
})

/** Counters for the overview. @param consumer undefined when consuming is switched off */
export function registerStatsRoute(
  app: ServiceApp,
  options: {
    readonly inbox: Inbox
    readonly consumer: InboxConsumer | undefined
    readonly live: LiveAggregates
    /** In production mode. */
    readonly isForStaff: boolean
  },
): void {
  const { inbox, consumer, live, isForStaff } = options
  app.get(
    '/api/analytics/stats',
    {
      schema: {
        summary: 'Counters of this service',
        response: { 200: StatsSchema, 401: ProblemSchema, 403: ProblemSchema },
      },
    },
    async (request) => {
      if (isForStaff) callerWithRole(request, 'staff', 'admin')
      const totals = await inbox.totals()
      const stats = consumer?.stats()
      return {
        ...totals,
        lagRecords: stats?.lagRecords ?? null,
        lagAgeMs: stats?.lagAgeMs ?? null,
        topic: discussionEventsTopic.name,
        partitions: (stats?.partitions ?? []).map((each) => ({
          ...each,
          endOffset: String(each.endOffset),
          committedOffset: each.committedOffset === null ? null : String(each.committedOffset),
        })),
        consumer: {
          isEnabled: consumer !== undefined,
          state: stats?.state ?? 'disabled',
          groupId,
          assignedPartitions: stats?.assignedPartitions ?? 0,
          pausedPartitions: stats?.pausedPartitions ?? 0,
          failedAttempts: stats?.failedAttempts ?? 0,
          transientRetries: stats?.transientRetries ?? 0,
          parked: stats?.parked ?? 0,
          outage: stats?.outage?.errorClass ?? null,
        },
        streams: live.streamCount,
      }
    },
  )
}
