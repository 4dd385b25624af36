import { toError } from '@millrace/core'
import { defineService, ProblemError, type ServiceDefinition } from '@millrace/runtime'
import { Type } from 'typebox'
import { labFaults } from './faults.ts'
import type { Lab } from './lab.ts'

const FaultSchema = Type.Object({
  id: Type.String(),
  title: Type.String(),
  act: Type.String(),
  expected: Type.String(),
  kind: Type.Union([Type.Literal('switch'), Type.Literal('once')]),
  isOn: Type.Boolean({ description: 'Of a switch; false for what is done once' }),
  lastAt: Type.Union([Type.String(), Type.Null()]),
  lastResult: Type.Union([Type.String(), Type.Null()]),
})

const Count = Type.Integer()
const StateSchema = Type.Object({
  faults: Type.Array(FaultSchema),
  checker: Type.Object({
    placed: Count,
    open: Count,
    oldestOpenMs: Type.Union([Type.Number(), Type.Null()]),
    decided: Type.Object({ CONFIRMED: Count, REJECTED: Count, ROLLBACK: Count }),
    rolledBackBy: Type.Record(Type.String(), Count),
    decidedTwice: Count,
    confirmedWithoutAnswers: Count,
    repeats: Count,
    unreadable: Count,
    fault: Type.Union([Type.String(), Type.Null()], {
      description: 'Why the checker reads no more',
    }),
  }),
})

/** The lab's routes: it runs in the supervisor, which alone can stop parts, and is reached through the gateway. In development only. */
export function labService(lab: Lab): ServiceDefinition {
  return defineService({
    name: 'lab',
    version: '0.1.0',
    description: 'Faults to try on the running parts, and a checker that looks on.',
    config: {},
    setup({ app, logger, onClose }) {
      onClose(() => lab.close())
      const tags = ['lab']
      app.get(
        '/api/lab',
        {
          schema: {
            tags,
            summary: 'Faults, and what the checker sees',
            response: { 200: StateSchema },
          },
        },
        () => lab.state(),
      )
      const params = Type.Object({ fault: Type.String({ maxLength: 50 }) })
      const body = Type.Object({ isOn: Type.Boolean() }, { additionalProperties: false })
      app.put(
        '/api/lab/faults/:fault',
        {
          schema: {
            tags,
            summary: 'Switch a fault on or off, or bring it about',
            params,
            body,
            response: { 200: FaultSchema },
          },
        },
        async (request) => {
          const { fault: id } = request.params
          const known = labFaults.find((each) => each.id === id)
          if (!known)
            throw new ProblemError(
              404,
              'MR_LAB_UNKNOWN_FAULT',
              `No fault is called ${id}; there are ${labFaults.map((each) => each.id).join(', ')}.`,
            )
          logger.info('lab', { fault: id, isOn: request.body.isOn })
          try {
            return await lab.set(known.id, request.body.isOn)
          } catch (error) {
            throw new ProblemError(
              503,
              'MR_LAB_FAILED',
              `${known.title}: ${toError(error).message}`,
            )
          }
        },
      )
      app.post(
        '/api/lab/reset',
        { schema: { tags, summary: 'Switch all faults off', response: { 200: StateSchema } } },
        async () => {
          await lab.reset()
          return lab.state()
        },
      )
    },
  })
}
