import { callerWithRole, ProblemSchema, userOf, type ServiceApp } from '@millrace/runtime'
import { Type, type Static } from 'typebox'
import type { Pausing } from '../pausing.ts'
import { applicationId } from '../topology/saga-topology.ts'
import { PausingSchema } from './stream-app-schema.ts'

const ReasonBody = Type.Object(
  {
    reason: Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: '\\S',
      description: 'Why; stands in the audit',
    }),
  },
  { additionalProperties: false },
)

const acts = {
  pause:
    'Stop deciding, on this instance: orders wait on their topics, time-outs too; the table stays readable',
  resume: 'Go on: what waits is decided, and orders whose time is over end',
} as const

/** Stops the stream app of this instance, and has it go on. */
export function registerPausing(
  app: ServiceApp,
  {
    pausing,
    isForAdmins,
  }: {
    readonly pausing: Pausing
    /** In production mode; in development for whoever is named. */
    readonly isForAdmins: boolean
  },
): void {
  for (const act of ['pause', 'resume'] as const)
    app.post(
      `/api/streams/${applicationId}/${act}`,
      {
        schema: {
          summary: acts[act],
          description:
            'Needs a reason, which the log has with who wanted it. Changes nothing where it is so already. Ends with the process: one that is started anew is not paused.',
          body: ReasonBody,
          response: {
            200: PausingSchema,
            400: ProblemSchema,
            401: ProblemSchema,
            403: ProblemSchema,
          },
        },
      },
      async (request) => {
        const by = isForAdmins ? callerWithRole(request, 'admin').userId : userOf(request)
        pausing.want(act, by, request.body.reason.trim())
        return pausingAnswer(pausing)
      },
    )
}

export function pausingAnswer({ isPaused, acts: done }: Pausing): Static<typeof PausingSchema> {
  return {
    isPaused,
    acts: done.map(({ act, by, reason, atMs }) => ({
      act,
      by,
      reason,
      at: new Date(atMs).toISOString(),
    })),
  }
}
