import { ProblemError, ProblemSchema, sendEvents, type ServiceApp } from '@millrace/runtime'
import { Type } from 'typebox'
import type { LiveAggregates } from '../live/live-aggregates.ts'
import { CourseIdSchema, ThreadIdSchema } from './schemas.ts'

/** Server-sent events: `aggregate` with a thread's new figures, `deleted` when it is gone. */
export function registerStreamRoute(app: ServiceApp, live: LiveAggregates): void {
  app.get(
    '/api/analytics/stream',
    {
      schema: {
        summary: 'Figures as they change, as server-sent events',
        description:
          'Event `aggregate` holds what GET /api/analytics/threads/:id gives; `deleted` holds threadId and courseId. A stream of one thread begins with its present figures.',
        querystring: Type.Object(
          { threadId: Type.Optional(ThreadIdSchema), courseId: Type.Optional(CourseIdSchema) },
          { additionalProperties: false },
        ),
        response: { 400: ProblemSchema, 503: ProblemSchema },
      },
    },
    async (request, reply) => {
      const { threadId = null, courseId = null } = request.query
      if (threadId === null && courseId === null) throw nothingAskedFor()
      const subscription = live.open({ threadId, courseId })
      if (!subscription) throw tooManyStreams()
      try {
        await sendEvents(reply, (signal) => subscription.events(signal))
      } finally {
        live.close(subscription)
      }
    },
  )
}

function nothingAskedFor(): ProblemError {
  const reason = 'is needed, or courseId'
  return new ProblemError(
    400,
    'MR_HTTP_VALIDATION',
    `The query parameters of the request do not fit: threadId ${reason}. Nothing was changed.`,
    { errors: [{ field: 'threadId', reason, in: 'query' }] },
  )
}

function tooManyStreams(): ProblemError {
  return new ProblemError(
    503,
    'MR_ANALYTICS_TOO_MANY_STREAMS',
    'As many event streams are open here as this instance takes. Try again, or ask for the figures now and then.',
    { headers: { 'retry-after': '5' } },
  )
}
