/** Default ports of the services, fixed by the requirements; a taken port moves the service up to the next free one. */
export const servicePorts = {
  gateway: 8080,
  users: 8081,
  orders: 8082,
  catalog: 8085,
  payments: 8086,
  stock: 8087,
  tracking: 8088,
  discussions: 8092,
  'order-saga': 8094,
  'discussion-analytics': 8100,
} as const

export type ServiceName = keyof typeof servicePorts

/** The door first, then who asks others, then who is asked: requests under way are answered before anything they need goes. */
export const serviceStopOrder: readonly ServiceName[] = [
  'gateway',
  'tracking',
  'orders',
  'order-saga',
  'payments',
  'stock',
  'catalog',
  'users',
  'discussions',
  'discussion-analytics',
]

/** Default port of the embedded broker, and of the embedded Postgres. */
export const brokerPort = 9092
export const postgresPort = 5432

/** Which service answers which path behind the gateway; first match wins, order is longest prefix first. */
export const gatewayRoutes: readonly { readonly prefix: string; readonly service: ServiceName }[] =
  [
    { prefix: '/api/discussions', service: 'discussions' },
    { prefix: '/api/users', service: 'users' },
    { prefix: '/api/sessions', service: 'users' },
    { prefix: '/api/products', service: 'catalog' },
    { prefix: '/api/payments', service: 'payments' },
    { prefix: '/api/stock', service: 'stock' },
    { prefix: '/api/orders/table', service: 'order-saga' },
    { prefix: '/api/orders', service: 'orders' },
    { prefix: '/api/streams', service: 'order-saga' },
    { prefix: '/api/analytics', service: 'discussion-analytics' },
    { prefix: '/api/tracking', service: 'tracking' },
  ]

/** Database of each service, on one server. */
export const serviceDatabases = {
  discussions: 'discussion_service_db',
  'discussion-analytics': 'analytics_db',
  users: 'users_db',
  catalog: 'catalog_db',
  payments: 'payments_db',
  stock: 'stock_db',
  orders: 'order_db',
  tracking: 'tracking_db',
} as const satisfies Partial<Record<ServiceName, string>>

/** The read model of orders is a database of its own, beside `order_db`. */
export const orderReadDatabase = 'order_read_db'
