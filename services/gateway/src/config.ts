import { fileURLToPath } from 'node:url'
import { servicePorts, type ServiceName } from '@millrace/contracts'
import type { ConfigTable, ServiceConfig } from '@millrace/runtime'

/** Key of the addresses of a service, `DISCUSSIONS_URL` for `discussions`. */
function addressesOf(service: ServiceName) {
  return {
    type: 'list',
    items: 'url',
    env: `${service.replaceAll('-', '_').toUpperCase()}_URL`,
    minItems: 1,
    maxItems: 32,
    default: [`http://127.0.0.1:${servicePorts[service]}`],
    doc: `Where ${service} listens; several instances parted by commas.`,
  } as const
}

/** All that may be set about the gateway, beside the keys every service has. */
export const gatewayConfig = {
  discussionsUrl: addressesOf('discussions'),
  discussionAnalyticsUrl: addressesOf('discussion-analytics'),
  trackingUrl: addressesOf('tracking'),
  usersUrl: addressesOf('users'),
  catalogUrl: addressesOf('catalog'),
  paymentsUrl: addressesOf('payments'),
  stockUrl: addressesOf('stock'),
  ordersUrl: addressesOf('orders'),
  orderSagaUrl: addressesOf('order-saga'),
  labUrl: {
    type: 'url',
    env: 'LAB_URL',
    default: null,
    doc: 'Where a supervisor offers its lab, which brings faults about; development only.',
  },
  demoSession: {
    type: 'boolean',
    env: 'DEMO_SESSION',
    default: null,
    doc: 'Whether anybody may act as one of the demo people without signing in: by default in development, and never in production mode.',
  },
  identityKey: {
    type: 'string',
    env: 'IDENTITY_SIGNING_KEY',
    default: null,
    secret: true,
    doc: 'Ed25519 key by which services are told who asks: PKCS #8, DER, in base64. By default a new one at each start; several gateways behind one address need the same.',
  },
  webDir: {
    type: 'string',
    env: 'WEB_DIR',
    default: fileURLToPath(new URL('../../../apps/web/dist', import.meta.url)),
    doc: 'Folder of the built web app.',
  },
  startStatusFile: {
    type: 'string',
    env: 'START_STATUS_FILE',
    default: null,
    doc: 'JSON file in which a supervisor tells how the start goes on: {parts: [{name, state, detail, ms}]}.',
  },
  bodyLimitBytes: {
    type: 'integer',
    env: 'GATEWAY_BODY_LIMIT_BYTES',
    min: 1024,
    max: 1_073_741_824,
    default: 8 * 1024 * 1024,
    doc: 'Largest request body passed on, bytes; services have smaller limits of their own.',
  },
  upstreamTimeoutMs: {
    type: 'duration',
    env: 'GATEWAY_UPSTREAM_TIMEOUT',
    minMs: 100,
    maxMs: 300_000,
    default: 30_000,
    doc: 'Longest wait for the head of an answer from a service.',
  },
  probeTimeoutMs: {
    type: 'duration',
    env: 'GATEWAY_PROBE_TIMEOUT',
    minMs: 100,
    maxMs: 300_000,
    default: 1_500,
    doc: 'Longest wait for what the gateway itself asks services: whether they are ready, and their figures.',
  },
} as const satisfies ConfigTable

export type GatewayConfig = ServiceConfig<typeof gatewayConfig>
