import {
  sendEvents,
  type Caller,
  type FastifyRequest,
  type ServerSentEvent,
  type ServiceApp,
} from '@millrace/runtime'
import { overviewForCustomers, type CustomerOverview } from './customer-overview.ts'
import { isStaffOrAdmin } from './identity.ts'
import type { OverviewPoller } from './overview-poller.ts'
import type { Overview } from './overview.ts'

const overviewPath = '/api/overview'

export interface OverviewRouteOptions {
  readonly poller: OverviewPoller
  /** Who asks. Throws for those who may not look. */
  readonly admit: (request: FastifyRequest) => Promise<Caller>
  /** Others than staff and admins see less: in production mode. */
  readonly isForStaff: boolean
}

/** What of an overview somebody is shown. */
type View = (overview: Overview) => Overview | CustomerOverview

/** `GET /api/overview` and its stream, one `overview` event a second. */
export function registerOverview(app: ServiceApp, options: OverviewRouteOptions): void {
  const { poller } = options
  const tags = ['overview']
  app.get(
    overviewPath,
    {
      schema: {
        tags,
        summary: 'State, rates and backlog of all parts',
        description:
          'Figures that are not known are null. Rates are per second over the last 5 s and need two readings, so a first call has some unknown. In production mode the shop, addresses and faults are for staff and admins, and null for others.',
      },
    },
    async (request, reply) => {
      const view = await viewOf(request, options)
      void reply.header('cache-control', 'no-store')
      return view(await poller.take())
    },
  )
  app.get(
    `${overviewPath}/stream`,
    {
      schema: {
        tags,
        summary: 'The same as server-sent events, one `overview` event a second',
        description: 'What is shown is decided when the stream opens.',
      },
    },
    async (request, reply) => {
      const view = await viewOf(request, options)
      await sendEvents(reply, (signal) => overviewEvents(poller, view, signal))
    },
  )
  app.addHook('onResponse', async (request) => {
    const path = request.url
    if (path.startsWith('/api/') && !path.startsWith(overviewPath)) poller.countRequest()
  })
}

async function viewOf(
  request: FastifyRequest,
  { admit, isForStaff }: OverviewRouteOptions,
): Promise<View> {
  const caller = await admit(request)
  const seesAll = !isForStaff || isStaffOrAdmin(caller)
  return seesAll ? (overview) => overview : overviewForCustomers
}

async function* overviewEvents(
  poller: OverviewPoller,
  view: View,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  for await (const overview of poller.listen(signal))
    yield { event: 'overview', data: view(overview) }
}
