import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router'
import { PageNotFound, Shell } from './features/shell/shell.tsx'
import { asProblem } from './lib/problem.ts'
import { ProblemNotice } from './ui/states.tsx'

/** The query of an address as plain text values: `?course=42` is the text 42, and is written so. */
function parseSearch(search: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(search))
}

function stringifySearch(search: Record<string, unknown>): string {
  const set = Object.entries(search).filter(([, value]) => value !== undefined && value !== '')
  const query = new URLSearchParams(set.map(([key, value]) => [key, String(value)]))
  return set.length === 0 ? '' : `?${query}`
}

function searchOf<const Key extends string>(
  ...keys: readonly Key[]
): (search: Record<string, unknown>) => Partial<Record<Key, string>> {
  return (search) =>
    Object.fromEntries(
      keys.flatMap((key) => {
        const value = search[key]
        return typeof value === 'string' && value !== '' ? [[key, value]] : []
      }),
    ) as Partial<Record<Key, string>>
}

const rootRoute = createRootRoute({
  component: Shell,
  notFoundComponent: PageNotFound,
  errorComponent: ({ error }) => (
    <div className="page">
      <ProblemNotice problem={asProblem(error)} onRetry={() => location.reload()} />
    </div>
  ),
})

const overviewRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  // event: the event followed. as=list: the map as a list.
  validateSearch: searchOf('event', 'as'),
  component: lazyRouteComponent(
    () => import('./features/overview/overview-page.tsx'),
    'OverviewPage',
  ),
})

const discussionsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/discussions',
  // course: only threads of this course.
  validateSearch: searchOf('course'),
  component: lazyRouteComponent(
    () => import('./features/discussions/list/discussions-page.tsx'),
    'DiscussionsPage',
  ),
})

const threadRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/discussions/$threadId',
  // event: the event followed beside the thread.
  validateSearch: searchOf('event'),
  component: lazyRouteComponent(
    () => import('./features/discussions/detail/thread-page.tsx'),
    'ThreadPage',
  ),
})

const eventLogRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/log',
  // q: any id, or text. The others as the API has them; range: 15m, 1h, 24h, 7d, all.
  validateSearch: searchOf('q', 'status', 'service', 'topic', 'type', 'group', 'range'),
  component: lazyRouteComponent(
    () => import('./features/event-log/event-log-page.tsx'),
    'EventLogPage',
  ),
})

const journeyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/journeys/$id',
  // view: story (none), sequence, timeline. event: the event whose payload is open.
  validateSearch: searchOf('view', 'event'),
  component: lazyRouteComponent(() => import('./features/journey/journey-page.tsx'), 'JourneyPage'),
})

const failuresRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/failures',
  // q: text in what they are named by. range: 1h, 24h (none), 7d, 31d.
  validateSearch: searchOf('q', 'range'),
  component: lazyRouteComponent(
    () => import('./features/failures/failures-page.tsx'),
    'FailuresPage',
  ),
})

const failureRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/failures/$fingerprint',
  // event: id and group of the event that is open.
  validateSearch: searchOf('event'),
  component: lazyRouteComponent(
    () => import('./features/failures/failure-page.tsx'),
    'FailurePage',
  ),
})

const operationsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/operations',
  // state, group: as the API has them. new=replay: the form is open.
  validateSearch: searchOf('state', 'group', 'new'),
  component: lazyRouteComponent(
    () => import('./features/operations/operations-page.tsx'),
    'OperationsPage',
  ),
})

const operationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/operations/$id',
  component: lazyRouteComponent(
    () => import('./features/operations/operation-page.tsx'),
    'OperationPage',
  ),
})

const streamsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/streams',
  // What is looked for in a store, as people wrote it; times are UTC.
  validateSearch: searchOf('store', 'find', 'key', 'from', 'to', 'since', 'until', 'order'),
  component: lazyRouteComponent(() => import('./features/streams/streams-page.tsx'), 'StreamsPage'),
})

const labRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/lab',
  component: lazyRouteComponent(() => import('./features/lab/lab-page.tsx'), 'LabPage'),
})

const ordersRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/orders',
  // status: as the API has it. customer: only of this person. new: the form is open.
  validateSearch: searchOf('status', 'customer', 'new'),
  component: lazyRouteComponent(() => import('./features/orders/orders-page.tsx'), 'OrdersPage'),
})

const cancellationsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/orders/cancellations',
  // customer: only of this person.
  validateSearch: searchOf('customer'),
  component: lazyRouteComponent(
    () => import('./features/orders/cancellations-page.tsx'),
    'CancellationsPage',
  ),
})

const orderRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/orders/$orderId',
  component: lazyRouteComponent(() => import('./features/orders/order-page.tsx'), 'OrderPage'),
})

const peopleRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/people',
  // q: part of name, address or id. role: as the API has it. new: the form is open.
  validateSearch: searchOf('q', 'role', 'new'),
  component: lazyRouteComponent(() => import('./features/people/people-page.tsx'), 'PeoplePage'),
})

const personRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/people/$personId',
  component: lazyRouteComponent(() => import('./features/people/person-page.tsx'), 'PersonPage'),
})

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-in',
  // back: where to go on. why=ended: a session is over.
  validateSearch: searchOf('back', 'why'),
  component: lazyRouteComponent(() => import('./features/identity/sign-in-page.tsx'), 'SignInPage'),
})

const registerRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/register',
  // back: where to go on.
  validateSearch: searchOf('back'),
  component: lazyRouteComponent(
    () => import('./features/identity/register-page.tsx'),
    'RegisterPage',
  ),
})

/** All addresses of the app. */
export const router = createRouter({
  routeTree: rootRoute.addChildren([
    overviewRoute,
    eventLogRoute,
    journeyRoute,
    failuresRoute,
    failureRoute,
    operationsRoute,
    operationRoute,
    streamsRoute,
    labRoute,
    ordersRoute,
    cancellationsRoute,
    orderRoute,
    discussionsRoute,
    threadRoute,
    peopleRoute,
    personRoute,
    signInRoute,
    registerRoute,
  ]),
  defaultPreload: 'intent',
  scrollRestoration: true,
  parseSearch,
  stringifySearch,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
