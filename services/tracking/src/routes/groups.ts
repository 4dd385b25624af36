import { ProblemSchema } from '@millrace/runtime'
import { Type } from 'typebox'
import type { TrackedOperations } from '../sources/tracked-operations.ts'
import { basePath, type RouteContext } from './context.ts'
import { Time, UnreachableSchema } from './schemas.ts'

const GroupSchema = Type.Object({
  service: Type.String({ description: 'In whose database it keeps its log' }),
  consumerGroup: Type.String(),
  topics: Type.Array(Type.String()),
  effects: Type.Union([Type.Literal('none'), Type.Literal('idempotent'), Type.Literal('external')]),
  isAdditive: Type.Boolean({ description: 'A replay counts what its handler adds up again' }),
  isShadow: Type.Boolean({ description: 'Its events come from replays alone' }),
  seenAt: Time,
})

/** Consumer groups, whether anything waits for them or not: those that an operation can be planned for. */
export function registerGroups({ app }: RouteContext, tracked: TrackedOperations): void {
  app.get(
    `${basePath}/groups`,
    {
      schema: {
        tags: ['operations'],
        summary: 'Consumer groups of all services, and what their handlers say of themselves',
        response: {
          200: Type.Object({ items: Type.Array(GroupSchema), unreachable: UnreachableSchema }),
          503: ProblemSchema,
        },
      },
    },
    async () => {
      const { items, unreachable } = await tracked.groups()
      return {
        items: items.map(({ service, known }) => ({
          service,
          consumerGroup: known.group,
          topics: [...known.topics],
          effects: known.effects,
          isAdditive: known.isAdditive,
          isShadow: known.isShadow,
          seenAt: known.seenAt.toISOString(),
        })),
        unreachable: [...unreachable],
      }
    },
  )
}
