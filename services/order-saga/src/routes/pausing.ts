import {
  callerHeadersOf,
  callerWithRole,
  contextOf,
  ProblemSchema,
  userOf,
  type FastifyRequest,
  type ServiceApp,
} from '@millrace/runtime'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Pausing } from '../pausing.ts'
import { askPeers, type PeerAnswer } from '../peers.ts'
import type { SagaApp } from '../saga-app.ts'
import { applicationId } from '../topology/saga-topology.ts'
import { PausedSchema, PausingSchema, ScopeQuery } from './stream-app-schema.ts'

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
    'Stop deciding, on all instances: orders wait on their topics, time-outs too; the table stays readable',
  resume: 'Go on, on all instances: what waits is decided, and orders whose time is over end',
} as const

type PauseAnswer = Static<typeof PausedSchema>
type InstancePause = PauseAnswer['instances'][number]

export interface PausingRouteOptions {
  readonly saga: Pick<SagaApp, 'app' | 'pausing'>
  /** Longest wait for another instance, ms. */
  readonly timeoutMs: number
  /** In production mode; in development for whoever is named. */
  readonly isForAdmins: boolean
}

/** Stops the stream app on all its instances, and has it go on. */
export function registerPausing(app: ServiceApp, options: PausingRouteOptions): void {
  const { saga, isForAdmins } = options
  for (const act of ['pause', 'resume'] as const)
    app.post(
      `/api/streams/${applicationId}/${act}`,
      {
        schema: {
          summary: acts[act],
          description:
            'Needs a reason, which the log of each instance has with who wanted it. Changes nothing where it is so already. One that could not be reached is told with its problem, and asked again by a repeat. Ends with the process: one that is started anew is not paused.',
          querystring: ScopeQuery,
          body: ReasonBody,
          response: {
            200: PausedSchema,
            400: ProblemSchema,
            401: ProblemSchema,
            403: ProblemSchema,
          },
        },
      },
      async (request) => {
        const by = isForAdmins ? callerWithRole(request, 'admin').userId : userOf(request)
        const reason = request.body.reason.trim()
        const { correlationId } = contextOf(request)
        saga.pausing.want({ act, by, reason, correlationId })
        const isAskedAlone = request.query.scope === 'instance'
        return pauseAnswer(options, isAskedAlone ? [] : await askOthers(request, act, options))
      },
    )
}

function askOthers(
  request: FastifyRequest,
  act: keyof typeof acts,
  { saga, timeoutMs }: PausingRouteOptions,
): Promise<readonly PeerAnswer[]> {
  const { body } = request
  const headers = callerHeadersOf(request)
  return askPeers(saga.app, { method: 'POST', path: `/${act}`, headers, body, timeoutMs })
}

const answerForm = Compile(PausingSchema)

function pauseAnswer(
  { saga: { app, pausing } }: PausingRouteOptions,
  others: readonly PeerAnswer[],
): PauseAnswer {
  const own = pausingAnswer(pausing)
  const told = others.map((each) => ({ each, pausing: pausingOf(each) }))
  return {
    ...pausingOfAll([own, ...told.flatMap((other) => other.pausing ?? [])]),
    instances: [
      {
        processId: app?.processId ?? '',
        applicationServer:
          app?.allMetadata.find(({ processId }) => processId === app.processId)
            ?.applicationServer ?? null,
        isThis: true,
        isPaused: own.isPaused,
        problem: null,
      },
      ...told.map(({ each, pausing: of }): InstancePause => {
        const { processId, applicationServer = null } = each.instance
        const problem =
          'problem' in each
            ? each.problem
            : of
              ? null
              : 'It answers in another form: look at its version.'
        return {
          processId,
          applicationServer,
          isThis: false,
          isPaused: of?.isPaused ?? null,
          problem,
        }
      }),
    ],
  }
}

function pausingOf(answer: PeerAnswer): Static<typeof PausingSchema> | undefined {
  return 'body' in answer && answerForm.Check(answer.body) ? answer.body : undefined
}

/** What one wish did on several instances is one act, of the first that did it. */
export function pausingOfAll(
  each: readonly Static<typeof PausingSchema>[],
): Static<typeof PausingSchema> {
  const done = new Map<string, Static<typeof PausingSchema>['acts'][number]>()
  for (const act of each.flatMap(({ acts: all }) => all.toReversed()).toSorted(byTime))
    if (!done.has(`${act.act} ${act.correlationId}`))
      done.set(`${act.act} ${act.correlationId}`, act)
  return {
    isPaused: each.every(({ isPaused }) => isPaused),
    acts: [...done.values()].toReversed(),
  }
}

function byTime(a: { readonly at: string }, b: { readonly at: string }): number {
  return a.at < b.at ? -1 : a.at > b.at ? 1 : 0
}

export function pausingAnswer({ isPaused, acts: done }: Pausing): Static<typeof PausingSchema> {
  return {
    isPaused,
    acts: done.map(({ atMs, ...act }) => ({ ...act, at: new Date(atMs).toISOString() })),
  }
}
