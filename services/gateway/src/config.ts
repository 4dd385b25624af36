import { fileURLToPath } from 'node:url'
import { servicePorts } from '@millrace/contracts'
import type { ConfigTable, ServiceConfig } from '@millrace/runtime'

/** All that may be set about the gateway, beside the keys every service has. */
export const gatewayConfig = {
  discussionsUrl: {
    type: 'list',
    items: 'url',
    env: 'DISCUSSIONS_URL',
    minItems: 1,
    maxItems: 32,
    default: [`http://127.0.0.1:${servicePorts.discussions}`],
    doc: 'Where the discussion service listens; several instances parted by commas.',
  },
  discussionAnalyticsUrl: {
    type: 'list',
    items: 'url',
    env: 'DISCUSSION_ANALYTICS_URL',
    minItems: 1,
    maxItems: 32,
    default: [`http://127.0.0.1:${servicePorts['discussion-analytics']}`],
    doc: 'Where the discussion analytics service listens; several instances parted by commas.',
  },
  trackingUrl: {
    type: 'list',
    items: 'url',
    env: 'TRACKING_URL',
    minItems: 1,
    maxItems: 32,
    default: [`http://127.0.0.1:${servicePorts.tracking}`],
    doc: 'Where the tracking service listens; several instances parted by commas.',
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
} as const satisfies ConfigTable

export type GatewayConfig = ServiceConfig<typeof gatewayConfig>
