import { ProblemSchema } from '@millrace/runtime'
import { Type } from 'typebox'
import { listAlerts } from '../sql/alerts.ts'
import { basePath, type RouteContext } from './context.ts'
import { exact, nullable } from './schemas.ts'

/** The alerts that are raised, and those that were. */
export function registerAlerts({ app, database }: RouteContext): void {
  app.get(
    `${basePath}/alerts`,
    {
      schema: {
        tags: ['alerts'],
        summary: 'Alerts: raised ones first, then the newest that are over',
        querystring: Type.Object(
          { limit: Type.Integer({ minimum: 1, maximum: 500, default: 100 }) },
          exact,
        ),
        response: {
          200: Type.Object({
            items: Type.Array(
              Type.Object({
                alertId: Type.String(),
                rule: Type.String(),
                service: Type.String(),
                isRaised: Type.Boolean(),
                value: nullable(Type.Number()),
                threshold: Type.Number(),
                unit: Type.String(),
                message: Type.String(),
                raisedAt: Type.String(),
                recoveredAt: nullable(Type.String()),
                raisedCount: Type.Integer(),
                eventId: Type.String({ description: 'Its latest event on tracking-alerts' }),
                correlationId: Type.String({ description: 'The journey of this alert' }),
              }),
            ),
          }),
          503: ProblemSchema,
        },
      },
    },
    async (request) => ({
      items: (await listAlerts(database, request.query.limit)).map((row) => ({
        ...row,
        raisedAt: row.raisedAt.toISOString(),
        recoveredAt: row.recoveredAt?.toISOString() ?? null,
      })),
    }),
  )
}
