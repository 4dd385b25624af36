import type { Database } from '@millrace/postgres'
import { ProblemError, ProblemSchema, type ServiceApp } from '@millrace/runtime'
import { Type } from 'typebox'
import type { Weights } from '../domain/engagement.ts'
import { toThreadAggregate } from '../sql/aggregate-row.ts'
import { findThreads } from '../sql/find-threads.ts'
import { ThreadAggregateSchema, ThreadIdSchema } from './schemas.ts'

export function registerThreadRoutes(
  app: ServiceApp,
  options: { readonly database: Database; readonly weights: Weights },
): void {
  app.get(
    '/api/analytics/threads/:id',
    {
      schema: {
        summary: 'Figures of one thread',
        params: Type.Object({ id: ThreadIdSchema }),
        response: { 200: ThreadAggregateSchema, 404: ProblemSchema },
      },
    },
    async (request) => {
      const { id } = request.params
      const [row] = await findThreads(options.database, [id])
      if (!row || row.isDeleted) {
        throw new ProblemError(
          404,
          'MR_ANALYTICS_THREAD_UNKNOWN',
          row
            ? 'This thread was deleted.'
            : 'No event of such a thread has arrived. Events take a moment; try again if it was made just now.',
        )
      }
      return toThreadAggregate(row, options.weights)
    },
  )
}
