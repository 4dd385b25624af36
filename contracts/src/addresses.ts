/** Default ports of the services, fixed by the requirements; a taken port moves the service up to the next free one. */
export const servicePorts = {
  gateway: 8080,
  tracking: 8088,
  discussions: 8092,
  'discussion-analytics': 8100,
} as const

export type ServiceName = keyof typeof servicePorts

/** Default port of the embedded broker, and of the embedded Postgres. */
export const brokerPort = 9092
export const postgresPort = 5432

/** Which service answers which path behind the gateway; first match wins, order is longest prefix first. */
export const gatewayRoutes: readonly { readonly prefix: string; readonly service: ServiceName }[] =
  [
    { prefix: '/api/discussions', service: 'discussions' },
    { prefix: '/api/analytics', service: 'discussion-analytics' },
    { prefix: '/api/tracking', service: 'tracking' },
  ]

/** Database of each service, on one server. */
export const serviceDatabases = {
  discussions: 'discussion_service_db',
  'discussion-analytics': 'analytics_db',
  tracking: 'tracking_db',
} as const satisfies Partial<Record<ServiceName, string>>
