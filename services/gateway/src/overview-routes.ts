import {
  sendEvents,
  type FastifyRequest,
  type ServerSentEvent,
  type ServiceApp,
} from '@millrace/runtime'
import type { OverviewPoller } from './overview-poller.ts'

const overviewPath = '/api/overview'

/** `GET /api/overview` and its stream, one `overview` event a second. */
export function registerOverview(
  app: ServiceApp,
  poller: OverviewPoller,
  /** Throws for those who may not look. */
  admit: (request: FastifyRequest) => Promise<void>,
): void {
  const tags = ['overview']
  app.get(
    overviewPath,
    {
      preHandler: admit,
      schema: {
        tags,
        summary: 'State, rates and backlog of all parts',
        description:
          'Figures that are not known are null. Rates are per second over the last 5 s and need two readings, so a first call has some unknown.',
      },
    },
    async (_request, reply) => {
      void reply.header('cache-control', 'no-store')
      return poller.take()
    },
  )
  app.get(
    `${overviewPath}/stream`,
    {
      preHandler: admit,
      schema: {
        tags,
        summary: 'The same as server-sent events, one `overview` event a second',
      },
    },
    async (_request, reply) => {
      await sendEvents(reply, (signal) => overviewEvents(poller, signal))
    },
  )
  app.addHook('onResponse', async (request) => {
    const path = request.url
    if (path.startsWith('/api/') && !path.startsWith(overviewPath)) poller.countRequest()
  })
}

async function* overviewEvents(
  poller: OverviewPoller,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  for await (const overview of poller.listen(signal)) yield { event: 'overview', data: overview }
}
