import { gatewayRoutes, servicePorts } from '@millrace/contracts'
import type { Clock } from '@millrace/core'
import {
  defineService,
  identityHeader,
  type FastifyRequest,
  type ServiceApp,
} from '@millrace/runtime'
import { gatewayConfig, type GatewayConfig } from './config.ts'
import { isStaffOrAdmin, registerIdentity, type Identity } from './identity.ts'
import { OverviewPoller } from './overview-poller.ts'
import { registerOverview } from './overview-routes.ts'
import { platformParts, readinessOf } from './platform-parts.ts'
import { registerProxy, type ProxyRoute } from './proxy.ts'
import { registerServiceDocs } from './service-docs.ts'
import { ServiceInstances } from './service-instances.ts'
import { createProbes, lookAtAll, type BackendName } from './service-probes.ts'
import { StartStatus } from './start-status.ts'
import { registerWebApp } from './web-app.ts'

/** The one door: web app, identity, routes to all services, and the state of the whole. */
export const gatewayService = defineService({
  name: 'gateway',
  version: '0.1.0',
  description:
    'The one door: serves the web app, says who a request comes from, and passes /api on to the services. Their own pages: /docs/discussions/, /docs/discussion-analytics/ and /docs/tracking/.',
  port: servicePorts.gateway,
  config: gatewayConfig,
  identity: 'own',
  async setup({ app, config, logger, meter, clock, addReadinessParts, tellReasonsTo }) {
    setSecurityHeaders(app)
    const instances = new Map(
      Object.entries(serviceUrls(config)).map(([name, urls]) => [
        name,
        new ServiceInstances(name, urls, clock),
      ]),
    )
    const instancesOf = (name: string): ServiceInstances => {
      const found = instances.get(name)
      if (!found)
        throw new Error(`contracts route to ${name}, but the gateway has no address of it`)
      return found
    }
    const users = instancesOf('users')
    const identity = registerIdentity(app, { config, users, clock, logger })
    const probes = createProbes(instancesOf, {
      clock,
      timeoutMs: config.probeTimeoutMs,
      headersOf: () => ({
        [identityHeader]: identity.signer.sign({ userId: 'gateway', roles: ['staff'] }),
      }),
    })
    const startStatus = new StartStatus(config.startStatusFile)
    const poller = new OverviewPoller({
      probes,
      startStatus,
      self: { name: 'gateway', kind: 'service', state: 'up', reason: null, url: null },
      mode: config.mode,
      clock,
      logger,
    })
    addReadinessParts(async () => {
      const [start, looks] = await Promise.all([startStatus.read(), lookAtAll(probes)])
      const hasBeenReady = (part: string): boolean => startStatus.hasBeenReady(part)
      return readinessOf(platformParts(looks, start?.parts ?? [], { hasBeenReady }))
    })
    if (config.mode === 'production') tellReasonsTo((request) => isStaff(identity, request))
    registerOverview(app, {
      poller,
      admit: (request) => identity.admit(request),
      isForStaff: config.mode === 'production',
    })
    registerServiceDocs(app, instances)
    await registerProxy(app, {
      routes: [
        ...gatewayRoutes.map(({ prefix, service }) => ({
          prefix,
          instances: instancesOf(service),
        })),
        ...labRoute(config, clock),
      ],
      identity,
      bodyLimitBytes: config.bodyLimitBytes,
      upstreamTimeoutMs: config.upstreamTimeoutMs,
      meter,
    })
    await registerWebApp(app, config.webDir)
  },
})

/** Whoever cannot be named, for whatever reason, is not. */
async function isStaff(identity: Identity, request: FastifyRequest): Promise<boolean> {
  const caller = await identity.identify(request).catch(() => null)
  return caller !== null && isStaffOrAdmin(caller)
}

/** The lab kills processes for whoever asks: it is there in development alone. */
function labRoute({ mode, labUrl }: GatewayConfig, clock: Clock): readonly ProxyRoute[] {
  if (mode !== 'development' || labUrl === null) return []
  return [{ prefix: '/api/lab', instances: new ServiceInstances('lab', [labUrl], clock) }]
}

/** One table of addresses until there is discovery. A service that contracts add must be added here, or this does not compile. */
function serviceUrls(config: GatewayConfig): Record<BackendName, readonly string[]> {
  return {
    discussions: config.discussionsUrl,
    'discussion-analytics': config.discussionAnalyticsUrl,
    tracking: config.trackingUrl,
    users: config.usersUrl,
    catalog: config.catalogUrl,
    payments: config.paymentsUrl,
    stock: config.stockUrl,
    orders: config.ordersUrl,
    'order-saga': config.orderSagaUrl,
  }
}

/** The runtime already sets nosniff; pages bring their own content security policy. */
function setSecurityHeaders(app: ServiceApp): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-frame-options', 'DENY')
    reply.header('referrer-policy', 'same-origin')
    reply.header('cross-origin-opener-policy', 'same-origin')
  })
}
