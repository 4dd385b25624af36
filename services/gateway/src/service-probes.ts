import type { ServiceName } from '@millrace/contracts'
import type { ServiceInstances } from './service-instances.ts'
import { ServiceProbe, type ProbeResult, type ServiceProbeOptions } from './service-probe.ts'
import type { StatsAnswer } from './service-stats.ts'
import type { ShopStats } from './shop-stats.ts'

/** A service behind the gateway. */
export type BackendName = Exclude<ServiceName, 'gateway'>

/** One probe for each service, in the order they are shown. */
export type ServiceProbes = Readonly<Record<BackendName, ServiceProbe>>

/**
 * Where each service tells its figures, in the order in which parts are shown. Without sums: those read whole tables, and this is asked for each
 * second while somebody looks. Null: readiness is all that is wanted.
 */
const statsPaths: Readonly<Record<BackendName, string | null>> = {
  discussions: '/api/discussions/stats',
  'discussion-analytics': '/api/analytics/stats',
  tracking: null,
  users: null,
  catalog: null,
  orders: '/api/orders/stats?sums=false',
  payments: '/api/payments/stats?sums=false',
  stock: '/api/stock/stats?sums=false',
  'order-saga': '/api/streams/order-saga',
}

export function createProbes(
  instancesOf: (name: BackendName) => ServiceInstances,
  options: ServiceProbeOptions,
): ServiceProbes {
  const entries = Object.entries(statsPaths).map(([name, statsPath]) => [
    name,
    new ServiceProbe(instancesOf(name as BackendName), statsPath, options),
  ])
  return Object.fromEntries(entries) as ServiceProbes
}

/** Never rejects: a service that does not answer is down, and that is the answer. */
export function lookAtAll(probes: ServiceProbes): Promise<ProbeResult[]> {
  return Promise.all(Object.values(probes).map((probe) => probe.look()))
}

/** Null for each service whose figures cannot be had. */
export async function statsOfAll(
  probes: ServiceProbes,
): Promise<ShopStats & { readonly discussions: StatsAnswer; readonly analytics: StatsAnswer }> {
  const [discussions, analytics, orders, payments, stock, saga] = await Promise.all([
    probes.discussions.stats(),
    probes['discussion-analytics'].stats(),
    probes.orders.stats(),
    probes.payments.stats(),
    probes.stock.stats(),
    probes['order-saga'].stats(),
  ])
  return { discussions, analytics, orders, payments, stock, saga }
}
